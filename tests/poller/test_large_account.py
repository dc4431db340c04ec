"""Accounts that take minutes to read: the resync goes on for as long as its calls take, and so do polls.

Time passes only with calls: each takes its turn on the clock. Those of the resync are held back at the moment
when the next poll is due, until it is over, so that the story is the same on every machine.
"""

import copy
import math
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Self

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from tests.poller.bench import Bench, SmallPages, run, running, watching
from tests.support.clock import SAFETY_NET, START, ManualClock, eventually
from tests.support.store_bench import DAY

POLL = 30.0
DEFAULT_RATE = 0.2
"""Seconds between two calls."""


class Pace:
    """The turns that calls take."""

    def __init__(self, clock: ManualClock, seconds_a_call: float) -> None:
        self.clock = clock
        self.seconds_a_call = seconds_a_call
        self.horizon = math.inf
        """Monotonic seconds beyond which the resync has to wait."""
        self.held_back = False
        self._changed = threading.Condition()

    def take_turn(self, *, first: bool) -> None:
        """Return when the call may be made."""
        with self._changed:
            while not first and self.clock.monotonic() + self.seconds_a_call > self.horizon:
                self.held_back = True
                assert self._changed.wait(SAFETY_NET)
            self.clock.advance(self.seconds_a_call)

    def let_on(self, horizon: float) -> None:
        """Let the resync go on to this time."""
        with self._changed:
            self.horizon, self.held_back = horizon, False
            self._changed.notify_all()


class PacedReader(SmallPages):
    """A catalog whose calls take their turns, those of polls first."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace
        self._first = True

    def until(self, deadline: float, *, first: bool = True) -> Self:
        job = copy.copy(super().until(deadline, first=first))
        job._first = first
        return job

    def _note(self, call: str) -> None:
        self._pace.take_turn(first=self._first)
        super()._note(call)


class Account:
    """A target that watches everything there, and a poll of it every 30 seconds."""

    def __init__(
        self, names: Sequence[str], runs: Sequence[Run], seconds_a_call: float = DEFAULT_RATE
    ) -> None:
        clock = ManualClock()
        self.pace = Pace(clock, seconds_a_call)
        self.bench = Bench(watching("*.*"), PacedReader(self.pace), clock=clock)
        self.names = names
        self.runs = list(runs)
        self.begun = self.next_poll = clock.monotonic()
        self.ended: float | None = None
        """When the resync had ended, in seconds since the first poll."""
        self._wait_begun = threading.Event()
        """Set once the first poll waits for the resync."""
        self._show()

    def add(self, new: Run) -> None:
        self.runs.insert(0, new)
        self._show()

    def _show(self) -> None:
        self.bench.has(*self.runs, views=self.names)

    def poll(self) -> list[str]:
        """Let the resync go on until the next poll is due, and poll; return the poll's calls."""
        bench, pace = self.bench, self.pace
        first = self.next_poll == self.begun
        if first:
            self.next_poll += POLL  # it waits for the resync for so long
            pace.let_on(self.next_poll)
            self._wait_begun = bench.reader.hang("resync")
        else:
            pace.let_on(self.next_poll)
            eventually(lambda: pace.held_back or not bench.poll.resync.running)
            self._note_end()
            bench.clock.advance(max(0.0, self.next_poll - bench.clock.monotonic()))
            pace.held_back = False
        before = len(bench.reader.calls)
        bench.poll.run(self._pass_time_while_held_back)
        self._note_end()
        self.next_poll += POLL
        return bench.reader.calls[before:]

    def _pass_time_while_held_back(self) -> None:
        if self.bench.poll.resync.running:
            self._wait_begun.set()  # the poll waits for it: from now on time may pass
        if self.pace.held_back:
            self.bench.clock.advance(max(0.0, self.pace.horizon - self.bench.clock.monotonic()))

    def _note_end(self) -> None:
        if self.ended is None and not self.bench.poll.resync.running:
            self.ended = self.bench.clock.monotonic() - self.begun

    def close(self) -> None:
        self.bench.stop.set()
        self._wait_begun.set()
        self.pace.let_on(math.inf)
        self.bench.await_resync()


@pytest.fixture
def accounts() -> Iterator[list[Account]]:
    """Collect accounts; closes them at the end."""
    found: list[Account] = []
    yield found
    for account in found:
        account.close()


def one_view_each(databases: int) -> list[str]:
    return [f"db_{number:03}.view" for number in range(databases)]


