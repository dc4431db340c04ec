"""The targets' threads: when they poll, how they are configured, watched and ended."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from exporter.model.settings import Target
from exporter.poller.scheduler import STUCK_AFTER, Scheduler, TargetThread, first_gap
from exporter.store.series import RequestStats
from exporter.store.store import Store
from tests.poller.bench import run, running, watch, watching
from tests.support.clock import SAFETY_NET, ManualClock, eventually
from tests.support.reader import ACCOUNT, MemoryReader, glue_error
from tests.support.store_bench import Shown, target, view


def test_targets_spread_over_the_second_half_of_the_interval() -> None:
    gaps = sorted(first_gap(f"account-{number}", 30) for number in range(200))
    assert gaps[0] < 16
    assert gaps[-1] > 29
    assert max(later - sooner for sooner, later in pairwise(gaps)) < 1.5


class Rig:
    """A scheduler with a reader for each target, on a clock that only the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(held=True)
        self.shown = Shown()
        self.store = Store(self.clock, [self.shown])
        self.readers: dict[str, list[MemoryReader]] = {}
        self.prepared: dict[str, MemoryReader] = {}
        self.scheduler = Scheduler(self.store, self._reader, self.clock)
        self.releases: list[threading.Event] = []

    def _reader(self, wanted: Target, _requests: RequestStats, stop: threading.Event) -> MemoryReader:
        reader = self.prepared.pop(wanted.name, None) or MemoryReader(map(running, wanted.run_ids))
        reader.ended = stop
        reader.catalog = wanted.catalog_id or ACCOUNT
        self.readers.setdefault(wanted.name, []).append(reader)
        return reader

    def configure(self, *targets: Target, poll_interval: float = 30.0) -> None:
        self.scheduler.configure(watch(*targets, poll_interval=poll_interval))

    def reader(self, name: str) -> MemoryReader:
        return self.readers[name][-1]

    def thread(self, name: str) -> TargetThread:
        return self.scheduler._threads[name]

    def prepare(self, name: str, *runs: Run) -> MemoryReader:
        """Return the reader that a target gets next; it holds these runs."""
        self.prepared[name] = MemoryReader(runs)
        return self.prepared[name]

    def hangs(self, reader: MemoryReader, what: str) -> threading.Event:
        """Let calls hang until the returned event is set, or the test ends."""
        self.releases.append(reader.hang(what))
        return self.releases[-1]

    def up(self, name: str) -> bool | None:
        return self.shown.targets[name].up

    def end(self) -> None:
        for release in self.releases:
            release.set()
        self.scheduler.stop(SAFETY_NET)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.end()


# When


def test_polls_every_target_at_once_and_then_at_its_own_time(rig: Rig) -> None:
    rig.configure(target("one", "a"), target("two", "b"))
    until = rig.clock.await_waiters(2)
    assert (rig.up("one"), rig.up("two")) == (True, True)
    assert until == sorted(1000 + first_gap(name, 30) for name in ("one", "two"))


def test_polls_at_every_interval_from_then_on(rig: Rig) -> None:
    rig.configure(target("one", "a"))
    (second,) = rig.clock.await_waiters()
    for poll in (2, 3):
        rig.clock.advance(second - rig.clock.monotonic())
        rig.reader("one").await_calls(poll)
        second += 30
        assert rig.clock.await_waiters() == [pytest.approx(second)]


class Slow(MemoryReader):
    """Takes so many seconds for every call that begins like this."""

    def __init__(self, clock: ManualClock, seconds: float, call: str) -> None:
        super().__init__()
        self._clock, self._seconds, self._slow = clock, seconds, call

    def _note(self, call: str) -> None:
        if call.startswith(self._slow):
            self._clock.advance(self._seconds)
        super()._note(call)


def test_a_poll_that_ends_just_before_the_next_one_does_not_put_it_off(rig: Rig) -> None:
    gap = first_gap("one", 30)
    rig.prepared["one"] = Slow(rig.clock, gap - 0.5, "a")
    rig.configure(target("one", "a"))
    assert rig.clock.await_waiters() == [pytest.approx(1000 + gap)]


