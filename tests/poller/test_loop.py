"""The targets' threads: when they poll, how they are configured, watched and ended."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import Reason
from exporter.model.settings import Target
from exporter.poller.journal import Journal
from exporter.poller.loop import STUCK_AFTER, PollLoop, TargetThread, first_gap, next_poll
from exporter.poller.poll import TargetPoll
from exporter.store.requests import RequestStats
from exporter.store.store import Store
from tests.support.clock import SAFETY_NET, ManualClock, eventually
from tests.support.reader import ACCOUNT, MemoryReader, glue_error
from tests.support.watching import Recorder, running, target, watch

INTERVALS = st.floats(5, 3600)


@settings(deadline=None)  # a busy machine is no fault
@given(name=st.text(), interval=INTERVALS)
def test_the_first_gap_is_between_half_an_interval_and_a_whole_one(name: str, interval: float) -> None:
    assert 0.5 * interval <= first_gap(name, interval) <= interval
    assert first_gap(name, interval) == first_gap(name, interval)


def test_targets_spread_over_the_second_half_of_the_interval() -> None:
    gaps = sorted(first_gap(f"account-{number}", 30) for number in range(200))
    assert gaps[0] < 16
    assert gaps[-1] > 29
    assert max(later - sooner for sooner, later in pairwise(gaps)) < 1.5


@settings(deadline=None)  # a busy machine is no fault
@given(planned=st.floats(0, 1e7), late=st.floats(0, 1e5), interval=INTERVALS)
def test_the_next_poll_is_the_next_tick_that_is_not_over(
    planned: float, late: float, interval: float
) -> None:
    now = planned + late
    then = next_poll(planned, now, interval)
    tolerance = 1e-6 * interval
    assert now - tolerance <= then <= now + interval + tolerance
    ticks = (then - planned) / interval
    assert ticks == pytest.approx(round(ticks), abs=1e-6)
    assert round(ticks) >= 1


@settings(deadline=None)  # a busy machine is no fault
@given(planned=st.floats(0, 1e7), early=st.floats(0, 100), interval=INTERVALS)
def test_a_poll_that_ended_within_its_interval_is_followed_one_interval_after_its_plan(
    planned: float, early: float, interval: float
) -> None:
    assert next_poll(planned, planned + min(early, interval * 0.99), interval) == planned + interval


class Rig:
    """A poll loop with a reader for each target, on a clock that only the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(held=True)
        self.shown = Recorder()
        self.store = Store(self.clock, [self.shown])
        self.readers: dict[str, list[MemoryReader]] = {}
        self.prepared: dict[str, MemoryReader] = {}
        self.loop = PollLoop(self.store, self._reader, self.clock)
        self.releases: list[threading.Event] = []

    def _reader(self, wanted: Target, _requests: RequestStats, stop: threading.Event) -> MemoryReader:
        reader = self.prepared.pop(wanted.name, None) or MemoryReader(map(running, wanted.run_ids))
        reader.ended = stop
        reader.catalog = wanted.catalog_id or ACCOUNT
        self.readers.setdefault(wanted.name, []).append(reader)
        return reader

    def reader(self, name: str) -> MemoryReader:
        """Return the latest reader of a target."""
        return self.readers[name][-1]

    def hangs(self, name: str, what: str) -> None:
        """Let calls of the target to come hang until the test ends."""
        self.prepared[name] = MemoryReader()
        self.releases.append(self.prepared[name].hang(what))

    def up(self, name: str) -> bool | None:
        """``target_up``."""
        return self.shown.targets[name].up

    def end(self) -> None:
        """End all threads."""
        for release in self.releases:
            release.set()
        self.loop.stop(SAFETY_NET)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.end()


