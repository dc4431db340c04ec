"""When an ended run is read for the last time, and what becomes of runs that Glue does not know."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import Reason
from exporter.model.run import Run
from tests.support.clock import START
from tests.support.reader import glue_error
from tests.support.store_bench import StoreBench, ended, running, target

NOT_FOUND = glue_error(Reason.NOT_FOUND)


def settled_after(run: Run, seconds: float, *, first_read_after: float = 0.0) -> bool:
    """Return whether a run that is read then and again so many seconds after the start settles at that."""
    bench = StoreBench()
    bench.configure(target("prod", run.run_id))
    bench.clock.advance(first_read_after)
    bench.read(run)
    bench.clock.advance(seconds - first_read_after)
    bench.read(run)
    return bench.due() == []


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
        pytest.param(
            ended("a", end_time=START + 10**9),
            100 + 600,
            id="settle_period after it was seen, ended in future",
        ),
    ],
)
def test_a_run_settles(run: Run, settled_at: float) -> None:
    assert not settled_after(run, settled_at - 1, first_read_after=100)
    assert settled_after(run, settled_at, first_read_after=100)


def test_a_run_that_ended_long_ago_is_settled_by_its_first_read(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    bench.clock.advance(5000)
    bench.read(ended("a"))
    assert bench.due() == []


@pytest.mark.parametrize("status", ["STARTING", "RUNNING", "CANCELLING", None])
def test_a_run_that_has_not_ended_never_settles(status: str | None) -> None:
    assert not settled_after(running("a", status=status), 10**6)


def test_a_run_that_glue_reports_unended_again_is_read_on(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    bench.read(ended("a"))
    bench.read(running("a"))
    bench.clock.advance(10_000)
    bench.read(running("a"))
    assert bench.due() == ["a"]
    assert bench.shown.run("a").run == running("a")


def test_a_wall_clock_that_jumps_back_settles_nothing_early(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    bench.clock.advance(100)
    bench.read(ended("a"))
    bench.clock.jump(-86_400)
    bench.read(ended("a"))
    assert bench.due() == ["a"]


def test_a_settled_run_stays_up_through_a_failing_poll(bench: StoreBench) -> None:
    bench.configure(target("prod", "settled", "active"))
    bench.clock.advance(5000)
    bench.read(ended("settled"), running("active"))
    bench.read(unread=("active",), error=glue_error(Reason.TIMEOUT), finished=False)
    assert bench.shown.ups == {"settled": True, "active": False}


def test_two_reads_in_a_row_that_do_not_find_a_run_drop_its_values(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    bench.read(running("a"))
    for left in (running("a"), None):
        bench.read(errors={"a": NOT_FOUND})
        assert (bench.shown.run("a").run, bench.shown.run("a").up) == (left, False)


def test_a_read_that_finds_it_between_two_that_do_not_keeps_the_values(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    for _ in range(3):
        bench.read(running("a"))
        bench.read(errors={"a": NOT_FOUND})
    assert bench.shown.run("a").run == running("a")


def test_a_run_that_comes_back_has_its_values_again(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    bench.read(errors={"a": NOT_FOUND})
    bench.read(errors={"a": NOT_FOUND})
    bench.read(running("a"))
    assert (bench.shown.run("a").run, bench.shown.run("a").up) == (running("a"), True)
    assert bench.due() == ["a"]


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.NOT_FOUND}))
def test_failures_however_many_keep_the_last_good_values(bench: StoreBench, reason: Reason) -> None:
    bench.configure(target("prod", "a"))
    bench.read(running("a"))
    for _ in range(5):
        bench.read(errors={"a": glue_error(reason)}, error=glue_error(reason))
    assert (bench.shown.run("a").run, bench.shown.run("a").up) == (running("a"), False)


def test_failures_do_not_delay_the_next_attempt(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    for _ in range(5):
        bench.read(errors={"a": glue_error(Reason.TIMEOUT)})
        assert bench.due() == ["a"]


@settings(deadline=None)  # a busy machine is not a failure
@given(
    poll_interval=st.integers(5, 3600), resync_interval=st.integers(5, 86_400), misses=st.integers(1, 2000)
)
def test_an_unknown_id_waits_twice_as_long_each_time_up_to_resync_interval(
    poll_interval: int, resync_interval: int, misses: int
) -> None:
    bench = StoreBench()
    bench.configure(target("prod", "a"), poll_interval=poll_interval, resync_interval=resync_interval)
    for _ in range(min(misses, 40)):
        bench.read(errors={"a": NOT_FOUND})
    wait = min(resync_interval, poll_interval * 2 ** (min(misses, 40) - 1))
    early = wait - poll_interval / 2
    bench.clock.advance(max(0.0, early - 1.0))
    assert bench.due() == ([] if early > 0.0 else ["a"])
    bench.clock.advance(1.5)
    assert bench.due() == ["a"]


def test_an_id_that_was_known_meanwhile_is_asked_for_again_at_once(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    for _ in range(5):
        bench.read(errors={"a": NOT_FOUND})
    bench.read(running("a"))
    assert bench.due() == ["a"]
    bench.read(errors={"a": NOT_FOUND})
    bench.clock.advance(30.0)
    assert bench.due() == ["a"], "as after the first time"


@pytest.mark.parametrize(("seconds", "due"), [(14.5, []), (15.0, ["a"])])
def test_a_poll_that_comes_half_an_interval_early_is_the_next_one(
    bench: StoreBench, seconds: float, due: list[str]
) -> None:
    bench.configure(target("prod", "a"))
    bench.read(errors={"a": NOT_FOUND})
    bench.clock.advance(seconds)
    assert bench.due() == due


def test_an_unknown_id_has_had_its_turn(bench: StoreBench) -> None:
    """What a poll had no time for comes first in the next one."""
    bench.configure(target("prod", "a", "b"))
    bench.read(errors={"a": NOT_FOUND}, finished=False)
    bench.clock.advance(30.0)
    assert bench.due() == ["b", "a"]


def test_a_thousand_misses_overflow_nothing(bench: StoreBench) -> None:
    bench.configure(target("prod", "a"))
    for _ in range(1100):
        bench.read(errors={"a": NOT_FOUND})
    bench.clock.advance(900)
    assert bench.due() == ["a"]