def test_a_target_that_hangs_or_fails_harms_no_other(rig: Rig) -> None:
    rig.hangs(rig.prepare("hangs"), "a")
    rig.prepare("fails").fails("b", Reason.ACCESS_DENIED)
    rig.configure(target("hangs", "a"), target("fails", "b"), target("well", "c"), poll_interval=10)
    rig.reader("hangs").await_calls(1)
    for poll in (2, 3):
        until = rig.clock.await_waiters(2)
        rig.clock.advance(until[-1] - rig.clock.monotonic())
        rig.reader("well").await_calls(poll)
    assert rig.up("hangs") is None, "its first poll goes on"
    assert (rig.up("fails"), rig.up("well")) == (False, True)
    assert rig.scheduler.trouble() is None


# Reloads


def test_a_reload_polls_at_once_with_the_readers_that_fit_still(rig: Rig) -> None:
    rig.configure(target("one", "a"))
    rig.clock.await_waiters()
    rig.reader("one").holds(running("b"))
    rig.configure(target("one", "a", "b"))
    assert sorted(rig.reader("one").await_calls(3)) == ["a", "a", "b"]
    assert len(rig.readers["one"]) == 1
    assert not rig.reader("one").ended.is_set()


ACCESS = target("one").access


@pytest.mark.parametrize(
    "changed",
    [
        target("one", "a", catalog_id="210987654321"),
        target("one", "a", region="us-east-1"),
        replace(target("one", "a"), access=replace(ACCESS, profile="other")),
        replace(target("one", "a"), access=replace(ACCESS, endpoint_url="http://127.0.0.1:9")),
        target("one", "a", "sales.*"),
        target("one", "a", exclude=["sales.*"]),
        replace(target("one", "a"), source_tables=False),
    ],
    ids=["catalog", "region", "profile", "endpoint", "views", "exclude_views", "source_tables"],
)
def test_a_reload_that_changes_what_is_asked_begins_anew(rig: Rig, changed: Target) -> None:
    rig.configure(target("one", "a"))
    rig.clock.await_waiters()
    rig.configure(changed)
    before, after = rig.readers["one"]
    assert before.ended.is_set()
    eventually(lambda: "a" in after.calls)
    assert before.calls == ["a"]


def test_a_reload_ends_the_polling_of_a_target_that_is_gone(rig: Rig) -> None:
    rig.configure(target("one", "a"), target("two", "b"))
    rig.clock.await_waiters(2)
    rig.configure(target("two", "b"))
    assert rig.reader("one").ended.is_set()
    assert rig.shown.targets.keys() == {"two"}
    assert rig.shown.ups.keys() == {"b"}
    assert rig.scheduler.trouble() is None


def test_targets_are_spread_over_the_interval_again_after_a_reload(rig: Rig) -> None:
    """All are polled at once; from then on they must not always ask at the same moment."""
    targets = [target(f"account-{number}", f"run-{number}") for number in range(20)]
    rig.configure(*targets)
    rig.clock.await_waiters(20)
    rig.clock.advance(7.0)
    rig.configure(*targets)
    now = rig.clock.time()
    eventually(lambda: all(series.last_poll_time == now for series in rig.shown.targets.values()))
    times = rig.clock.await_waiters(20)
    assert max(times) - min(times) > 10.0


def test_health_answers_while_a_reload_waits_for_the_store(rig: Rig) -> None:
    """And the target that it has just ended is not in trouble."""
    rig.configure(target("one", "a"))
    rig.clock.await_waiters()
    ended, health = rig.thread("one").polling.stop, list[str | None]()
    with rig.store.lock:
        threading.Thread(target=partial(rig.configure, target("two", "b")), daemon=True).start()
        assert ended.wait(SAFETY_NET)
        asking = threading.Thread(target=lambda: health.append(rig.scheduler.trouble()), daemon=True)
        asking.start()
        asking.join(5.0)
    assert health == [None]


def test_what_a_target_reads_after_a_reload_took_it_away_is_dropped(rig: Rig) -> None:
    release = rig.hangs(rig.prepare("one", running("a")), "a")
    rig.configure(target("one", "a"))
    rig.reader("one").await_calls(1)
    rig.prepare("one")
    rig.configure(target("one", "a", catalog_id="210987654321"))
    rig.clock.await_waiters()
    release.set()
    rig.clock.advance(31)
    rig.clock.await_waiters()
    assert [(key.catalog_id, series.run) for key, series in rig.shown.runs.items()] == [
        ("210987654321", None)
    ]


