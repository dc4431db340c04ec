"""Small changes to the store's rules that no other test would notice: see docs/mutation.md."""

import pytest

from exporter.store.counting import Counted, ViewCounters, count
from exporter.store.outcome import Discovery, ListingRead, PollOutcome
from tests.state.bench import target
from tests.support.view_bench import DAILY, DAY, ViewBench, view
from tests.support.watching import ended


@pytest.fixture
def bench() -> ViewBench:
    bench = ViewBench()
    bench.watch("sales.*")
    return bench


def test_two_runs_of_one_bucket_are_two(bench: ViewBench) -> None:
    bench.poll()
    bench.poll(ended("a"), ended("b"))
    assert sum(bench.shown.facts(DAILY).counters.durations) == 2


@pytest.mark.parametrize("missing", ["start_time", "end_time"])
def test_a_success_enters_the_histogram_once_both_its_times_are_known(bench: ViewBench, missing: str) -> None:
    bench.poll()
    bench.poll(ended("a")._replace(**{missing: None}))  # type: ignore[arg-type] # one of its times
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}
    assert sum(bench.shown.facts(DAILY).counters.durations) == 0
    bench.poll(ended("a"))
    assert sum(bench.shown.facts(DAILY).counters.durations) == 1


def test_a_run_that_tells_nothing_new_changes_nothing() -> None:
    run = ended("a")._replace(processed_bytes=1024)
    counters, counted = count(ViewCounters(), run, None, has_baseline=True)
    assert isinstance(counted, Counted)
    again = count(counters, run, counted, has_baseline=True)
    assert again[0] is counters
    assert again[1] is counted


def test_views_of_an_earlier_target_hide_none_of_a_later_one() -> None:
    bench = ViewBench()
    bench.configure(target("first", "sales.daily_orders"), target("second", "sales.*"))
    bench.poll(tables=(view(DAILY), view("sales.returns")), target="second")
    assert bench.shown.view("sales.returns").target == "second"


def test_a_listing_of_another_target_tells_nothing_of_a_view() -> None:
    bench = ViewBench()
    bench.configure(target("first", "sales.daily_orders"), target("second", "sales.*"))
    bench.poll(target="first")
    bench.poll(ended("a"), target="second")
    assert bench.shown.runs_total(DAILY) == {}
    bench.poll(ended("a"), target="first")
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}


def test_a_baseline_stays_when_the_tables_can_be_read_at_last(bench: ViewBench) -> None:
    """A view that only its runs told of has its baseline from then."""
    bench.poll(ended("old"), tables=None, denied=True)
    bench.poll(ended("old"), ended("new"), tables=None, denied=True)
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}
    bench.commit(
        PollOutcome(
            target="prod",
            started=bench.clock.time(),
            duration=0.0,
            discovery=Discovery(views=(view(),), databases=frozenset({"sales"})),
        )
    )
    bench.poll(ended("old"), ended("new"), ended("newer"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 2}


def test_a_view_that_is_gone_for_90_days_is_forgotten(bench: ViewBench) -> None:
    bench.poll()
    assert bench.remembered("views", "table_name") == {"daily_orders"}
    bench.poll(tables=())
    bench.poll(tables=())
    bench.clock.advance(91 * DAY)
    bench.commit(
        PollOutcome(
            target="prod",
            started=bench.clock.time(),
            duration=0.0,
            listings=(ListingRead(runs=(), complete=True),),
        )
    )
    assert bench.remembered("views", "table_name") == set()


def test_all_of_the_counters_is_read_back() -> None:
    run = ended("a", dpu_seconds=4.5)._replace(processed_bytes=1024)
    counters, counted = count(ViewCounters(), run, None, has_baseline=True)
    assert counted
    assert ViewCounters.load(counters.dump()) == counters
    assert Counted.load(counted.dump()) == counted


def test_the_runs_of_a_targets_views_add_up(bench: ViewBench) -> None:
    other = ended("b")._replace(table="returns")
    bench.poll(ended("a"), other, tables=(view(), view("sales.returns")))
    assert bench.shown.targets["prod"].runs["settling"] == 2
