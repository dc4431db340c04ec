"""One poll of one target: what it asks for, how it ends, and what it says of the target."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.clock import Clock
from exporter.errors import PollInterrupted, Reason
from exporter.model.run import Malformed, Page, Run
from exporter.poller.workers import CALLS_AT_ONCE, UNREACHABLE
from exporter.store.series import SeriesListener
from exporter.store.storage import Storage
from exporter.store.store import Store
from exporter.store.targets import OUT_OF_TIME
from tests.poller.bench import Bench, SmallPages, old, run, running, watching
from tests.support.clock import START
from tests.support.reader import ACCOUNT, PagesByToken, glue_error
from tests.support.store_bench import DAY, target

MANY = [f"run-{number:02}" for number in range(60)]


@pytest.fixture
def release() -> Iterator[list[threading.Event]]:
    """Collect the events at which calls hang; sets them all at the end."""
    events: list[threading.Event] = []
    yield events
    for event in events:
        event.set()


# Configured runs


def test_reads_every_configured_run_and_commits_once() -> None:
    """An ID that Glue does not know does not make the target fail."""
    bench = Bench(target("prod", "a", "b", "unknown"))
    bench.has(running("a"), run("b"))
    before = len(bench.shown.commits)
    assert bench.run() == ["a", "b", "unknown"]
    assert len(bench.shown.commits) == before + 1
    assert bench.shown.ups == {"a": True, "b": True, "unknown": False}
    assert (bench.up, bench.error) == (True, None)


@pytest.mark.parametrize(("poll_interval", "seconds"), [(5.0, 30.0), (300.0, 300.0)])
def test_calls_may_wait_for_poll_interval_and_30_seconds_at_least(
    poll_interval: float, seconds: float
) -> None:
    bench = Bench(target("prod", "a"), poll_interval=poll_interval)
    bench.run()
    assert bench.reader.deadlines == [1000.0 + seconds]


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.NOT_FOUND}))
def test_any_other_failure_is_the_targets_too_and_keeps_the_last_good_values(reason: Reason) -> None:
    bench = Bench(target("prod", "a", "b"))
    bench.has(running("a"), running("b"))
    bench.run()
    bench.reader.answers["b"] = glue_error(reason, "what Glue says")
    bench.later()
    assert bench.shown.ups == {"a": True, "b": False}
    assert {key.run_id: series.run for key, series in bench.shown.runs.items()}["b"] == running("b")
    assert (bench.up, bench.error) == (False, "GetMaterializedViewRefreshTaskRun: what Glue says")
    bench.has(running("a"), running("b"))
    bench.reader.answers["b"] = running("b")
    assert bench.later() == ["a", "b"]
    assert (bench.up, bench.error, bench.shown.ups) == (True, None, {"a": True, "b": True})


def test_a_settled_run_is_never_fetched_again() -> None:
    bench = Bench(target("prod", "active", "ended"))
    bench.has(run("ended"), running("active"))
    bench.run()
    assert bench.later() == ["active", "ended"]
    assert bench.later(660.0) == ["active", "ended"], "this read finds it settled"
    assert [bench.later() for _ in range(5)] == [["active"]] * 5
    assert bench.shown.ups == {"ended": True, "active": True}


# Giving up, and time that runs out


@pytest.mark.parametrize("reason", sorted(UNREACHABLE))
def test_gives_up_after_three_calls_in_a_row_that_did_not_reach_glue(reason: Reason) -> None:
    """What it left unread is not up, and that the target is down is logged once."""
    bench = Bench(target("prod", *MANY))
    bench.has(*map(running, MANY))
    bench.reader.fails("list_runs *.*", Reason.ACCESS_DENIED)
    bench.run()
    assert set(bench.shown.ups.values()) == {True}
    for run_id in MANY:
        bench.reader.fails(run_id, reason)
    with capture_logs() as lines:
        asked = bench.later()
    assert 3 <= len(asked) < 3 + 2 * CALLS_AT_ONCE
    assert (bench.up, bench.error) == (False, "GetMaterializedViewRefreshTaskRun: no")
    assert set(bench.shown.ups.values()) == {False}
    assert [line["event"] for line in lines] == ["target is down"]


def test_gives_up_listings_that_do_not_reach_glue_after_three_calls() -> None:
    """Twelve unsorted tables are twelve listings."""
    names = [f"db_{number:02}.view" for number in range(12)]
    unsorted = [run(f"run-{n}", DAY - n, of=[*names, "other.table"][n % 13]) for n in range(26)]
    bench = Bench(watching(*names), SmallPages())
    bench.has(*unsorted, views=names)
    bench.run()
    assert len(bench.later()) == 12
    for name in names:
        database = name.split(".")[0]
        bench.reader.fails(f"list_runs {database}.*", Reason.TIMEOUT)
        bench.reader.fails(f"list_runs {name}", Reason.TIMEOUT)
    assert len(bench.later()) == 3
    assert bench.error == "ListMaterializedViewRefreshTaskRuns: no"


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.ACCESS_DENIED, Reason.NOT_FOUND])
def test_goes_on_past_failures_that_glue_itself_answered(reason: Reason) -> None:
    bench = Bench(target("prod", *MANY[:20]))
    for run_id in MANY[:20]:
        bench.reader.fails(run_id, reason)
    assert bench.run() == MANY[:20]


def test_what_was_left_unread_comes_first_in_the_next_poll() -> None:
    """So that a few dead runs at the head of the file never starve the rest."""
    bench = Bench(target("prod", *MANY[:24]))
    for run_id in MANY[:24]:
        bench.reader.fails(run_id, Reason.TIMEOUT)
    bench.run()
    watch = bench.store.watch("prod")
    assert watch is not None
    assert watch.due[0] not in MANY[:3]
    assert set(MANY[:3]) <= set(watch.due[-16:])


def test_a_poll_that_runs_out_of_time_says_so_and_leaves_what_hangs(release: list[threading.Event]) -> None:
    bench = Bench(target("prod", "hangs", "quick"))
    bench.has(running("hangs"), running("quick"))
    bench.run()
    release.append(bench.reader.hang("hangs"))
    bench.run(lambda: bench.clock.advance(10.0 if "quick" in bench.reader.calls else 0.0))
    assert (bench.up, bench.error) == (False, OUT_OF_TIME)
    assert bench.shown.ups == {"hangs": True, "quick": True}, "as its last attempt left it"
    assert bench.shown.targets["prod"].last_poll_duration == pytest.approx(30.0)


def test_time_that_ran_out_at_the_rate_limit_leaves_the_target_down() -> None:
    bench = Bench(target("prod", "a", "b"))
    bench.has(running("a"))
    bench.reader.answers["b"] = PollInterrupted("no time left")
    bench.run()
    assert (bench.up, bench.error, bench.shown.ups["a"]) == (False, OUT_OF_TIME, True)


# The catalog


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (PollInterrupted("no time left"), OUT_OF_TIME),
        (
            glue_error(Reason.CREDENTIALS, "expired", operation="GetCallerIdentity"),
            "GetCallerIdentity: expired",
        ),
    ],
)
def test_an_unknown_catalog_leaves_the_target_down_without_series_of_runs_until_it_is_known(
    failure: Exception, error: str
) -> None:
    bench = Bench(target("prod", "a", catalog_id=None))
    bench.has(running("a"))
    bench.reader.catalog = failure
    assert bench.run() == []
    assert (bench.up, bench.error, bench.shown.runs) == (False, error, {})
    assert bench.store.ready()
    bench.reader.catalog = ACCOUNT
    assert bench.later() == ["a"]
    assert (bench.up, bench.shown.ups) == (True, {"a": True})
    assert bench.shown.targets["prod"].catalog_id == ACCOUNT


# The end of the program, and reloads


def test_changes_nothing_once_it_is_to_stop(release: list[threading.Event]) -> None:
    bench = Bench(target("prod", "a"))
    release.append(bench.reader.hang("a"))
    commits = len(bench.shown.commits)
    bench.run(beat=bench.stop.set)
    assert len(bench.shown.commits) == commits


class ReloadedMeanwhile(Store):
    """A store that a reload takes the target away from just when its catalog becomes known."""

    stop: threading.Event

    def catalog_known(self, target: str, catalog_id: str, stop: threading.Event | None = None) -> None:
        self.stop.set()
        super().catalog_known(target, catalog_id, stop)


def test_the_catalog_of_a_target_that_was_reloaded_meanwhile_is_dropped() -> None:
    """The target of that name may have another access by now."""
    bench = Bench(target("prod", "a", catalog_id=None), make_store=ReloadedMeanwhile)
    assert isinstance(bench.store, ReloadedMeanwhile)
    bench.store.stop = bench.stop
    bench.run()
    assert (bench.state.series.up, bench.state.series.catalog_id) == (None, None)


# Views


class OneUnreadable(PagesByToken):
    """A listing of which one record cannot be read."""

    def page(self, token: str | None) -> Page[Run]:  # noqa: ARG002 (the protocol's)
        record = Malformed("b", "Status is a number")
        return Page((running("a"),), (record,))


def test_a_record_of_a_listing_that_cannot_be_read_is_logged_once_and_the_target_is_down() -> None:
    bench = Bench(watching("sales.orders"), OneUnreadable())
    bench.has()
    with capture_logs() as lines:
        for _ in range(3):
            bench.later()
    logged = [line for line in lines if line["event"] == "a record of a listing cannot be read"]
    assert [(line["target"], line["error"]) for line in logged] == [("prod", "run b: Status is a number")]
    assert bench.error == "ListMaterializedViewRefreshTaskRuns: Status is a number"
    assert bench.shown.shown_runs == {"a"}


def test_unsettled_runs_of_a_view_are_read_with_its_listing_where_that_takes_fewer_calls() -> None:
    """Two on the second page: one call instead of two. One on the third is asked for by its ID."""
    runs = [running(r.run_id, START - (r.creation_time or 0)) if n in (1200, 1300) else r
            for n, r in enumerate(old(1500))]  # fmt: skip
    bench = Bench(watching("sales.orders"))
    bench.has(*runs)
    bench.run()
    pages = ["list_runs sales.orders", "list_runs sales.orders from 1000"]
    assert bench.later() == pages
    runs[1200] = run("old-1200", START - (runs[1200].creation_time or 0))
    bench.has(*runs)
    assert bench.later() == pages
    assert bench.later() == [pages[0], "old-1300"]
    assert bench.shown.runs_total("sales.orders") == {"SUCCEEDED": 1}


def test_a_configured_run_that_a_listing_holds_is_not_asked_for_by_its_id() -> None:
    bench = Bench(watching("sales.orders", "a", "elsewhere"))
    bench.has(running("a"), running("elsewhere", of="finance.ledger"))
    bench.run()
    assert bench.later() == ["elsewhere", "list_runs sales.orders"]


def test_after_a_restart_one_complete_listing_is_enough_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    def open_store(clock: Clock, listeners: list[SeriesListener]) -> Store:
        storage, rows = Storage.open(tmp_path)
        return Store(clock, listeners, storage, rows)

    bench = Bench(watching("sales.orders"), make_store=open_store)
    going_on = running("going-on", 60.0)
    bench.has(going_on, *old(1500))
    bench.run()
    bench.store.close()
    bench.clock.advance(7200.0)
    bench = Bench(watching("sales.orders"), clock=bench.clock, make_store=open_store)
    over = run("going-on", 60.0)
    bench.has(run("new", -60.0), over, *old(1500))
    pages = ["list_runs sales.orders", "list_runs sales.orders from 1000"]
    assert bench.run() == ["get_table sales.orders", *pages]
    assert (bench.up, bench.shown.runs_total("sales.orders")) == (True, {"SUCCEEDED": 2})
    assert bench.later() == pages[:1]
    assert bench.shown.runs_total("sales.orders") == {"SUCCEEDED": 2}
    bench.store.close()


# Many run IDs


def configured(count: int, *, listed: int, others: int = 0) -> Bench:
    """Return a target with so many run IDs, of which some are listed, and the others cannot be read now."""
    bench = Bench(target("prod", *(f"run-{number}" for number in range(count))))
    bench.has(*(running(f"run-{number}", 60.0 * number) for number in range(listed)), *old(others))
    for number in range(listed, count):
        bench.reader.fails(f"run-{number}", Reason.THROTTLED)
    return bench


def listings(calls: Sequence[str]) -> int:
    return sum(call.startswith("list_runs") for call in calls)


@pytest.mark.parametrize(("count", "tried"), [(24, False), (25, True)])
def test_from_25_run_ids_on_a_listing_is_tried(count: int, *, tried: bool) -> None:
    bench = configured(count, listed=count)
    assert len(bench.run()) == (1 if tried else count)
    assert set(bench.shown.ups.values()) == {True}


def test_a_listing_finds_run_ids_that_it_writes_in_another_case() -> None:
    bench = Bench(target("prod", *(f"run-{number}" for number in range(25))))
    bench.has(*(running(f"RUN-{number}", 60.0 * number) for number in range(25)))
    assert len(bench.run()) == 1


@pytest.mark.parametrize(("count", "pages"), [(25, 2), (39, 3)])
def test_a_page_has_to_be_worth_ten_run_ids(count: int, pages: int) -> None:
    """Of four pages, none of which holds any."""
    calls = configured(count, listed=0, others=3500).run()
    assert (listings(calls), len(calls)) == (pages, pages + count)


@pytest.mark.parametrize(
    ("listed", "others", "again"),
    [(0, 999, False), (1, 999, True), (1, 1000, False), (2, 999, True), (2, 1998, True)],
)
def test_a_listing_that_holds_less_than_one_run_id_a_page_is_not_tried_again_for_a_while(
    listed: int, others: int, *, again: bool
) -> None:
    bench = configured(25, listed=listed, others=others)
    assert listings(bench.run())
    assert bool(listings(bench.later())) is again
    assert listings(bench.later(900.0 - 30.0))


@pytest.mark.parametrize(
    ("reason", "up"), [(Reason.ACCESS_DENIED, True), (Reason.THROTTLED, True), (Reason.TIMEOUT, False)]
)
def test_a_listing_that_fails_costs_nothing_unless_glue_cannot_be_reached(
    reason: Reason, *, up: bool
) -> None:
    """All runs are asked for by their IDs, and the listing is left alone for a while."""
    bench = configured(25, listed=25)
    bench.reader.fails("list_runs *.*", reason)
    assert len(bench.run()) == 1 + 25
    assert bench.up is up
    assert len(bench.later()) == 25
    assert listings(bench.later(900.0 - 30.0)) == 1


# Unexpected errors


def test_a_bug_in_one_call_costs_that_call_alone() -> None:
    bench = Bench(target("prod", "bad", "good"))
    bench.reader.answers["bad"] = ZeroDivisionError()
    bench.reader.answers["good"] = running("good")
    bench.run()
    assert bench.shown.ups == {"bad": False, "good": True}
    assert (bench.up, bench.error) == (False, "internal: internal error: ZeroDivisionError")
