"""What clients ask for, and what they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.exposition import accepts_gzip, negotiate_format
from exporter.metrics.text import Format

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT_FIRST = (
    "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        "application/openmetrics-text",
        'Application/OpenMetrics-Text ; Version = "1.0.0"',
        "application/openmetrics-text;q=0.5,text/plain;q=0.5",
        "application/openmetrics-text;q=0.5,text/plain;version=1.0.0",
        "application/openmetrics-text;q=0.1,application/openmetrics-text;q=0.5,text/plain;q=0.3",
    ],
)
def test_openmetrics_is_for_those_who_ask_for_it_no_less_than_for_text(accept: str) -> None:
    assert negotiate_format(accept) is Format.OPENMETRICS


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json",
        PROMETHEUS_3_TEXT_FIRST,
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=much",
        "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.6",
    ],
)
def test_everybody_else_gets_the_text_format(accept: str | None) -> None:
    assert negotiate_format(accept) is Format.TEXT


@pytest.mark.parametrize(
    "accept_encoding",
    ["gzip", "GZIP", "gzip, deflate, br, zstd", "gzip;q=0.5, identity;q=0.5", "*", "br, *;q=0.5"],
)
def test_gzip_is_for_those_who_take_it(accept_encoding: str) -> None:
    assert accepts_gzip(accept_encoding)


@pytest.mark.parametrize(
    "accept_encoding",
    [None, "", "identity", "deflate, br", "gzip;q=0", "gzip ; q = 0.0, *", 'gzip;q="0"', "*;q=0"]
    + [f"gzip;q={quality}" for quality in ("nan", "-1", "2", "much")],
)
def test_a_client_that_does_not_take_gzip_gets_plain_bytes(accept_encoding: str | None) -> None:
    assert not accepts_gzip(accept_encoding)


@given(st.text(st.characters(codec="latin-1")) | st.text("gzip*/;,=q0.1 textplain"))
def test_no_header_whatsoever_is_an_error(header: str) -> None:
    assert negotiate_format(header) in Format
    assert accepts_gzip(header) in (True, False)
