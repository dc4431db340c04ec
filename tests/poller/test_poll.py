"""One poll of one target, against a catalog in memory and a real store."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from exporter.errors import PollInterrupted, Reason
from exporter.model.run import MalformedRun, RunListing
from exporter.model.settings import Target, ViewPattern
from exporter.poller.crew import TICK
from exporter.poller.journal import Journal
from exporter.poller.listing import PART
from exporter.poller.poll import CALLS_AT_ONCE, Reading, TargetPoll
from exporter.store.outcome import Discovery, Event, ListingRead, PollOutcome, PollPart
from exporter.store.store import Store
from exporter.store.target_state import OUT_OF_TIME, TargetState
from tests.support.clock import ManualClock
from tests.support.reader import ACCOUNT, MemoryReader, PagesByToken, glue_error
from tests.support.view_bench import view
from tests.support.watching import Recorder, ended, running, target, watch


def nothing() -> None:
    """Beat where nobody listens."""


@dataclass
class Bench:
    """One target with everything around it."""

    target: Target
    poll_interval: float = 30.0
    clock: ManualClock = field(default_factory=ManualClock)
    reader: MemoryReader = field(default_factory=MemoryReader)
    shown: Recorder = field(default_factory=Recorder)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.store = Store(self.clock, [self.shown])
        self.store.configure(watch(self.target, poll_interval=self.poll_interval))
        self.poll = TargetPoll(self.target.name, self.reader, self.store, Journal(), self.clock)

    def run(self, beat: Callable[[], None] = nothing) -> list[str]:
        """Poll once; return the run IDs that were asked for."""
        self.reader.forget_calls()
        self.poll.run(self.stop, beat)
        return self.reader.calls

    def later(self, seconds: float = 30.0) -> list[str]:
        """Poll once more, so much later."""
        self.clock.advance(seconds)
        return self.run()

    def due(self) -> tuple[str, ...]:
        """Return what the next poll should read."""
        watched = self.store.watch(self.target.name)
        assert watched
        return watched.due

    @property
    def state(self) -> TargetState:
        """What the store knows of the target."""
        return self.store.targets()[0]

    @property
    def up(self) -> bool | None:
        """``target_up``."""
        return self.shown.targets[self.target.name].up


@pytest.fixture
def release() -> Iterator[list[threading.Event]]:
    """Collect the events at which calls hang; sets them all at the end."""
    events: list[threading.Event] = []
    yield events
    for event in events:
        event.set()


def test_reads_every_configured_run_and_commits_once() -> None:
    bench = Bench(target("prod", "a", "b"))
    bench.reader.holds(running("a"))
    bench.reader.holds(ended("b"))
    before = len(bench.shown.commits)
    assert sorted(bench.run()) == ["a", "b"]
    assert len(bench.shown.commits) == before + 1
    assert bench.shown.ups == {"a": True, "b": True}
    assert bench.up is True


def test_tells_the_reader_until_when_calls_may_wait() -> None:
    short, long = (
        Bench(target("prod", "a"), poll_interval=5.0),
        Bench(target("prod", "a"), poll_interval=300.0),
    )
    short.run()
    long.run()
    assert short.reader.deadlines == [1000.0 + 30.0]
    assert long.reader.deadlines == [1000.0 + 300.0]


def test_an_unknown_id_is_no_failure_of_the_target() -> None:
    bench = Bench(target("prod", "known", "unknown"))
    bench.reader.holds(running("known"))
    bench.run()
    assert bench.shown.ups == {"known": True, "unknown": False}
    assert (bench.up, bench.state.error) == (True, None)


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.NOT_FOUND}))
def test_any_other_failure_is_the_targets_too(reason: Reason) -> None:
    bench = Bench(target("prod", "a", "b"))
    bench.reader.holds(running("a"))
    bench.reader.answers["b"] = glue_error(reason, "what Glue says")
    bench.run()
    assert bench.shown.ups == {"a": True, "b": False}
    assert bench.up is False
    assert bench.state.error == "GetMaterializedViewRefreshTaskRun: what Glue says"


def test_recovers_with_the_next_poll() -> None:
    bench = Bench(target("prod", "a"))
    bench.reader.answers["a"] = glue_error(Reason.TIMEOUT)
    bench.run()
    bench.reader.holds(running("a"))
    assert bench.later() == ["a"]
    assert (bench.up, bench.state.error, bench.shown.ups) == (True, None, {"a": True})


def test_a_failure_keeps_the_last_good_values() -> None:
    bench = Bench(target("prod", "a"))
    bench.reader.holds(running("a"))
    bench.run()
    bench.reader.answers["a"] = glue_error(Reason.THROTTLED)
    bench.later()
    assert bench.shown.run("a").run == running("a")
    assert bench.shown.ups == {"a": False}


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.UNAVAILABLE, Reason.CREDENTIALS])
def test_gives_up_after_three_calls_in_a_row_that_did_not_reach_glue(reason: Reason) -> None:
    run_ids = [f"run-{number}" for number in range(100)]
    bench = Bench(target("prod", *run_ids))
    for run_id in run_ids:
        bench.reader.answers[run_id] = glue_error(reason)
    asked = bench.run()
    assert 3 <= len(asked) < 3 + 2 * CALLS_AT_ONCE
    assert bench.up is False
    assert bench.state.error == "GetMaterializedViewRefreshTaskRun: no"


def test_a_poll_that_gives_up_logs_that_once_and_not_for_each_run() -> None:
    run_ids = [f"run-{number}" for number in range(100)]
    bench = Bench(target("prod", *run_ids))
    for run_id in run_ids:
        bench.reader.answers[run_id] = glue_error(Reason.UNAVAILABLE)
    with capture_logs() as lines:
        bench.run()
    assert [line["event"] for line in lines] == ["target is down"]


def test_runs_that_a_poll_gave_up_on_are_not_up() -> None:
    run_ids = [f"run-{number:02}" for number in range(40)]
    bench = Bench(target("prod", *run_ids))
    for run_id in run_ids:
        bench.reader.holds(running(run_id))
    bench.run()
    assert set(bench.shown.ups.values()) == {True}
    for run_id in run_ids:
        bench.reader.answers[run_id] = glue_error(Reason.UNAVAILABLE)
    bench.later()
    assert set(bench.shown.ups.values()) == {False}
    assert all(bench.shown.run(run_id).run == running(run_id) for run_id in run_ids)


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.ACCESS_DENIED, Reason.NOT_FOUND])
def test_goes_on_past_failures_that_glue_itself_answered(reason: Reason) -> None:
    run_ids = [f"run-{number}" for number in range(20)]
    bench = Bench(target("prod", *run_ids))
    for run_id in run_ids:
        bench.reader.answers[run_id] = glue_error(reason)
    assert sorted(bench.run()) == sorted(run_ids)


def test_two_timeouts_are_not_yet_reason_to_give_up() -> None:
    bench = Bench(target("prod", "a", "b", "c"))
    bench.reader.answers["a"] = bench.reader.answers["b"] = glue_error(Reason.TIMEOUT)
    bench.reader.holds(running("c"))
    bench.run()
    assert bench.shown.ups == {"a": False, "b": False, "c": True}


def test_what_was_left_unread_comes_first_in_the_next_poll() -> None:
    """So that a few dead runs at the head of the file never starve the rest."""
    run_ids = [f"run-{number:02}" for number in range(60)]
    bench = Bench(target("prod", *run_ids))
    for run_id in run_ids:
        bench.reader.answers[run_id] = glue_error(Reason.TIMEOUT)
    bench.run()
    read = bench.due()[-8:]
    for run_id in run_ids:
        bench.reader.holds(running(run_id))
    bench.clock.advance(30)
    assert bench.due()[0] not in run_ids[:3]
    assert set(run_ids[:3]) <= set(read)


def test_a_poll_that_runs_out_of_time_says_so_and_leaves_what_hangs(release: list[threading.Event]) -> None:
    bench = Bench(target("prod", "hangs", "quick"))
    bench.reader.holds(running("hangs"))
    bench.reader.holds(running("quick"))
    release.append(bench.reader.hang("hangs"))

    def beat() -> None:
        if "quick" in bench.reader.calls:
            bench.clock.advance(10)

    bench.run(beat)
    assert (bench.up, bench.state.error) == (False, OUT_OF_TIME)
    assert bench.clock.monotonic() == pytest.approx(1030.0)
    assert bench.shown.targets["prod"].last_poll_duration == pytest.approx(30.0)


def test_time_that_ran_out_at_the_rate_limit_leaves_the_target_down() -> None:
    bench = Bench(target("prod", "a", "b"))
    bench.reader.holds(running("a"))
    bench.reader.answers["b"] = PollInterrupted("no time left")
    bench.run()
    assert (bench.up, bench.state.error) == (False, OUT_OF_TIME)
    assert bench.shown.ups["a"] is True


def test_time_that_ran_out_while_asking_for_the_account_leaves_the_target_down() -> None:
    bench = Bench(target("prod", "a", catalog_id=None))
    bench.reader.catalog = PollInterrupted("no time left")
    assert bench.run() == []
    assert (bench.up, bench.state.error) == (False, OUT_OF_TIME)


def test_an_unknown_catalog_leaves_the_target_down_without_series_of_runs() -> None:
    bench = Bench(target("prod", "a", catalog_id=None))
    bench.reader.catalog = glue_error(Reason.CREDENTIALS, "expired", operation="GetCallerIdentity")
    assert bench.run() == []
    assert (bench.up, bench.state.error) == (False, "GetCallerIdentity: expired")
    assert bench.shown.runs == {}
    assert bench.store.ready()


def test_a_catalog_that_becomes_known_is_read_in_the_same_poll() -> None:
    bench = Bench(target("prod", "a", catalog_id=None))
    bench.reader.catalog = glue_error(Reason.CREDENTIALS)
    bench.run()
    bench.reader.catalog = ACCOUNT
    bench.reader.holds(running("a"))
    assert bench.later() == ["a"]
    assert (bench.up, bench.shown.run("a").up) == (True, True)
    assert bench.shown.targets["prod"].catalog_id == ACCOUNT


def test_a_settled_run_is_never_fetched_again() -> None:
    bench = Bench(target("prod", "ended", "active"))
    bench.reader.holds(ended("ended"))
    bench.reader.holds(running("active"))
    bench.run()
    assert sorted(bench.later()) == ["active", "ended"]
    assert sorted(bench.later(660.0)) == ["active", "ended"], "this read finds it settled"
    for _ in range(5):
        assert bench.later() == ["active"]
    assert bench.shown.ups == {"ended": True, "active": True}


def test_an_unknown_id_is_asked_for_at_growing_intervals() -> None:
    bench = Bench(target("prod", "unknown"))
    polls_between_calls: list[int] = []
    since = 0
    bench.run()
    for _ in range(130):
        since += 1
        if bench.later():
            polls_between_calls.append(since)
            since = 0
    assert polls_between_calls == [1, 2, 4, 8, 16, 30, 30, 30]


def test_no_commit_once_it_is_to_stop(release: list[threading.Event]) -> None:
    bench = Bench(target("prod", "a"))
    release.append(bench.reader.hang("a"))
    commits = len(bench.shown.commits)
    bench.run(beat=bench.stop.set)
    assert len(bench.shown.commits) == commits


def test_no_commit_either_where_nothing_was_left_to_read_when_it_was_to_stop() -> None:
    """A reload may have given the target's name to another account meanwhile."""
    bench = Bench(target("prod"))

    class StopsThePoll(Journal):
        def write(self, events: Iterable[Event]) -> None:
            super().write(events)
            bench.stop.set()

    commits = len(bench.shown.commits)
    TargetPoll("prod", bench.reader, bench.store, StopsThePoll(), bench.clock).run(bench.stop, nothing)
    assert len(bench.shown.commits) == commits


