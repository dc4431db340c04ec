"""What a catalog has noted for its listeners."""

from dataclasses import replace
from typing import ClassVar

import pytest

from exporter.model.settings import ViewPattern
from exporter.store.outcome import ListingRead, PollOutcome, PollPart
from exporter.store.run_changes import AT_ONCE
from tests.support.operations import counted
from tests.support.view_bench import ViewBench, started, view
from tests.support.watching import StoreBench, ended, running, target, watch

TABLES = (view(), view("sales.returns"))


@pytest.fixture
def views() -> ViewBench:
    """Return a store that watches all views of ``sales``."""
    views = ViewBench()
    views.watch("sales.*")
    return views


def test_many_runs_are_told_of_table_by_table_before_those_that_were_never_read(bench: StoreBench) -> None:
    """So their text compresses best."""
    tables = {f"run-{number}": ("daily_orders", "returns")[number % 2] for number in range(AT_ONCE)}
    bench.configure(watch(target("prod", *tables, "never read", "nor this")))
    bench.commit("prod", *(running(run_id)._replace(table=table) for run_id, table in tables.items()))
    told = [tables.get(key.run_id, "") for key in bench.shown.runs]
    assert told == [*sorted(tables.values()), "", ""]


def test_it_tells_which_runs_are_shown_because_of_a_view(views: ViewBench) -> None:
    views.poll(running("a"), started(ended("b"), 0.0), tables=TABLES)
    (catalog,) = views.store.look(lambda state: [catalog for _, catalog in state.targets])
    assert catalog
    shown = {watched.name[1]: catalog.changes.shown(watched.record.id) for watched in catalog.views.watched()}
    assert shown == {"daily_orders": {"a", "b"}, "returns": set()}


def test_nothing_is_told_of_runs_that_are_not_shown(views: ViewBench) -> None:
    views.poll(started(ended("older"), 0.0), started(ended("newest"), 1.0))
    assert {key.run_id for key in views.shown.last.runs} == {"newest"}


def test_a_view_that_goes_with_a_poll_hides_nothing_that_the_poll_tells_of_another(views: ViewBench) -> None:
    other = running("b")._replace(table="returns")
    views.poll(tables=TABLES)
    views.poll(tables=TABLES[1:])
    listing = ListingRead(runs=(running("a"),))
    views.store.take_in(PollPart(target="prod", discovery=None, tables_denied=False, listing=listing))
    views.poll(other, tables=TABLES[1:])
    assert views.shown.shown_views == {"sales.returns"}
    assert views.shown.facts("sales.returns").last_run == other


def calls_of_second_poll(targets: int) -> int:
    """Count the calls of Python that it takes, at a start with so many targets of 50 runs each."""
    bench = StoreBench()
    names = [f"target {number}" for number in range(targets)]
    bench.configure(watch(*(target(name, *(f"{name} run {n}" for n in range(50))) for name in names)))
    bench.commit(names[0])
    with counted() as done:
        bench.commit(names[1])
    assert {key.run_id for key in bench.shown.last.runs} == {f"{names[1]} run {n}" for n in range(50)}
    return done.calls


def test_a_poll_looks_at_its_own_runs_and_not_at_those_that_wait_for_another() -> None:
    """Or the first polls of 1,000 targets would look at each run 500 times."""
    few, many = calls_of_second_poll(3), calls_of_second_poll(60)
    assert many <= 1.3 * few + 200


def test_runs_that_wait_for_one_target_are_told_of_by_another_that_a_reload_gave_them(
    bench: StoreBench,
) -> None:
    bench.configure(watch(target("polled", "a"), target("late", "b", "c"), target("later", "d")))
    bench.commit("polled")
    assert set(bench.shown.ups) == {"a"}
    bench.configure(watch(target("polled", "a", "b"), target("late", "c"), target("later", "d")))
    assert set(bench.shown.ups) == {"a", "b"}
    bench.commit("late")
    assert set(bench.shown.ups) == {"a", "b", "c"}
    bench.configure(watch(target("polled", "a"), target("late", "c")))
    assert set(bench.shown.ups) == {"a", "c"}


def test_a_reload_before_the_first_poll_loses_no_run(bench: StoreBench) -> None:
    """Those of which nothing was read either."""
    for _ in range(2):
        bench.configure(watch(target("prod", "a", "b"), target("other", "c")))
    bench.commit("prod")
    bench.configure(watch(target("prod", "a", "b"), target("other", "c")))
    bench.commit("other")
    assert set(bench.shown.ups) == {"a", "b", "c"}


def test_a_first_poll_shows_what_it_finds_beside_what_waited_for_it(views: ViewBench) -> None:
    late = replace(target("late", "never read"), views=(ViewPattern(database="sales", table="*"),))
    views.configure(target("early", "another"), late)
    views.store.commit(PollOutcome(target="early", started=0.0, duration=1.0))
    listing = ListingRead(runs=(running("found"),))
    views.store.commit(
        PollOutcome(target="late", started=0.0, duration=1.0, listings=(listing,), tables_denied=True)
    )
    assert {key.run_id for key in views.shown.runs} == {"another", "never read", "found"}


class CountedId(str):
    """A run ID that counts how often any set or dictionary is asked for one."""

    __slots__ = ()
    hashed: ClassVar[int] = 0

    def __hash__(self) -> int:
        CountedId.hashed += 1
        return super().__hash__()

    __eq__ = str.__eq__


def hashed_by_one_change(runs: int) -> int:
    """Count the look-ups of IDs in a commit that changes one of so many configured runs."""
    bench = StoreBench()
    run_ids = [CountedId(f"run {number}") for number in range(runs)]
    bench.configure(watch(target("prod", *run_ids)))
    bench.commit("prod", *map(ended, run_ids))
    bench.clock.advance(7200.0)
    bench.commit("prod", *map(ended, run_ids[1:]))
    before = CountedId.hashed
    bench.commit("prod", ended(run_ids[0], dpu_seconds=4711.0))
    assert [key.run_id for key in bench.shown.last.runs] == ["run 0"]
    return CountedId.hashed - before


def test_a_commit_that_changes_one_run_looks_for_no_other() -> None:
    """Sets and dictionaries are gone through in C, which no count of calls shows."""
    few, many = hashed_by_one_change(10), hashed_by_one_change(1000)
    assert 0 < many <= few + 10
