"""When an ended run is read for the last time, and what becomes of runs that Glue does not know."""

from collections.abc import Sequence

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.run import Run
from tests.support.clock import START
from tests.support.reader import glue_error
from tests.support.store_bench import StoreBench, ended, running

NOT_FOUND = glue_error(Reason.NOT_FOUND)
TIMEOUT = glue_error(Reason.TIMEOUT)


@pytest.fixture
def bench() -> StoreBench:
    """Return a store that watches one run."""
    bench = StoreBench()
    bench.watch("a")
    return bench


@pytest.mark.parametrize(
    ("run", "settled_at"),
    [
        pytest.param(ended("a"), 60 + 600, id="settle_period after EndTime"),
        pytest.param(ended("a", status="FAILED"), 60 + 600, id="failed"),
        pytest.param(ended("a", status="STOPPED"), 60 + 600, id="stopped"),
        pytest.param(ended("a", status="CANCELLED"), 60 + 600, id="an unlisted status with EndTime"),
        pytest.param(ended("a", dpu_seconds=0.0), 60 + 600, id="0 DPU seconds are known"),
        pytest.param(ended("a", dpu_seconds=None), 60 + 3600, id="an hour where DPUSeconds is missing"),
        pytest.param(
            Run(run_id="a", status="SUCCEEDED", dpu_seconds=1.0, last_updated=START + 60),
            60 + 3600,
            id="an hour after LastUpdated where EndTime is missing",
        ),
        pytest.param(
            Run(run_id="a", status="SUCCEEDED", dpu_seconds=1.0),
            100 + 3600,
            id="an hour after it was first seen ended where no time is known",
        ),
        pytest.param(ended("a", end_time=START + 10**9), 100 + 600, id="ended in future: when it was seen"),
        *(
            pytest.param(running("a", status=status), None, id=f"never: {status}")
            for status in ("STARTING", "RUNNING", "CANCELLING", None)
        ),
    ],
)
def test_a_run_settles(bench: StoreBench, run: Run, settled_at: float | None) -> None:
    bench.clock.advance(100)
    bench.read(run)
    bench.clock.advance((settled_at or 10**6) - 101)
    bench.read(run)
    assert bench.due() == ["a"]
    bench.clock.advance(1)
    bench.read(run)
    assert bench.due() == ([] if settled_at else ["a"])


def test_a_run_that_glue_reports_unended_again_is_read_on(bench: StoreBench) -> None:
    bench.read(ended("a"))
    bench.read(running("a"))
    bench.clock.advance(10_000)
    bench.read(running("a"))
    assert bench.due() == ["a"]
    assert bench.shown.run("a").run == running("a")


def test_a_wall_clock_that_jumps_back_settles_nothing_early(bench: StoreBench) -> None:
    bench.clock.advance(100)
    bench.read(ended("a"))
    bench.clock.jump(-86_400)
    bench.read(ended("a"))
    assert bench.due() == ["a"]


def test_a_settled_run_stays_up_through_a_failing_poll(bench: StoreBench) -> None:
    bench.watch("settled", "active")
    bench.clock.advance(5000)
    bench.read(ended("settled"), running("active"))
    bench.read(unread=("active",), error=TIMEOUT, finished=False)
    assert bench.shown.ups == {"settled": True, "active": False}


@pytest.mark.parametrize(
    ("answers", "there", "up"),
    [
        ([running("a"), NOT_FOUND], True, False),
        ([running("a"), NOT_FOUND, NOT_FOUND], False, False),
        ([running("a"), NOT_FOUND, running("a"), NOT_FOUND], True, False),
        ([NOT_FOUND, NOT_FOUND, running("a")], True, True),
        ([running("a"), *[TIMEOUT] * 5], True, False),
    ],
    ids=["missed once", "missed twice", "found in between", "back again", "any number of failures"],
)
def test_two_reads_in_a_row_that_do_not_find_a_run_drop_its_values(
    bench: StoreBench, answers: Sequence[Run | GlueError], *, there: bool, up: bool
) -> None:
    for answer in answers:
        if isinstance(answer, Run):
            bench.read(answer)
        else:
            bench.read(errors={"a": answer}, error=None if answer is NOT_FOUND else answer)
    assert (bench.shown.run("a").run, bench.shown.run("a").up) == (running("a") if there else None, up)
    assert bench.due() == ([] if answers[-1] is NOT_FOUND else ["a"]), "a failure delays nothing"


@pytest.mark.parametrize(("misses", "wait"), [(1, 30.0), (2, 60.0), (5, 480.0), (6, 900.0), (1100, 900.0)])
def test_an_unknown_id_waits_twice_as_long_each_time_up_to_resync_interval(
    bench: StoreBench, misses: int, wait: float
) -> None:
    """A poll that comes half an interval early is the next one."""
    for _ in range(misses):
        bench.read(errors={"a": NOT_FOUND})
    bench.clock.advance(wait - 15.5)
    assert bench.due() == []
    bench.clock.advance(0.5)
    assert bench.due() == ["a"]
    bench.read(running("a"))
    bench.read(errors={"a": NOT_FOUND})
    bench.clock.advance(30.0)
    assert bench.due() == ["a"], "as after the first time"


def test_an_unknown_id_has_had_its_turn(bench: StoreBench) -> None:
    """What a poll had no time for comes first in the next one."""
    bench.watch("a", "b")
    bench.read(errors={"a": NOT_FOUND}, finished=False)
    bench.clock.advance(30.0)
    assert bench.due() == ["b", "a"]
