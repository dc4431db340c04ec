"""``view_up`` is 1 only where nothing that Glue lists of the view's runs is left to be read."""

import math
import threading
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from exporter.model.settings import Settings
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.store.store import Store
from tests.poller.bench import Bench, SmallPages, nothing, run, running, watching
from tests.support.clock import START, ManualClock, eventually
from tests.support.reader import glue_error
from tests.support.store_bench import DAY, Shown, target, view

HOUR = 3600.0
KNOWN = [run(f"known-{number}", DAY + HOUR * number) for number in range(4)]
"""Of sales.orders, newest first."""


def others(count: int, after: float) -> list[Run]:
    """Return runs of another view that are created so long after the clock's start, ten minutes apart."""
    return [run(f"other-{n}", -after - 600.0 * n, of="hr.people") for n in reversed(range(count))]


def failed(after: float, *, of: str = "sales.orders") -> Run:
    return run("failed", -after, of=of, status="FAILED")


def newest_where_up(shown: Shown, name: str, since: int) -> Iterator[str | None]:
    """Yield the newest run that each commit since then showed of a view, where the view was up."""
    for commit in shown.commits[since:]:
        for key, series in commit.views.items():
            if series and series.up and f"{key.database}.{key.table}" == name:
                yield series.facts.last_run.run_id if series.facts and series.facts.last_run else None


def test_a_view_that_its_target_could_not_read_is_read_whole_by_the_one_that_takes_it_over() -> None:
    """The other one has read the listing all the time, but left out runs that were not its own."""
    clock, shown = ManualClock(), Shown()
    store = Store(clock, [shown])
    targets = target("first", "sales.orders"), target("second", "*.*")
    store.configure(Settings(targets=targets))
    readers = SmallPages(), SmallPages()
    stop = threading.Event()
    polls = [
        TargetPoll(Polling(one, reader, store, clock, stop))
        for one, reader in zip(targets, readers, strict=True)
    ]

    def look(*polls: TargetPoll) -> None:
        for poll in polls:
            poll.run(nothing)
            poll.resync.wait(math.inf, nothing)

    for reader in readers:
        reader.views = [view("sales.orders"), view("hr.people")]
    for one in KNOWN:
        readers[0].holds(one)
        readers[1].holds(one)
    look(*polls)
    readers[0].catalog = glue_error(Reason.CREDENTIALS)
    readers[1].answers = {one.run_id: one for one in [*others(6, 2 * HOUR), failed(HOUR), *KNOWN]}
    clock.advance(4 * HOUR)
    look(*polls)
    assert shown.view_ups == {"sales.orders": False, "hr.people": True}

    store.configure(Settings(targets=targets[1:]))
    since = len(shown.commits)
    clock.advance(30.0)
    look(polls[1])
    assert set(newest_where_up(shown, "sales.orders", since)) == {"failed"}


def test_a_young_view_that_is_found_late_is_not_up_before_its_runs_have_been_listed() -> None:
    bench = Bench(watching("sales.*", "hr.*"), SmallPages())
    bench.has(*KNOWN, views=["sales.orders", "hr.people"])
    bench.run()
    bench.reader.fails("get_tables hr", Reason.UNEXPECTED)
    bench.later(2 * HOUR)
    news = [*others(6, HOUR), failed(300.0, of="hr.new"), *KNOWN]
    bench.has(*news, views=["sales.orders", "hr.people"])
    bench.later()
    bench.reader.views.append(view("hr.new", created=START + 200.0))
    del bench.reader.answers["get_tables hr"]
    bench.later(60.0)
    bench.later()
    assert set(newest_where_up(bench.shown, "hr.new", 0)) == {"failed"}


def test_views_are_not_up_while_a_listing_that_was_never_read_whole_takes_the_place_of_another() -> None:
    """Where tables are denied, views may be anywhere: their runs come by the listing of the whole catalog."""
    bench = Bench(watching("*.*"), SmallPages())
    both = ["sales.orders", "sales.people"]
    bench.has(*KNOWN, views=both)
    bench.run()
    bench.reader.fails("get_databases", Reason.ACCESS_DENIED)
    bench.reader.fails("list_runs *.*", Reason.ACCESS_DENIED)
    bench.later(2 * HOUR)
    news = (one._replace(database="sales") for one in others(6, HOUR))
    bench.has(*news, failed(300.0), *KNOWN, views=both)
    bench.later()
    assert bench.shown.view_ups == dict.fromkeys(both, False)
    del bench.reader.answers["list_runs *.*"]
    since = len(bench.shown.commits)
    bench.later()
    bench.later(900.0)
    assert bench.shown.view_ups == dict.fromkeys(both, True)
    assert set(newest_where_up(bench.shown, "sales.orders", since)) == {"failed"}


def test_a_resync_whose_listing_began_before_a_poll_does_not_stand_in_for_it() -> None:
    """What came on top meanwhile would show one poll late."""

    class EndsResyncFirst(SmallPages):
        """Lets a resync end just after a poll has begun."""

        ending: Callable[[], None] = staticmethod(nothing)

        def until(self, deadline: float, *, first: bool = True) -> Self:
            if first:
                self.ending()
            return super().until(deadline, first=first)

    reader = EndsResyncFirst()
    bench = Bench(watching("sales.orders"), reader)
    bench.has(*KNOWN)
    bench.run()
    bench.clock.advance(HOUR)
    reader.forget_calls()
    rest = reader.hang("list_runs sales.orders from 2")
    bench.poll.run(nothing)
    eventually(lambda: "list_runs sales.orders from 2" in reader.calls)
    bench.has(failed(HOUR), *KNOWN)

    def end_resync() -> None:
        rest.set()
        bench.await_resync()

    reader.ending = end_resync
    bench.clock.advance(30.0)
    bench.poll.run(nothing)
    assert bench.shown.last_run("sales.orders") == "failed"


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.ACCESS_DENIED])
def test_views_are_not_up_whose_unsettled_runs_further_down_were_not_read(reason: Reason) -> None:
    """Whether a read of them failed, or the poll had given up before."""
    names = [f"sales.view_{number}" for number in range(20)]
    going = [running(f"run-{number}", 2 * DAY + number, of=name) for number, name in enumerate(names)]
    bench = Bench(watching("sales.*"), SmallPages())
    bench.has(*(run(f"new-{n}", DAY + HOUR * n) for n in range(20)), *going, views=["sales.orders", *names])
    bench.run()
    bench.later()
    assert set(bench.shown.view_ups.values()) == {True}
    for one in going:
        bench.reader.fails(one.run_id, reason)
    bench.later()
    assert bench.up is False
    assert bench.shown.view_ups == {"sales.orders": True, **dict.fromkeys(names, False)}
