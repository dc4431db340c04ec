"""What a catalog makes of listings and single reads: whose runs they are, and what of it is news."""

from collections.abc import Sequence

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.run import Run, RunKey
from exporter.store.outcome import (
    Discovery,
    ListingRead,
    OwnedElsewhere,
    PollOutcome,
    PollPart,
    RunEnded,
    RunFailing,
    RunIgnored,
    UnlistedStatus,
)
from tests.state.bench import target
from tests.support.clock import START
from tests.support.reader import ACCOUNT, glue_error
from tests.support.view_bench import DAILY, ViewBench, failed, started, view
from tests.support.watching import REGION, ended, running

NOT_FOUND = glue_error(Reason.NOT_FOUND)
TIMEOUT = glue_error(Reason.TIMEOUT)


@pytest.fixture
def bench() -> ViewBench:
    """Return a store that watches all views of ``sales`` and has their baselines."""
    bench = ViewBench()
    bench.watch("sales.*")
    bench.poll()
    return bench


def key(run_id: str) -> RunKey:
    """Return the key under which a run is shown."""
    return RunKey(REGION, ACCOUNT, run_id)


def poll(
    *listings: ListingRead,
    read: dict[str, Run | GlueError] | None = None,
    error: GlueError | None = None,
    target: str = "prod",
) -> PollOutcome:
    """Return a poll that read these listings and runs, and did not look through the tables."""
    return PollOutcome(
        target=target,
        started=START,
        duration=0.0,
        listings=listings,
        runs=read or {},
        error=error,
        finished=error is None,
    )


# Who has what


def test_a_view_that_two_targets_name_is_the_firsts_and_the_second_is_told(bench: ViewBench) -> None:
    events = bench.configure(target("one", DAILY), target("two", DAILY, "sales.returns"))
    assert events == [OwnedElsewhere("two", "one", (DAILY,))]


def test_what_is_asked_for_in_vain_is_told_of_every_catalog(bench: ViewBench) -> None:
    elsewhere = [target(name, run_ids=["b"], catalog_id="210987654321") for name in ("three", "four")]
    events = bench.configure(target("one", run_ids=["a"]), target("two", run_ids=["a"]), *elsewhere)
    assert events == [OwnedElsewhere("two", "one", ("a",)), OwnedElsewhere("four", "three", ("b",))]


def test_a_poll_looks_after_the_unsettled_runs_of_its_own_views(bench: ViewBench) -> None:
    bench.configure(target("one", DAILY), target("two", "sales.*"))
    other = running("b")._replace(table="returns")
    bench.poll(running("a"), other, by_name=[DAILY], target="one")
    bench.poll(running("a"), other, tables=[view(), view("sales.returns")], target="two")
    one, two = (bench.store.watch(name) for name in ("one", "two"))
    assert one
    assert one.unsettled == (running("a"),)
    assert two
    assert two.unsettled == (other,)


def test_what_was_read_of_a_run_that_has_moved_meanwhile_is_not_remembered() -> None:
    bench = ViewBench()
    bench.configure(target("second", run_ids=["a"]))
    bench.configure(target("first", run_ids=["a"]), target("second", run_ids=["a"]))
    bench.commit(poll(read={"a": running("a")}, target="second"))
    assert bench.remembered() == set()


# Which view a listed run is of


@pytest.mark.parametrize(
    "reported",
    [{"database": None}, {"table": None}, {"database": None, "table": None}],
    ids=["no database", "no table", "neither"],
)
def test_a_listed_run_takes_from_the_filter_what_it_does_not_name(
    bench: ViewBench, reported: dict[str, None]
) -> None:
    run = running("a")._replace(**reported)  # type: ignore[arg-type] # some of its names
    listing = ListingRead(database="sales", table="daily_orders", runs=(run,))
    assert bench.commit(poll(listing)) == []
    assert bench.shown.facts(DAILY).last_run == running("a")


