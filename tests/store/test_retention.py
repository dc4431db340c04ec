"""For how long runs and views are remembered, so that the state stays bounded and counts stay right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.model.run import Run
from tests.support.store_bench import DAY, StoreBench, ended, failed, running, started, view


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    """Return a store on disk that has just begun to watch all views of ``sales``."""
    bench = StoreBench(tmp_path / "state")
    bench.watch("sales.*")
    yield bench
    bench.abandon()


def settle(bench: StoreBench, *runs: Run) -> None:
    """See runs, and see them again when they are settled."""
    bench.poll(*runs)
    bench.clock.advance(3700.0)
    bench.poll(*runs)


def test_a_run_is_remembered_for_7_days_after_glue_has_stopped_to_list_it(bench: StoreBench) -> None:
    newest = started(ended("newest"), 100.0)
    bench.poll(ended("a"), newest)
    bench.clock.advance(30 * DAY)
    bench.poll(ended("a"), newest)  # as long as it is listed, however old
    bench.poll(newest)
    bench.clock.advance(7 * DAY)
    bench.poll(newest)
    assert bench.saved_runs == {"a", "newest"}
    bench.clock.advance(1.0)
    bench.poll(newest)
    assert bench.saved_runs == {"newest"}


def test_a_run_that_is_listed_again_is_remembered_anew(bench: StoreBench) -> None:
    newest = started(ended("newest"), 100.0)
    settle(bench, ended("a"), newest)
    bench.poll(newest)
    bench.poll(ended("a"), newest)
    bench.clock.advance(8 * DAY)
    bench.poll(ended("a"), newest)
    assert bench.saved_runs == {"a", "newest"}


def test_a_run_that_is_shown_or_configured_is_remembered_for_as_long(bench: StoreBench) -> None:
    bench.watch("sales.*", "configured")
    success, failure = started(ended("success"), 1.0), failed("failure", 2.0)
    stopped = started(ended("stopped", status="STOPPED"), 3.0)
    settle(bench, ended("configured"), success, failure, stopped)
    for _ in range(3):
        bench.clock.advance(30 * DAY)
        bench.poll()
    assert bench.saved_runs == {"configured", "success", "failure", "stopped"}


def test_a_view_that_no_target_watches_is_remembered_for_90_days(bench: StoreBench) -> None:
    bench.poll()
    bench.poll(ended("a"))
    bench.watch("stock.*")
    for days in (1, 90):  # what is not watched is searched for once a day
        bench.clock.advance(days * DAY)
        bench.poll(tables=[view("stock.levels")])
    assert bench.saved_views == {"daily_orders", "levels"}
    bench.clock.advance(DAY)
    bench.poll(tables=[view("stock.levels")])
    assert bench.saved_views == {"levels"}
    assert bench.saved_runs == set()


FAILURES = [failed(f"f{number}", 10.0 + number) for number in range(1002)]


@pytest.mark.parametrize(
    ("runs", "kept", "in_a_row"),
    [
        ([started(ended("success"), 0.0), *FAILURES[:3]], {"success", "f0", "f1", "f2"}, 3),
        (FAILURES[:3], {"f0", "f1", "f2"}, 3),
        ([*FAILURES[:3], started(ended("success"), 20.0)], {"success", "f2"}, 0),
        (FAILURES, {run.run_id for run in FAILURES[2:]}, 1000),
    ],
    ids=["since a success", "never a success", "before a success", "1000 at most"],
)
def test_failures_in_a_row_outlive_the_runs_themselves(
    bench: StoreBench, runs: list[Run], kept: set[str], in_a_row: int
) -> None:
    settle(bench, *runs)
    for days in (0.0, 8 * DAY):
        bench.clock.advance(days)
        bench.poll()
    assert bench.saved_runs == kept
    bench.poll(failed("another", 9 * DAY))
    assert bench.shown.facts().consecutive_failures == min(in_a_row + 1, 1000)


def test_runs_that_are_forgotten_are_not_among_the_runs_of_the_target_any_longer(bench: StoreBench) -> None:
    settle(bench, started(ended("old"), 0.0), started(ended("newest"), 1.0))
    for days in (0.0, 8 * DAY):
        assert bench.shown.targets["prod"].runs["settled"] == 2
        bench.clock.advance(days)
        bench.poll(tables=None)
    assert bench.shown.targets["prod"].runs["settled"] == 1


def test_a_run_in_progress_that_is_forgotten_has_no_series_any_longer(bench: StoreBench) -> None:
    """It stays active until two complete reads miss it; here records that cannot be read hide that."""
    newest = started(ended("newest"), 1000.0)
    bench.poll(started(running("LOST"), 0.0), newest)
    bench.poll(newest)
    assert bench.shown.shown_runs == {"LOST", "newest"}
    bench.clock.advance(8 * DAY)
    bench.poll(newest, tables=None, unreadable=[None])
    assert bench.saved_runs == {"newest"}
    assert bench.shown.shown_runs == {"newest"}


def test_a_run_that_is_configured_no_longer_is_forgotten_after_90_days(bench: StoreBench) -> None:
    bench.watch("a", "b")
    bench.clock.advance(7200.0)
    bench.read(ended("a"), ended("b"))
    bench.watch("a")
    for days in (1, 89, 2):
        assert bench.saved_runs == {"a", "b"}
        bench.clock.advance(days * DAY)
        bench.read()
    assert bench.saved_runs == {"a"}
