"""What clients ask for, and what they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.negotiation import accepts_gzip, negotiate_format
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
    ("accept", "expected"),
    [
        (None, Format.TEXT),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.TEXT),
        ("application/json", Format.TEXT),
        (PROMETHEUS_2, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        (PROMETHEUS_3_TEXT_FIRST, Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", Format.OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.6", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.5,*/*", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*", Format.OPENMETRICS),
        ("application/openmetrics-text;q=much", Format.TEXT),
        ("application/openmetrics-text;q=0.5", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.5,text/*;q=0.6", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/*;q=0.4,*/*", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.5,text/plain;version=1.0.0", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.6", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.1,text/plain;charset=utf-8;q=0.6", Format.TEXT),
        (
            "application/openmetrics-text;q=0.1,application/openmetrics-text;q=0.5,*/*;q=0.3",
            Format.OPENMETRICS,
        ),
        ("application/openmetrics-text ; version = 0.0.1 , text/plain;q=0.1", Format.TEXT),
    ],
)
def test_openmetrics_is_for_those_who_ask_for_it(accept: str | None, expected: Format) -> None:
    """By name, with a version that is ours, and no less than for the text format."""
    assert negotiate_format(accept) is expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("gzip;q=1.0, identity;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("identity, *;q=0.5", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("deflate, br", False),
        ("gzip;q=nan", False),
        ("gzip;q=-1", False),
        ("gzip;q=2", False),
        ("gzip;q=much", False),
        ("gzip;q=0.5", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0, x-gzip;q=0.5", True),
        ("gzip ; q = 0", False),
        ('gzip;q="0"', False),
        ("*;q=0.5, identity;q=0.4", True),
    ],
)
def test_gzip_is_for_those_who_take_it(accept_encoding: str | None, *, expected: bool) -> None:
    """And do not want plain bytes more."""
    assert accepts_gzip(accept_encoding) is expected


@given(st.text(st.characters(codec="latin-1")) | st.text("gzip*/;,=q0.1 textplain"))
def test_no_header_whatsoever_is_an_error(header: str) -> None:
    """Anybody may send anything."""
    assert negotiate_format(header) in Format
    assert accepts_gzip(header) in (True, False)