def test_polls_every_target_at_once_and_then_at_the_targets_own_time(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a"), target("two", "b")))
    until = rig.clock.await_waiters(2)
    assert (rig.up("one"), rig.up("two")) == (True, True)
    assert until == sorted(1000 + first_gap(name, 30) for name in ("one", "two"))


def test_polls_at_every_interval_from_then_on(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a")))
    (second,) = rig.clock.await_waiters()
    rig.clock.advance(second - rig.clock.monotonic())
    rig.reader("one").await_calls(2)
    assert rig.clock.await_waiters() == [pytest.approx(second + 30)]
    rig.clock.advance(30)
    rig.reader("one").await_calls(3)


def test_one_target_that_hangs_delays_no_other(rig: Rig) -> None:
    rig.hangs("dead", "a")
    rig.loop.configure(watch(target("dead", "a"), target("well", "b"), poll_interval=10))
    rig.reader("dead").await_calls(1)
    for poll in (2, 3):
        (until,) = rig.clock.await_waiters()
        rig.clock.advance(until - rig.clock.monotonic())
        rig.reader("well").await_calls(poll)
    assert rig.up("dead") is None, "its first poll goes on"
    assert rig.up("well") is True
    assert rig.loop.trouble() is None


def test_a_target_that_fails_says_nothing_of_another(rig: Rig) -> None:
    rig.prepared["dead"] = MemoryReader()
    rig.prepared["dead"].answers["a"] = glue_error(Reason.ACCESS_DENIED)
    rig.loop.configure(watch(target("dead", "a"), target("well", "b")))
    rig.clock.await_waiters(2)
    assert (rig.up("dead"), rig.up("well")) == (False, True)


def test_a_reload_polls_at_once_with_the_readers_that_fit_still(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a")))
    rig.clock.await_waiters()
    rig.reader("one").holds(running("b"))
    rig.loop.configure(watch(target("one", "a", "b")))
    assert sorted(rig.reader("one").await_calls(3)) == ["a", "a", "b"]
    assert len(rig.readers["one"]) == 1
    assert not rig.reader("one").ended.is_set()


@pytest.mark.parametrize(
    "changed",
    [
        target("one", "a", catalog_id="210987654321"),
        target("one", "a", region="us-east-1"),
        replace(target("one", "a"), access=replace(target("one").access, profile="other")),
        replace(target("one", "a"), access=replace(target("one").access, endpoint_url="http://127.0.0.1:9")),
    ],
    ids=["catalog", "region", "profile", "endpoint"],
)
def test_a_reload_that_changes_how_a_target_is_read_makes_a_reader_anew(rig: Rig, changed: Target) -> None:
    rig.loop.configure(watch(target("one", "a")))
    rig.clock.await_waiters()
    rig.loop.configure(watch(changed))
    old, new = rig.readers["one"]
    assert old.ended.is_set()
    assert new.await_calls(1) == ["a"]
    assert old.calls == ["a"]


def test_a_reload_ends_the_polling_of_a_target_that_is_gone(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a"), target("two", "b")))
    rig.clock.await_waiters(2)
    rig.loop.configure(watch(target("two", "b")))
    assert rig.reader("one").ended.is_set()
    assert rig.shown.targets.keys() == {"two"}
    assert rig.shown.ups.keys() == {"b"}
    assert rig.loop.trouble() is None


def test_what_a_target_reads_after_a_reload_took_it_away_is_dropped(rig: Rig) -> None:
    rig.hangs("one", "a")
    rig.loop.configure(watch(target("one", "a")))
    rig.reader("one").await_calls(1)
    old = rig.reader("one")
    old.holds(running("a"))
    rig.hangs("one", "a")
    rig.loop.configure(watch(target("one", "a", catalog_id="210987654321")))
    rig.reader("one").await_calls(1)
    rig.releases[0].set()
    rig.clock.advance(31)
    rig.clock.await_waiters()
    assert rig.shown.run("a", "210987654321").run is None


def test_no_trouble_while_all_wait_for_their_time(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a"), poll_interval=3600))
    rig.clock.await_waiters()
    rig.clock.advance(1700)
    assert rig.loop.trouble() is None


def later(thread: TargetThread, before: float) -> bool:
    """Tell whether the thread has given a sign of life since."""
    return thread.expected > before


def test_no_trouble_while_a_poll_waits_for_calls_that_hang(rig: Rig) -> None:
    """The watchdog must not restart an exporter because Glue is slow."""
    rig.hangs("slow", "a")
    rig.loop.configure(watch(target("slow", "a"), poll_interval=600))
    rig.reader("slow").await_calls(1)
    thread = rig.loop._threads["slow"]
    for _ in range(3):
        before = thread.expected
        rig.clock.advance(STUCK_AFTER - 1)
        eventually(partial(later, thread, before))
        assert rig.loop.trouble() is None


def test_a_loop_that_gives_no_sign_of_life_is_stuck(rig: Rig) -> None:
    rig.hangs("one", "poll")
    rig.loop.configure(watch(target("one", "a")))
    rig.clock.advance(STUCK_AFTER)
    assert rig.loop.trouble() is None
    rig.clock.advance(0.25)
    assert rig.loop.trouble() == "the poll loop of target one has been stuck for 60 s"
    rig.clock.advance(10)
    assert rig.loop.trouble() == "the poll loop of target one has been stuck for 70 s"


def test_a_loop_has_some_time_for_its_first_sign_of_life(rig: Rig) -> None:
    """On a busy machine its thread may begin late."""
    one = target("one")
    poll = TargetPoll("one", MemoryReader(), rig.store, Journal(), rig.clock)
    thread = TargetThread(one, poll, rig.store, rig.clock, threading.Event())
    assert thread.expected == rig.clock.monotonic() + STUCK_AFTER


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is to die
def test_a_loop_that_died_is_trouble(rig: Rig) -> None:
    rig.prepared["one"] = MemoryReader()
    rig.prepared["one"].trouble = SystemExit()
    rig.loop.configure(watch(target("one", "a"), target("two", "b")))
    rig.loop._threads["one"].thread.join(SAFETY_NET)
    assert rig.loop.trouble() == "the poll loop of target one has died"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is to die
def test_a_loop_that_was_ended_hides_no_other_that_died(rig: Rig) -> None:
    rig.prepared["two"] = MemoryReader()
    rig.prepared["two"].trouble = SystemExit()
    rig.loop.configure(watch(target("one", "a"), target("two", "b")))
    rig.loop._threads["one"].end()
    for thread in rig.loop._threads.values():
        thread.thread.join(SAFETY_NET)
    assert rig.loop.trouble() == "the poll loop of target two has died"


class TakesItsTime(MemoryReader):
    """Has every poll take so many seconds."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds

    def begin_poll(self, deadline: float) -> None:
        """Let the time pass."""
        super().begin_poll(deadline)
        self._clock.advance(self._seconds)


def test_a_poll_that_ends_just_before_the_next_one_does_not_put_it_off(rig: Rig) -> None:
    gap = first_gap("one", 30)
    rig.prepared["one"] = TakesItsTime(rig.clock, gap - 0.5)
    rig.loop.configure(watch(target("one")))
    assert rig.clock.await_waiters() == [pytest.approx(1000 + gap)]


class KnowsItsThread(MemoryReader):
    """Notes by which thread it is used."""

    def begin_poll(self, deadline: float) -> None:
        """Note the thread."""
        super().begin_poll(deadline)
        self.thread = threading.current_thread()


def test_threads_that_poll_keep_nobody_from_leaving_and_are_named_after_their_target(rig: Rig) -> None:
    rig.prepared["one"] = reader = KnowsItsThread([running("a")])
    rig.loop.configure(watch(target("one", "a")))
    rig.clock.await_waiters()
    assert (reader.thread.name, reader.thread.daemon) == ("poll one", True)


def test_polling_once_keeps_nobody_from_leaving_either(rig: Rig) -> None:
    rig.prepared["one"] = reader = KnowsItsThread()
    rig.loop.poll_once(watch(target("one")))
    assert reader.thread.daemon


def test_a_loop_outlives_a_poll_that_fails_in_a_way_that_nobody_foresaw(rig: Rig) -> None:
    rig.prepared["one"] = MemoryReader([running("a")])
    rig.prepared["one"].trouble = ZeroDivisionError()
    rig.loop.configure(watch(target("one", "a")))
    (until,) = rig.clock.await_waiters()
    assert rig.up("one") is None
    rig.reader("one").trouble = None
    rig.clock.advance(until - rig.clock.monotonic())
    rig.reader("one").await_calls(1)
    assert rig.loop.trouble() is None


def test_stop_ends_loops_that_wait(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a"), target("two", "b")))
    rig.clock.await_waiters(2)
    assert rig.loop.stop(SAFETY_NET) is True
    assert all(reader.ended.is_set() for readers in rig.readers.values() for reader in readers)


def test_stop_does_not_wait_for_calls_that_hang(rig: Rig) -> None:
    rig.hangs("one", "a")
    rig.loop.configure(watch(target("one", "a")))
    rig.reader("one").await_calls(1)
    assert rig.loop.stop(SAFETY_NET) is True


def test_stop_returns_within_its_bound_even_where_a_loop_is_stuck(rig: Rig) -> None:
    rig.hangs("one", "poll")
    rig.loop.configure(watch(target("one", "a")))
    assert rig.loop.stop(0.01) is False


def test_no_poll_after_the_stop(rig: Rig) -> None:
    rig.loop.configure(watch(target("one", "a")))
    rig.clock.await_waiters()
    rig.loop.stop(SAFETY_NET)
    rig.clock.advance(300)
    assert rig.reader("one").calls == ["a"]


def test_polling_once_polls_every_target_and_returns(rig: Rig) -> None:
    rig.prepared["dead"] = MemoryReader()
    rig.prepared["dead"].trouble = glue_error(Reason.UNEXPECTED)
    rig.loop.poll_once(watch(target("one", "a"), target("two", "b", "c")))
    assert (rig.up("one"), rig.up("two")) == (True, True)
    assert rig.shown.ups == {"a": True, "b": True, "c": True}
