"""How values are written for people."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web import status_text

NOON = 1_700_000_000.0


def since(time: float | None) -> str:
    """Return how long ago it was at noon."""
    return status_text.ago(time, NOON)


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (status_text.duration, 0.0, "0 s"),
        (status_text.duration, 0.04, "0.04 s"),
        (status_text.duration, 0.25, "0.2 s"),
        (status_text.duration, 59.4, "59 s"),
        (status_text.duration, 59.6, "1 min"),
        (status_text.duration, 185.0, "3 min 5 s"),
        (status_text.duration, 3600.0, "1 h"),
        (status_text.duration, 7 * 3600 + 185.0, "7 h 3 min"),
        (status_text.duration, 86400 * 2 + 4 * 3600.0, "2 d 4 h"),
        (status_text.duration, 86400 * 4000.0, "4,000 d"),
        (since, NOON - 185, "3 min 5 s ago"),
        (since, NOON + 0.3, "just now"),
        (since, NOON + 20, "in 20 s"),
        (status_text.absolute, NOON, "2023-11-14 22:13:20 UTC"),
        (status_text.iso, NOON + 0.5, "2023-11-14T22:13:20.500Z"),
        (status_text.size, 0, "0 bytes"),
        (status_text.size, 1_234_567_890, "1.2 GB"),
        (status_text.dpu_hours, 120.0, "0.033"),
        (status_text.count, 10_000, "10,000"),
    ],
)
def test_values_are_written_for_people(write: Callable[[Any], str], value: float, text: str) -> None:
    assert write(value) == text


@pytest.mark.parametrize("name", ["duration", "absolute", "size", "dpu_hours", "count"])
def test_what_is_not_known_is_a_dash(name: str) -> None:
    assert getattr(status_text, name)(None) == since(None) == "\N{EN DASH}"
    assert status_text.iso(None) is None


@pytest.mark.parametrize(
    ("hostile", "text"),
    [
        ("plain, with spaces: é 日本 עברית", "plain, with spaces: é 日本 עברית"),
        ("invoice\u202egpj.exe", "invoice<U+202E>gpj.exe"),
        ("\x1b[31mred", "<U+001B>[31mred"),
        ("a\x00b\x7f", "a<U+0000>b<U+007F>"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("half\ud800", "half<U+D800>"),
        ("\u2028", "<U+2028>"),
        ("one\r\ntwo\n\tthree", "one\ntwo\n\tthree"),
    ],
)
def test_what_would_steer_the_eye_is_spelt_out(hostile: str, text: str) -> None:
    assert status_text.visible(hostile) == text


@given(st.text(st.characters()))
def test_any_text_becomes_one_that_can_be_sent(text: str) -> None:
    status_text.visible(text).encode()


@pytest.mark.parametrize(
    ("region", "start"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#"),
        (
            "us-gov-west-1",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1#",
        ),
    ],
)
def test_a_run_links_to_its_log_group_in_the_console_of_its_partition(region: str, start: str) -> None:
    url = status_text.log_url(region, "0f8fad5b")
    assert url == f"{start}logsV2:log-groups/log-group/$252Faws-glue$252Fmaterialized-views$252F0f8fad5b"


@pytest.mark.parametrize("region", ["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"])
def test_where_the_console_is_not_known_there_is_no_link(region: str) -> None:
    assert status_text.log_url(region, "0f8fad5b") is None


@pytest.mark.parametrize("hostile", ['"><script>', "javascript:", "../../x", "a b\n", "\ud800", "%2F#?&"])
def test_no_run_id_leaves_its_place_in_the_link(hostile: str) -> None:
    url = status_text.log_url("eu-west-1", hostile)
    assert url is not None
    group = url.partition("$252Fmaterialized-views$252F")[2]
    assert url.startswith("https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:")
    assert all(character.isascii() and (character.isalnum() or character in "-._~$") for character in group)