def test_a_bug_in_one_read_costs_that_read_alone() -> None:
    bench = Bench(target("prod", "bad", "good"))
    bench.reader.answers["bad"] = ZeroDivisionError()
    bench.reader.holds(running("good"))
    bench.run()
    assert bench.shown.ups == {"bad": False, "good": True}
    assert bench.state.error == "internal: internal error: ZeroDivisionError"


def test_hung_calls_never_cost_more_threads_than_calls_at_once(release: list[threading.Event]) -> None:
    run_ids = [f"run-{number}" for number in range(30)]
    bench = Bench(target("prod", *run_ids))
    release.extend(bench.reader.hang(run_id) for run_id in run_ids)
    before = threading.active_count()
    for _ in range(3):
        bench.run(beat=lambda: bench.clock.advance(30))
    assert threading.active_count() - before <= CALLS_AT_ONCE
    assert TICK < 1


# What a reload does meanwhile, and what nobody foresaw


class ReloadedMeanwhile(Store):
    """A store that a reload takes the target away from, just before a poll tells it something."""

    stop: threading.Event

    def catalog_known(self, target: str, catalog_id: str, stop: threading.Event | None = None) -> list[Event]:
        """Take in the catalog, too late."""
        self.stop.set()
        return super().catalog_known(target, catalog_id, stop)


