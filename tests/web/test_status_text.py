"""How values are written for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web import status_text

NOON = 1_700_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0 s"),
        (0.04, "under 0.1 s"),
        (0.25, "0.2 s"),
        (1.4, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185.0, "3 min 5 s"),
        (3600.0, "1 h"),
        (7 * 3600 + 185.0, "7 h 3 min"),
        (86400 * 2 + 4 * 3600.0, "2 d 4 h"),
        (86400 * 4000.0, "4,000 d"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert status_text.duration(seconds) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (None, "\N{EN DASH}"),
        (NOON - 185, "3 min 5 s ago"),
        (NOON + 0.3, "just now"),
        (NOON + 20, "in 20 s"),
    ],
)
def test_a_time_is_told_from_now(time: float | None, text: str) -> None:
    """A clock that is a little ahead must not give negative times."""
    assert status_text.ago(time, NOON) == text


def test_times_are_utc() -> None:
    assert status_text.iso(NOON + 0.5) == "2023-11-14T22:13:20.500Z"
    assert status_text.absolute(NOON) == "2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize("time", [None, 1e300, float("inf"), float("nan")])
def test_what_is_no_date_is_unknown(time: float | None) -> None:
    assert status_text.iso(time) is None
    assert status_text.absolute(time) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (1_234_567_890, "1.23 GB"),
        (10**24, "1,000,000.00 EB"),
    ],
)
def test_bytes_are_told_in_powers_of_a_thousand(number: int | None, text: str) -> None:
    assert status_text.size(number) == text


def test_dpu_seconds_are_told_as_hours() -> None:
    assert status_text.dpu_hours(120.0) == "0.033"
    assert status_text.dpu_hours(None) == "\N{EN DASH}"


def test_numbers_of_things_are_grouped() -> None:
    assert status_text.count(10000) == "10,000"
    assert status_text.count(None) == "\N{EN DASH}"


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