def test_a_listed_run_is_of_the_view_that_it_names_whatever_the_filter_was(bench: ViewBench) -> None:
    run = running("a")._replace(table=None)
    bench.poll(tables=[view(), view("sales.returns")])
    bench.commit(poll(ListingRead(database="stock", table="returns", runs=(run,))))
    assert bench.shown.facts("sales.returns").last_run == run._replace(table="returns")
    bench.commit(poll(ListingRead(database="stock", table="levels", runs=(running("b"),))))
    assert bench.shown.facts(DAILY).last_run == running("b")
    nameless = running("c")._replace(database=None)
    bench.commit(poll(ListingRead(database="sales", table="levels", runs=(nameless,))))
    assert bench.shown.facts(DAILY).last_run == running("c")


def test_a_listed_run_that_nothing_names_is_ignored_and_told_of_once(bench: ViewBench) -> None:
    unnamed = (running("a")._replace(table=None), running("b")._replace(database=None))
    listing = ListingRead(runs=unnamed)
    assert bench.commit(poll(listing)) == [RunIgnored(key("a")), RunIgnored(key("b"))]
    assert bench.commit(poll(listing)) == []
    assert bench.remembered() == set()


@pytest.mark.parametrize("database", [None, "stock"])
def test_a_configured_run_that_a_listing_holds_is_taken_in_as_it_was_reported(database: str | None) -> None:
    """The names of a filter are for runs of views."""
    bench = ViewBench()
    bench.configure(target("prod", "sales.*", run_ids=["a"]))
    run = running("a")._replace(database=None)
    assert RunIgnored(key("a")) not in bench.commit(poll(ListingRead(database=database, runs=(run,))))
    assert bench.shown.run("a").run == run
    assert bench.shown.ups == {"a": True}


# What is told of a poll


def test_every_end_is_told_that_the_listings_of_a_poll_tell_of(bench: ViewBench) -> None:
    bench.poll(tables=[view(), view("sales.returns")])
    daily, other = (ended("a"), ended("b")), (ended("c")._replace(table="returns"),)
    listings = (
        ListingRead(database="sales", table="daily_orders", runs=daily),
        ListingRead(database="sales", table="returns", runs=other),
    )
    told = bench.commit(poll(*listings))
    assert told == [RunEnded(key(run.run_id), run) for run in (*daily, *other)]


@pytest.mark.parametrize(("end_time", "told"), [(START - 1.0, []), (START, ["a"])])
def test_an_end_is_news_from_the_moment_of_the_start_on(
    bench: ViewBench, end_time: float, told: list[str]
) -> None:
    bench.clock.advance(60.0)
    events = bench.poll(ended("a", end_time=end_time))
    assert [event.key.run_id for event in events if isinstance(event, RunEnded)] == told


def test_a_poll_that_gives_up_tells_of_a_run_that_failed_for_a_reason_of_its_own() -> None:
    bench = ViewBench()
    bench.configure(target("prod", run_ids=["a", "b"]))
    told = bench.commit(poll(read={"a": NOT_FOUND, "b": TIMEOUT}, error=TIMEOUT))
    assert [event for event in told if isinstance(event, RunFailing)] == [RunFailing(key("a"), NOT_FOUND)]


def test_a_status_without_letters_is_an_unlisted_one(bench: ViewBench) -> None:
    assert bench.poll(running("a", status="")) == [UnlistedStatus(key("a"), "")]


# Reads of single runs


@pytest.mark.parametrize("before", [(), (running("a"),)], ids=["never seen before", "seen before"])
def test_a_run_that_is_read_by_itself_counts_for_its_view(bench: ViewBench, before: Sequence[Run]) -> None:
    bench.configure(target("prod", "sales.*", run_ids=["a"]))
    bench.poll(*before)
    bench.commit(poll(read={"a": ended("a")}))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}
    assert bench.shown.facts(DAILY).last_run == ended("a")


def test_a_run_that_is_configured_and_of_a_view_is_counted_once_among_the_targets_runs(
    bench: ViewBench,
) -> None:
    configured = target("prod", "sales.*", run_ids=["a"])
    bench.configure(configured)
    bench.poll(running("a"))
    assert bench.shown.targets["prod"].runs["active"] == 1
    bench.configure(configured)
    bench.commit(poll())
    assert bench.shown.targets["prod"].runs["active"] == 1


