"""What a run's members say of it, where some are missing or wrong."""

import pytest

from exporter.model.run import Run

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