class ReloadedWhileItReads(Store):
    """A store that a reload takes the target away from, just before a poll hands it a part."""

    stop: threading.Event

    def take_in(self, part: PollPart, stop: threading.Event | None = None) -> list[Event]:
        """Take in the part, too late."""
        self.stop.set()
        return super().take_in(part, stop)


class ReloadedAtTheEnd(Store):
    """A store that a reload takes the target away from, just before a poll commits what it read."""

    stop: threading.Event

    def commit(self, outcome: PollOutcome, stop: threading.Event | None = None) -> list[Event]:
        """Take in the outcome, too late."""
        self.stop.set()
        return super().commit(outcome, stop)


class NotesOutcomes(Store):
    """A store that notes what polls commit."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.outcomes: list[PollOutcome] = []

    def commit(self, outcome: PollOutcome, stop: threading.Event | None = None) -> list[Event]:
        """Note the outcome, and take it in."""
        self.outcomes.append(outcome)
        return super().commit(outcome, stop)


class TwoPages(PagesByToken):
    """A listing whose first page is as long as a part may be."""

    def page(self, token: str | None) -> RunListing:
        """Return the page of this token."""
        if token:
            return RunListing(runs=(running("the last"),), malformed=(), next_token=None)
        first = tuple(running(f"run-{number}") for number in range(PART))
        return RunListing(runs=first, malformed=(), next_token="2")


def remembered(store: Store) -> int:
    """Return how many runs the store remembers."""
    return int(store.look(lambda state: state.connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]))


def watching_a_view() -> Target:
    """Return a target that watches one view by its name."""
    return replace(target("prod"), views=(ViewPattern(database="sales", table="daily_orders"),))


def test_a_long_listing_is_taken_in_part_by_part() -> None:
    bench = Bench(watching_a_view(), reader=TwoPages())
    bench.reader.views = [view()]
    bench.run()
    assert remembered(bench.store) == PART + 1


def test_a_part_that_was_read_for_a_target_that_was_reloaded_meanwhile_is_not_taken_in() -> None:
    one = watching_a_view()
    bench = Bench(one, reader=TwoPages())
    bench.reader.views = [view()]
    store = ReloadedWhileItReads(bench.clock)
    store.stop = bench.stop
    store.configure(watch(one))
    TargetPoll("prod", bench.reader, store, Journal(), bench.clock).run(bench.stop, nothing)
    assert remembered(store) == 0


def test_views_that_a_part_has_told_of_are_not_told_of_anew_at_the_end_of_the_poll() -> None:
    one = watching_a_view()
    bench = Bench(one, reader=TwoPages())
    bench.reader.views = [view()]
    store = NotesOutcomes(bench.clock)
    store.configure(watch(one))
    TargetPoll("prod", bench.reader, store, Journal(), bench.clock).run(bench.stop, nothing)
    assert [outcome.discovery_taken_in for outcome in store.outcomes] == [True]


def test_what_was_read_for_a_target_that_was_reloaded_meanwhile_is_not_taken_in() -> None:
    one = target("prod", "a")
    bench = Bench(one, reader=MemoryReader([running("a")]))
    store = ReloadedAtTheEnd(bench.clock)
    store.stop = bench.stop
    store.configure(watch(one))
    TargetPoll("prod", bench.reader, store, Journal(), bench.clock).run(bench.stop, nothing)
    assert remembered(store) == 0
    assert store.targets()[0].series.up is None


def test_the_catalog_of_a_target_that_was_reloaded_meanwhile_is_not_taken_in() -> None:
    """The target of that name may have another access by now."""
    one = target("prod", catalog_id=None)
    bench = Bench(one)
    store = ReloadedMeanwhile(bench.clock)
    store.stop = bench.stop
    store.configure(watch(one))
    TargetPoll("prod", bench.reader, store, Journal(), bench.clock).run(bench.stop, nothing)
    assert store.targets()[0].series.catalog_id is None


def test_a_poll_that_fails_in_a_way_that_nobody_foresaw_is_logged_with_its_target() -> None:
    bench = Bench(target("prod"))
    bench.reader.trouble = ZeroDivisionError()
    with capture_logs() as lines:
        bench.run()
    assert lines == [
        {
            "log_level": "error",
            "event": "a poll failed in a way that nobody foresaw",
            "target": "prod",
            "exc_info": True,
        }
    ]


class OneUnreadable(PagesByToken):
    """A listing of which one record cannot be read."""

    def page(self, token: str | None) -> RunListing:  # noqa: ARG002 (the reader's signature)
        """Return the only page."""
        record = MalformedRun(run_id="b", message="Status is a number")
        return RunListing(runs=(running("a"),), malformed=(record,), next_token=None)


def test_a_record_of_a_listing_that_cannot_be_read_is_logged() -> None:
    bench = Bench(watching_a_view(), reader=OneUnreadable())
    bench.reader.views = [view()]
    with capture_logs() as lines:
        bench.run()
    (told,) = (line for line in lines if line["event"] == "a record of a listing cannot be read")
    assert told["target"] == "prod"
    assert told["error"].endswith("b: Status is a number")


# Parts of a listing that is read further


def test_the_first_part_tells_of_the_views_that_were_found_and_the_others_do_not() -> None:
    handed: list[PollPart] = []
    reading = Reading("prod", handed.append)
    reading.discovery = Discovery(views=(view(),), databases=frozenset({"sales"}))
    parts = [ListingRead(runs=(running(run_id),)) for run_id in "abc"]
    for part in parts:
        reading.take_in_part(part)
    assert [part.discovery for part in handed] == [reading.discovery, None, None]
    assert [part.listing for part in handed] == parts
    assert {(part.target, part.tables_denied) for part in handed} == {("prod", False)}
    assert reading.discovery_taken_in
    assert reading.listed == {"a", "b", "c"}


def test_a_part_tells_where_tables_may_not_be_read_and_no_views_where_none_were_looked_for() -> None:
    handed: list[PollPart] = []
    reading = Reading("prod", handed.append)
    reading.tables_denied = True
    reading.take_in_part(ListingRead(runs=(running("a"),)))
    assert [(part.discovery, part.tables_denied) for part in handed] == [(None, True)]
    assert not reading.discovery_taken_in


def test_the_first_record_of_a_listing_that_cannot_be_read_is_why_the_poll_failed() -> None:
    reading = Reading("prod", lambda _: None)
    for lines in (["run a: Status is a number"], ["run b: Status is a number", "run c: no ID"]):
        reading.take_in_listing(ListingRead(), lines)
    assert str(reading.error) == "ListMaterializedViewRefreshTaskRuns: run a: Status is a number"
    assert reading.malformed == ["run a: Status is a number", "run b: Status is a number", "run c: no ID"]