def test_a_run_that_was_settled_and_goes_on_again_is_not_up_if_it_cannot_be_read(bench: ViewBench) -> None:
    """Nobody would ask for it before the next reload: until then it is as its listing told."""
    configured = target("prod", "sales.*", run_ids=["a"])
    bench.configure(configured)
    bench.clock.advance(3700.0)
    bench.poll(ended("a"))
    bench.poll(running("a"))
    bench.configure(configured)
    assert bench.shown.ups == {"a": True}
    bench.commit(poll(read={"a": TIMEOUT}))
    assert bench.shown.ups == {"a": False}


# Runs that Glue no longer finds


def test_a_run_that_is_missed_once_changes_no_series(bench: ViewBench) -> None:
    bench.poll(running("a"))
    bench.commit(poll(ListingRead(complete=True)))
    assert bench.shown.last.runs == {}
    assert bench.shown.last.views == {}


def test_a_view_shows_its_newest_remaining_run_where_listings_miss_the_newest(bench: ViewBench) -> None:
    older = started(ended("older"), -100.0)
    bench.poll(older, running("a"))
    for _ in range(2):
        bench.commit(poll(ListingRead(runs=(older,), complete=True)))
    assert bench.shown.facts(DAILY).last_run == older


def test_a_view_shows_its_newest_remaining_run_where_reads_do_not_find_the_newest(bench: ViewBench) -> None:
    older = started(ended("older"), -100.0)
    bench.poll(older, running("a"))
    for _ in range(2):
        bench.commit(poll(ListingRead(runs=(older,)), read={"a": NOT_FOUND}))
    assert bench.shown.facts(DAILY).last_run == older


def test_several_listings_and_the_read_of_one_poll_miss_a_run_once(bench: ViewBench) -> None:
    bench.poll(running("a"))
    listings = (ListingRead(database="sales", complete=True), ListingRead(database="stock", complete=True))
    bench.commit(poll(*listings, read={"a": NOT_FOUND}))
    assert bench.shown.shown_runs == {"a"}


# A baseline with a run that could not be read


@pytest.mark.parametrize(("seconds", "counted"), [(-1.0, 0), (0.0, 0), (1.0, 1)])
def test_a_run_that_the_first_listing_could_not_read_counts_if_it_ended_later(
    seconds: float, counted: int
) -> None:
    bench = ViewBench()
    bench.watch("sales.*")
    bench.poll(complete=False)
    bench.commit(poll(ListingRead(complete=True, gaps=True, unreadable=frozenset({"a"}))))
    bench.clock.advance(60.0)
    bench.commit(poll(ListingRead(runs=(failed("b", 0.0), ended("a", end_time=START + seconds)))))
    assert bench.shown.runs_total(DAILY).get("SUCCEEDED", 0) == counted
    assert bench.shown.runs_total(DAILY)["FAILED"] == 1


# A poll that is taken in by parts


def test_views_that_a_part_tells_of_are_watched_from_then_on(bench: ViewBench) -> None:
    bench.configure(target("one", DAILY), target("two", "sales.*"))
    found = Discovery(views=(view(), view("sales.returns")), databases=frozenset({"sales"}))
    listing = ListingRead(runs=(ended("a")._replace(table="returns"),))
    part = PollPart(target="two", discovery=found, tables_denied=False, listing=listing)
    assert bench.store.take_in(part) == [
        RunEnded(key("a"), listing.runs[0]),
        OwnedElsewhere("two", "one", (DAILY,)),
    ]
    bench.commit(poll(ListingRead(complete=True), target="two"))
    assert bench.shown.facts("sales.returns").last_run == listing.runs[0]


@pytest.mark.parametrize("denied", [False, True])
def test_a_part_makes_views_of_runs_only_where_the_tables_may_not_be_read(*, denied: bool) -> None:
    bench = ViewBench()
    bench.watch("sales.*")
    listing = ListingRead(runs=(running("a"),))
    bench.store.take_in(PollPart(target="prod", discovery=None, tables_denied=denied, listing=listing))
    assert bench.remembered("views", "table_name") == ({"daily_orders"} if denied else set())