def test_300_databases_are_read_in_the_time_that_the_calls_take_and_failures_show_meanwhile(
    accounts: list[Account],
) -> None:
    names = one_view_each(300)
    account = Account(names, [run("old", DAY, of=names[0])])
    accounts.append(account)
    shown = account.bench.shown
    polls = 0
    account.poll()
    while account.ended is None:
        known = [name for name in names if name in shown.view_ups]
        assert len(known) > 140 * (polls + 1), "what is found shows as it is found"
        assert (account.bench.up, "parts read" in str(account.bench.error)) == (False, True)
        polls += 1
        account.add(run(f"failed-{polls}", -60.0 * polls, of=known[polls], status="FAILED"))
        account.poll()
        assert shown.last_run(known[polls]) == f"failed-{polls}"
    assert polls >= 2
    calls = Counter(account.bench.reader.calls)
    tables = sum(number for call, number in calls.items() if call.startswith("get_"))
    assert tables == 303, "the databases in three pages, and the tables of each"
    listings = sum(calls.values()) - tables
    assert account.ended <= 1.1 * DEFAULT_RATE * (tables + listings)
    account.poll()
    assert (account.bench.up, account.bench.error) == (True, None)
    assert shown.view_ups == dict.fromkeys(names, True)


def test_a_resync_whose_time_is_over_goes_on_with_what_is_left(accounts: list[Account]) -> None:
    """Half an hour of calls, a quarter at a time; and what failed in one is not forgotten in the next."""
    names = one_view_each(300)
    account = Account(names, [run("old", DAY, of=names[0])], seconds_a_call=6.0)
    accounts.append(account)
    reader = account.bench.reader
    reader.fails("get_tables db_007", Reason.ACCESS_DENIED)
    while not account.bench.state.resynced:
        account.poll()
    assert len(account.bench.shown.view_ups) == 299
    assert len(reader.resync_deadlines) >= 3
    assert reader.resync_deadlines[0] == account.begun + 900.0
    asked = Counter(call for call in reader.calls if call.startswith("get_tables"))
    assert max(asked.values()) <= 2 + len(reader.resync_deadlines), "the denied one is asked for again"
    assert sum(asked.values()) <= 300 + 16 * len(reader.resync_deadlines), "what was under way, once more"
    account.poll()
    assert (account.bench.up, account.bench.error) == (False, "GetTables: no")
    del reader.answers["get_tables db_007"]
    polls = next(number for number in range(200) if account.poll() and account.bench.up)
    assert polls * POLL <= 2 * 300 * 6.0 / (1 - 6.0 / POLL), (
        "a poll is one call in five; the resync has the rest"
    )
    assert len(account.bench.shown.view_ups) == 300


def shuffled(count: int, *, last: Run) -> list[Run]:
    """Return old runs of one view in no order, two a page, and one at the end."""
    runs = [run(f"old-{number}", DAY + 60.0 * number, of="db.view") for number in range(count - 1)]
    random.Random(0).shuffle(runs)  # noqa: S311 (no secret: any order will do)
    return [*runs, last]


def test_an_unsorted_listing_that_is_longer_than_a_poll_says_so_and_is_read_again_and_again(
    accounts: list[Account],
) -> None:
    """20 s for 100 pages. The target is not up, nor the view; what runs is asked for by its ID."""
    account = Account(["db.view"], shuffled(200, last=running("going-on", of="db.view")))
    accounts.append(account)
    bench = account.bench
    account.poll()
    assert (bench.up, bench.shown.last_run("db.view")) == (True, "going-on"), "it has just been read whole"
    for _ in range(3):
        pages = len([call for call in bench.reader.calls if call.startswith("list_runs")])
        calls = account.poll()
        assert "going-on" in calls
        assert (bench.up, bench.shown.view_ups) == (False, {"db.view": False})
        assert "the listing of 100 pages does not come newest first" in str(bench.error)
        account.poll()
        pages = len([call for call in bench.reader.calls if call.startswith("list_runs")]) - pages
        assert pages >= 100, "by the resync"
    account.runs.append(run("failed", -60.0, of="db.view", status="FAILED"))
    account._show()
    for _ in range(3):
        account.poll()
    assert bench.shown.last_run("db.view") == "failed"
    assert bench.shown.runs_total("db.view") == {"FAILED": 1}


def test_an_unsorted_listing_that_takes_minutes_is_read_to_its_end_though_polls_go_first(
    accounts: list[Account],
) -> None:
    """A poll that read it, too, would take the resync's turns."""
    account = Account(["db.view"], shuffled(1000, last=running("going-on", START - 1.0, of="db.view")))
    accounts.append(account)
    account.poll()
    while account.ended is None:
        assert account.bench.up is False
        assert all(not call.startswith("list_runs") or " from " in call for call in account.poll())
    calls = len(account.bench.reader.calls)
    assert account.ended <= 1.1 * DEFAULT_RATE * calls
    assert account.ended < 150.0
    assert account.bench.shown.last_run("db.view") is not None
