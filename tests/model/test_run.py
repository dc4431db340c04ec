"""What a run's members say of it, where some are missing or wrong."""

import pytest

from exporter.model.run import Run, run_key

SEEN = 1000.0
"""When the run was first seen ended."""


def run(
    status: str | None = "SUCCEEDED",
    *,
    start_time: float | None = 100.0,
    end_time: float | None = 700.0,
    last_updated: float | None = 705.0,
) -> Run:
    """Return a run of ten minutes."""
    return Run(run_id="a", status=status, start_time=start_time, end_time=end_time, last_updated=last_updated)


@pytest.mark.parametrize(
    ("seen", "over"),
    [
        (run("STARTING", end_time=None), False),
        (run("RUNNING", end_time=None), False),
        (run("RUNNING"), False),
        (run("SUCCEEDED"), True),
        (run("FAILED", end_time=None), True),
        (run("STOPPED", end_time=None), True),
        (run("PAUSED", end_time=None), False),
        (run("PAUSED"), True),
        (run(None, end_time=None), False),
        (run(None), True),
    ],
)
def test_a_run_is_over_by_its_status_or_where_that_is_not_listed_by_its_end(seen: Run, *, over: bool) -> None:
    assert seen.ended is over


@pytest.mark.parametrize(
    ("status", "label"), [("RUNNING", "RUNNING"), ("PAUSED", "UNKNOWN"), ("", "UNKNOWN"), (None, None)]
)
def test_a_status_that_is_not_listed_is_unknown_and_a_missing_one_is_none(
    status: str | None, label: str | None
) -> None:
    assert run(status).status_label == label


@pytest.mark.parametrize(
    ("refresh_type", "label"),
    [
        ("FULL", "FULL"),
        ("INCREMENTAL", "INCREMENTAL"),
        ("PARTIAL", "UNKNOWN"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_a_refresh_type_that_is_missing_or_not_listed_is_unknown(
    refresh_type: str | None, label: str
) -> None:
    assert run()._replace(refresh_type=refresh_type).refresh_type_label == label


@pytest.mark.parametrize(
    ("seen", "end"),
    [
        pytest.param(run(), 700.0, id="EndTime"),
        pytest.param(run(end_time=None), 705.0, id="else LastUpdated"),
        pytest.param(run(end_time=None, last_updated=None), SEEN, id="else when it was first seen ended"),
    ],
)
def test_where_the_end_of_a_run_comes_from(seen: Run, end: float) -> None:
    assert seen.end(SEEN) == end


@pytest.mark.parametrize(("ahead", "end"), [(2.0, SEEN + 2.0), (2.5, SEEN), (1e12, SEEN)])
def test_an_end_in_the_future_is_when_the_run_was_seen_ended(ahead: float, end: float) -> None:
    """Else it would keep the run from settling, and pass for a fresh success at all times."""
    assert run(end_time=SEEN + ahead, last_updated=None).end(SEEN) == end
    assert run(end_time=None, last_updated=SEEN + ahead).end(SEEN) == end


def test_where_the_end_lies_in_the_future_the_last_update_takes_its_place() -> None:
    assert run(end_time=SEEN + 1e12, last_updated=SEEN - 60.0).end(SEEN) == SEEN - 60.0


def test_run_ids_are_compared_in_any_case() -> None:
    assert run_key("0F8FAD5B-d9cb") == run_key("0f8fad5b-D9CB") == "0f8fad5b-d9cb"


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        pytest.param(run(), 600.0, id="over: from start to end, whatever time it is"),
        pytest.param(run("RUNNING", end_time=None), 900.0, id="still going: until now"),
        pytest.param(run("STARTING", start_time=None, end_time=None), None, id="not started"),
        pytest.param(run(start_time=None), None, id="over, but who knows since when"),
        pytest.param(run(end_time=None), None, id="over, but its end is not reported yet"),
        pytest.param(run(end_time=99.0), 0.0, id="ended before it started"),
        pytest.param(run("RUNNING", start_time=SEEN + 5.0, end_time=None), 0.0, id="starts in the future"),
        pytest.param(run(end_time=100.5), 0.5, id="over in half a second"),
        pytest.param(run("RUNNING", start_time=999.5, end_time=None), 0.5, id="begun half a second ago"),
    ],
)
def test_how_long_a_run_takes_at_1000_seconds(seen: Run, seconds: float | None) -> None:
    assert seen.duration(SEEN) == seconds


def test_runs_are_ordered_by_creation_then_start_then_last_update_then_their_id() -> None:
    """A time that is missing is older than any."""
    in_order = [
        Run(run_id="z"),
        Run(run_id="z", last_updated=1.0),
        Run(run_id="z", start_time=-5.0),
        Run(run_id="z", creation_time=-5.0),
        Run(run_id="z", creation_time=1.0, start_time=1.0),
        Run(run_id="a", creation_time=1.0, start_time=2.0, last_updated=3.0),
        Run(run_id="b", creation_time=1.0, start_time=2.0, last_updated=3.0),
        Run(run_id="a", creation_time=2.0),
    ]
    runs = in_order[::-1]
    runs.sort(key=lambda run: run.age_order)
    assert runs == in_order
