"""What is remembered of source tables, and what that says about the views that read them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.model.view import View
from exporter.store.results import ResyncEnded, SourcesRead
from tests.support.clock import START
from tests.support.outcome import Listed, Outcome
from tests.support.store_bench import DAILY, DAY, StoreBench, ended, found, of, started, target, view

ORDERS, STOCK = "arn:orders", "arn:stock"
RUN = started(ended("a", end_time=START - 3000.0), -3600.0)._replace(start_time=START - 3600.0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    """Return a store on disk that watches all views of ``sales``; the first one has been refreshed once."""
    bench = StoreBench(tmp_path / "state")
    bench.watch("sales.*")
    bench.poll(RUN, tables=[reading(ORDERS)])
    see(bench, orders=START - DAY)
    yield bench
    bench.abandon()


def reading(*sources: str, name: str = DAILY) -> View:
    return replace(view(name), sources=sources)


def see(bench: StoreBench, **tables: float | str) -> None:
    """Commit the end of a resync that read these source tables."""
    by_arn = {f"arn:{name}": answer for name, answer in tables.items()}
    bench.store.apply(SourcesRead(target="prod", tables=by_arn))
    bench.store.apply(ResyncEnded(target="prod", complete=True))


def changes_seen(bench: StoreBench) -> int:
    (source,) = bench.saved.sources.values()
    return len(source.changes) if source else 0


def test_the_first_change_counts_however_many_follow_and_few_of_them_are_remembered(
    bench: StoreBench,
) -> None:
    for number in range(150):
        bench.clock.advance(60.0)
        see(bench, orders=START + 60.0 * number)
    assert bench.shown.facts().stale_since == START
    assert bench.shown.facts().source_updated_time == START + 60.0 * 149
    assert changes_seen(bench) == 100
    bench.restart()
    bench.watch("sales.*")
    bench.poll(RUN, tables=[reading(ORDERS)])
    assert bench.shown.facts().stale_since == START


def test_what_another_target_may_not_read_changes_nothing_of_a_view() -> None:
    bench = StoreBench()
    bench.configure(target("one", "sales.*"), target("two", "ops.*"))
    for name, of_target in ((DAILY, "one"), ("ops.audit", "two")):
        seen = found(reading(ORDERS, name=name), databases=["sales", "ops"], target=of_target)
        bench.commit(Outcome(target=of_target, tables=seen, listings=(Listed(runs=(of(name, RUN),)),)))
    for of_target, answer in (("one", START - DAY), ("two", "access_denied")):
        bench.store.apply(SourcesRead(target=of_target, tables={ORDERS: answer}))
        bench.store.apply(ResyncEnded(target=of_target, complete=True))
        assert bench.shown.facts(DAILY).source_updated_time == START - DAY
    assert bench.shown.facts("ops.audit").source_updated_time is None


def test_a_time_in_the_future_is_a_change_of_now(bench: StoreBench) -> None:
    see(bench, orders=START + 30 * DAY)
    assert bench.shown.facts().stale_since == START
    bench.clock.advance(DAY)
    see(bench, orders=START + 30 * DAY)
    assert bench.shown.facts().stale_since == START


def test_while_a_source_is_unknown_age_tells_and_later_the_first_change_again(bench: StoreBench) -> None:
    bench.clock.advance(DAY)
    see(bench, orders=START + 100.0)
    see(bench, orders="access_denied")
    facts = bench.shown.facts()
    assert (facts.stale_since, facts.source_updated_time) == (START - 3000.0, None)
    see(bench, orders=START + 5000.0)
    assert bench.shown.facts().stale_since == START + 100.0


def test_a_view_that_is_new_is_stale_since_the_newest_change_of_a_source_that_is_long_known(
    bench: StoreBench,
) -> None:
    new = reading(ORDERS, STOCK, name="sales.new")
    bench.clock.advance(DAY)
    see(bench, orders=START + 100.0)
    see(bench, orders=START + 200.0)
    run = RUN._replace(run_id="b", table="new")
    bench.poll(RUN, run, tables=[reading(ORDERS), new])
    assert bench.shown.facts("sales.new").stale_since is None, "one of its sources was never asked for"
    see(bench, stock="access_denied")
    assert bench.shown.facts("sales.new").stale_since == START - 3000.0, "not all of its sources are known"
    see(bench, orders=START + 200.0, stock=START - DAY)
    assert bench.shown.facts("sales.new").stale_since == START + 200.0
    assert bench.shown.facts().stale_since == START + 100.0


def test_sources_of_no_view_are_forgotten(bench: StoreBench) -> None:
    bench.poll(RUN, tables=[reading(STOCK)])
    see(bench, stock=START - DAY)
    bench.clock.advance(DAY + 1.0)
    bench.poll(RUN, tables=[reading(STOCK)])
    assert bench.saved.sources.keys() == {STOCK}


def test_a_reload_that_turns_source_tables_off_leaves_age_alone(bench: StoreBench) -> None:
    reading_sources = target("prod", "sales.*")
    bench.configure(replace(reading_sources, source_tables=False))
    assert bench.shown.facts().stale_since == START - 3000.0
    assert bench.shown.targets["prod"].source_tables == {}
    bench.configure(reading_sources)
    assert bench.shown.facts().stale_since is None
