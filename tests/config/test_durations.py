import pytest

from exporter.config.kinds import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("1h30m", 5400), ("1w2d3h4m5s", 788_645), ("007s", 7)]
)
def test_durations_are_written_as_in_prometheus(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "30 s", "1s1s", "+1s", "1s\n", "٣s", "9" * 99 + "s"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    """More is in durations.yaml of the test data."""
    with pytest.raises(ValueError, match=r"^not a valid duration: .*; write 30s, 5m or 1h30m ") as refused:
        parse_duration(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "1m30s"), (5400, "1h30m"), (1_209_600, "14d")])
def test_a_duration_is_written_in_units_up_to_days(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