@pytest.mark.parametrize("first", [True, False], ids=["in the first poll", "later"])
def test_a_reload_while_a_resync_goes_on_looks_for_the_new_patterns_at_once(rig: Rig, *, first: bool) -> None:
    """And what the old one still reads changes nothing any more."""
    reader = rig.prepare("prod", run("a"), run("b", of="finance.ledger"))
    reader.views = [view("sales.orders"), view("finance.ledger")]
    if not first:
        rig.configure(watching("sales.*"))
        rig.clock.await_waiters()
        assert rig.shown.view_ups == {"sales.orders": True}
        reader.views.append(view("sales.returns"))
        reader.forget_calls()
    release = rig.hangs(reader, "get_tables sales")
    if first:
        rig.configure(watching("sales.*"))
    else:
        rig.clock.advance(900.0)
    eventually(lambda: "get_tables sales" in reader.calls)
    old = rig.thread("prod").poll.resync
    rig.prepared["prod"] = reader
    rig.configure(watching("finance.*"))
    eventually(lambda: rig.shown.view_ups.keys() == {"finance.ledger"})
    eventually(lambda: not (old.running or rig.thread("prod").poll.resync.running))
    rig.clock.await_waiters()
    commits = len(rig.shown.commits)
    release.set()
    assert len(rig.shown.commits) == commits
    rig.clock.advance(30.0)
    eventually(lambda: rig.shown.view_ups == {"finance.ledger": True})
    assert rig.up("prod") is True


def test_patterns_that_change_back_while_a_resync_goes_on_are_looked_for_all_the_same(rig: Rig) -> None:
    reader = rig.prepare("prod", run("a"))
    reader.views = [view("sales.orders")]
    poll = rig.hangs(reader, "poll")
    rig.configure(watching("sales.*"))
    for pattern in ("finance.*", "sales.*"):
        rig.prepared["prod"] = reader
        rig.configure(watching(pattern))
    poll.set()
    eventually(lambda: rig.shown.view_ups == {"sales.orders": True})


# The watchdog


def test_no_trouble_while_all_wait_for_their_time(rig: Rig) -> None:
    """A resync that has ended gives no heartbeat any more."""
    rig.configure(target("one", "a"), watching("sales.*"), poll_interval=3600)
    rig.clock.await_waiters(2)
    rig.clock.advance(1700)
    assert rig.scheduler.trouble() is None


@pytest.fixture
def waiting(rig: Rig) -> MemoryReader:
    """Have a target wait for its second poll; return its reader."""
    reader = rig.prepare("prod", running("a"))
    rig.configure(watching("sales.orders", "a"), poll_interval=3600)
    rig.clock.await_waiters()
    reader.forget_calls()
    return reader


def begin(rig: Rig, job: str) -> None:
    """Let the second poll begin, and with it a resync; where that is to hang, let the poll end."""
    (until,) = rig.clock.await_waiters()
    rig.clock.advance(until - rig.clock.monotonic())
    if job == "resync":
        eventually(lambda: rig.thread("prod").poll.resync.running)
        rig.clock.await_waiters()


@pytest.mark.parametrize(
    ("hung", "job"), [("list_runs sales.orders", "poll loop"), ("get_table sales.orders", "resync")]
)
def test_no_trouble_while_a_job_waits_for_calls_that_hang(
    rig: Rig, waiting: MemoryReader, hung: str, job: str
) -> None:
    """The watchdog must not restart an exporter because Glue is slow."""
    rig.hangs(waiting, hung)
    begin(rig, job)
    eventually(lambda: hung in waiting.calls)
    thread = rig.thread("prod")

    def is_heard_now() -> bool:
        heartbeat = thread.poll.resync.heartbeat if job == "resync" else thread.expected - STUCK_AFTER
        return heartbeat == rig.clock.monotonic()

    for _ in range(3):
        rig.clock.advance(STUCK_AFTER - 1)
        eventually(is_heard_now)
        assert rig.scheduler.trouble() is None


@pytest.mark.parametrize(("hung", "job"), [("poll", "poll loop"), ("resync", "resync")])
def test_a_job_that_gives_no_heartbeat_is_stuck(rig: Rig, waiting: MemoryReader, hung: str, job: str) -> None:
    jobs = len(waiting.deadlines)
    rig.hangs(waiting, hung)
    begin(rig, job)
    eventually(lambda: len(waiting.deadlines) > jobs)
    rig.clock.advance(STUCK_AFTER)
    assert rig.scheduler.trouble() is None
    rig.clock.advance(0.25)
    assert rig.scheduler.trouble() == f"the {job} of target prod has been stuck for 60 s"
    rig.clock.advance(10)
    assert rig.scheduler.trouble() == f"the {job} of target prod has been stuck for 70 s"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is to die
