"""Each ended run of a view counts exactly once, beginning with what ends after the view's baseline."""

import sys
from collections.abc import Sequence

import pytest

from exporter.model.run import Run
from exporter.store.counters import DURATION_BUCKETS, ViewCounters
from tests.state.naive_model import nonzero
from tests.support.clock import START
from tests.support.store_bench import DAILY, StoreBench, ended, running, view


def counters(views: StoreBench) -> ViewCounters:
    return views.shown.facts().counters


def test_runs_that_had_ended_in_the_first_complete_listing_are_not_counted(views: StoreBench) -> None:
    """Nor are their late figures."""
    views.poll(ended("a"), complete=False)
    views.poll(ended("a", end_time=None, dpu_seconds=None), ended("b", status="FAILED"))
    views.poll(ended("a"), ended("b", status="FAILED"))
    assert counters(views) == ViewCounters()


@pytest.mark.parametrize(
    "seen",
    [
        [ended("a")] * 3,
        [ended("a"), running("a"), ended("a")],
        [None, None, None, ended("a"), None, ended("a")],
    ],
    ids=["again and again", "running again", "missed, and back"],
)
def test_a_run_that_ends_after_the_baseline_is_counted_once(
    views: StoreBench, seen: Sequence[Run | None]
) -> None:
    views.poll(running("a")._replace(dpu_seconds=50.0, processed_bytes=500))
    assert counters(views) == ViewCounters()
    for run in (*seen, *seen):
        views.poll(*filter(None, [run]))
        views.clock.advance(3600.0)
    assert views.shown.runs_total() == {"SUCCEEDED": 1}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "STOPPED"])
@pytest.mark.parametrize(("reported", "label"), [(None, "UNKNOWN"), ("PARTIAL", "UNKNOWN"), ("FULL", "FULL")])
def test_a_run_counts_under_the_status_and_type_that_it_was_first_seen_ended_with(
    counting: StoreBench, status: str, reported: str | None, label: str
) -> None:
    """Without an end time, too."""
    counting.poll(ended("a", status=status, end_time=None)._replace(refresh_type=reported))
    counting.poll(ended("a")._replace(refresh_type="INCREMENTAL"))
    assert nonzero(counters(counting)).runs == {(status, label): 1}


def test_an_unlisted_status_counts_as_unknown_once_there_is_an_end_time(counting: StoreBench) -> None:
    counting.poll(ended("a", status="EXPIRED", end_time=None))
    assert counting.shown.runs_total() == {}
    counting.poll(ended("a", status="EXPIRED"))
    assert counting.shown.runs_total() == {"UNKNOWN": 1}


def test_figures_that_come_late_add_the_difference_to_the_same_series(counting: StoreBench) -> None:
    """Those that shrink or vanish take nothing away, and then count nothing twice."""
    first = ended("a", dpu_seconds=None)._replace(refresh_type="FULL")
    more = first._replace(dpu_seconds=100.0, processed_bytes=1000)
    most = more._replace(dpu_seconds=130.0, processed_bytes=1500, refresh_type="INCREMENTAL")
    steps = [(first, 0.0, 0), (more, 100.0, 1000), (most, 130.0, 1500)]
    for run, dpu_seconds, processed_bytes in (*steps, *((run, 130.0, 1500) for run in (more, first, most))):
        counting.poll(run)
        assert counters(counting).dpu_seconds == {"FULL": dpu_seconds, "INCREMENTAL": 0.0, "UNKNOWN": 0.0}
        assert counters(counting).processed_bytes["FULL"] == processed_bytes


@pytest.mark.parametrize("status", ["FAILED", "STOPPED", "EXPIRED"])
def test_the_histogram_holds_none_but_succeeded_runs(counting: StoreBench, status: str) -> None:
    counting.poll(ended("a", status=status))
    assert sum(counting.shown.runs_total().values()) == 1
    assert sum(counters(counting).durations) == 0


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-5.0, 0), (0.0, 0), (10.0, 0), (10.5, 1), (28800.0, 11), (28800.5, len(DURATION_BUCKETS))],
)
def test_a_bucket_holds_its_upper_bound(counting: StoreBench, seconds: float, bucket: int) -> None:
    counting.poll(ended("a", end_time=START + seconds))
    assert [place for place, number in enumerate(counters(counting).durations) if number] == [bucket]
    assert counters(counting).duration_sum == max(0.0, seconds)


def test_a_view_that_another_pattern_still_wants_keeps_its_baseline(counting: StoreBench) -> None:
    counting.watch(DAILY)
    counting.poll(ended("a"), by_name=[DAILY])
    assert counting.shown.runs_total() == {"SUCCEEDED": 1}


@pytest.mark.parametrize("absent", [0, 1, 3])
def test_a_view_that_is_created_again_under_its_name_goes_on(counting: StoreBench, absent: int) -> None:
    counting.poll(ended("a"))
    for _ in range(absent):
        counting.poll(tables=[])
    counting.clock.advance(600.0)
    counting.poll(ended("b"), tables=[view(created=START + 500.0)])
    assert counting.shown.runs_total() == {"SUCCEEDED": 2}
    assert counting.shown.facts().creation_time == START + 500.0


@pytest.mark.parametrize("missing", ["start_time", "end_time"])
def test_a_success_enters_the_histogram_once_both_its_times_are_known(
    counting: StoreBench, missing: str
) -> None:
    counting.poll(ended("a")._replace(**{missing: None}))  # type: ignore[arg-type] # one of its times
    assert sum(counters(counting).durations) == 0
    counting.poll(ended("a"), ended("b"))
    assert sum(counters(counting).durations) == 2


def test_two_absurd_amounts_make_no_counter_infinite(counting: StoreBench) -> None:
    counting.poll(ended("a", dpu_seconds=1.7e308), ended("b", dpu_seconds=1.7e308))
    assert counters(counting).dpu_seconds["UNKNOWN"] == sys.float_info.max