def test_a_thread_that_died_is_trouble_and_one_that_was_ended_hides_it_not(rig: Rig) -> None:
    rig.prepare("two").trouble = SystemExit()
    rig.configure(target("one", "a"), target("two", "b"))
    rig.thread("one").end()
    for thread in rig.scheduler._threads.values():
        thread.thread.join(SAFETY_NET)
    assert rig.scheduler.trouble() == "the poll loop of target two has died"


# The end


def test_stop_ends_threads_that_wait_and_nothing_is_polled_any_more(rig: Rig) -> None:
    rig.configure(target("one", "a"), target("two", "b"))
    rig.clock.await_waiters(2)
    assert rig.scheduler.stop(SAFETY_NET) is True
    assert all(reader.ended.is_set() for readers in rig.readers.values() for reader in readers)
    rig.clock.advance(300)
    assert rig.reader("one").calls == ["a"]


@pytest.mark.parametrize("hung", ["a", "get_table sales.orders"], ids=["a poll", "a resync"])
def test_stop_does_not_wait_for_calls_that_hang(rig: Rig, hung: str) -> None:
    rig.hangs(rig.prepare("prod"), hung)
    rig.configure(watching(*(["sales.orders"] if " " in hung else []), "a"))
    rig.reader("prod").await_calls(1)
    commits, resync = len(rig.shown.commits), rig.thread("prod").poll.resync
    assert rig.scheduler.stop(SAFETY_NET) is True
    eventually(lambda: not resync.running)
    assert len(rig.shown.commits) == commits


def test_stop_returns_within_its_bound_even_where_a_thread_is_stuck(rig: Rig) -> None:
    rig.hangs(rig.prepare("one"), "poll")
    rig.configure(target("one", "a"))
    assert rig.scheduler.stop(0.01) is False


# Polling once


def test_polling_once_polls_every_target_and_returns(rig: Rig) -> None:
    reader = rig.prepare("prod", run("d"))
    reader.views = [view("sales.orders")]
    rig.scheduler.poll_once(watch(target("one", "a"), target("two", "b", "c"), watching("sales.*")))
    assert {name: series.up for name, series in rig.shown.targets.items()} == dict.fromkeys(
        ("one", "two", "prod"), True
    )
    assert rig.shown.ups == {"a": True, "b": True, "c": True, "d": None}
    assert reader.calls == ["get_tables sales", "list_runs sales.orders"]


@pytest.mark.parametrize("denied", [False, True])
def test_polling_once_waits_for_a_complete_resync_however_long_it_takes(rig: Rig, *, denied: bool) -> None:
    """Here 45 minutes, whatever has failed by then."""
    reader = rig.prepared["prod"] = Slow(rig.clock, 45.0, "get_tables")
    reader.views = [view(f"db_{number:02}.view") for number in range(60)]
    if denied:
        reader.fails("get_tables db_00", Reason.ACCESS_DENIED)
    rig.scheduler.poll_once(watch(watching("*.*")))
    assert (rig.up("prod"), set(rig.shown.view_ups.values())) == (not denied, {True})
    assert len(rig.shown.view_ups) == 60 - denied


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.ACCESS_DENIED])
def test_polling_once_ends_where_glue_cannot_be_read(rig: Rig, reason: Reason) -> None:
    reader = rig.prepare("prod")
    for call in ("get_databases", "list_runs *.*"):
        reader.answers[call] = glue_error(reason)
    rig.scheduler.poll_once(watch(watching("*.*")))
    assert rig.up("prod") is False


def test_a_signal_that_comes_to_another_thread_ends_polling_once(rig: Rig) -> None:
    """The kernel may choose any, and does where threads begin at that moment."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    rig.hangs(rig.prepare("prod"), "poll")
    told = threading.Event()

    def end() -> None:
        told.wait(SAFETY_NET)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=end, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            rig.scheduler.poll_once(watch(target("prod", "a")), told.set)
    finally:
        signal.signal(signal.SIGTERM, before)
