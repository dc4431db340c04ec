"""What listings and single reads make of runs and views: whose runs they are, and what of it is news."""

from collections.abc import Sequence

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from exporter.store.results import PollEnded, ResyncEnded, Scope, TablesRead
from tests.support.clock import START
from tests.support.log import ignored, unknown
from tests.support.reader import glue_error
from tests.support.store_bench import DAILY, StoreBench, ended, of, running, target, view

NOT_FOUND = glue_error(Reason.NOT_FOUND)
TIMEOUT = glue_error(Reason.TIMEOUT)
TABLES = (view(), view("sales.returns"))


@pytest.fixture
def bench(counting: StoreBench) -> StoreBench:
    return counting


# Who watches what


def test_a_poll_reads_the_unsettled_runs_of_its_own_views(bench: StoreBench) -> None:
    bench.configure(target("one", DAILY), target("two", "sales.*"))
    runs = {"one": running("a"), "two": of("sales.returns", running("b"))}
    bench.poll(*runs.values(), by_name=[DAILY], target="one")
    bench.poll(*runs.values(), tables=TABLES, target="two")
    for name, run in runs.items():
        watch = bench.store.watch(name)
        assert watch
        assert watch.unsettled == (run,)


# Which view a listed run is of


@pytest.mark.parametrize(
    ("reported", "scope", "name"),
    [
        ({"database": None}, Scope("sales", "daily_orders"), DAILY),
        ({"table": None}, Scope("sales", "daily_orders"), DAILY),
        ({"database": None, "table": None}, Scope("sales", "daily_orders"), DAILY),
        ({"table": None}, Scope("stock", "returns"), "sales.returns"),
        ({}, Scope("stock", "levels"), DAILY),
    ],
)
def test_a_listed_run_takes_from_the_filter_what_it_does_not_name_itself(
    bench: StoreBench, reported: dict[str, None], scope: Scope, name: str
) -> None:
    run = running("a")._replace(**reported)  # type: ignore[arg-type] # some of its names
    bench.poll(tables=TABLES)
    assert bench.poll(run, tables=None, scope=scope, complete=False) == []
    assert bench.shown.facts(name).last_run == of(name, run)


def test_a_listed_run_that_nothing_names_is_ignored_and_logged_once(bench: StoreBench) -> None:
    unnamed = (running("a")._replace(table=None), running("b")._replace(database=None))
    assert bench.poll(*unnamed, tables=None) == [ignored("a"), ignored("b")]
    assert bench.poll(*unnamed, tables=None) == []
    assert bench.shown.shown_runs == set()


@pytest.mark.parametrize("database", [None, "stock"])
def test_a_configured_run_that_a_listing_holds_is_shown_as_it_was_reported(database: str | None) -> None:
    """The names of a filter are for runs of views."""
    bench = StoreBench()
    bench.watch("sales.*", "a")
    run = running("a")._replace(database=None)
    assert ignored("a") not in bench.poll(run, tables=None, scope=Scope(database))
    assert bench.shown.run("a").run == run
    assert bench.shown.ups == {"a": True}


# What is logged of a poll


@pytest.mark.parametrize(("end_time", "logged"), [(START - 1.0, []), (START, ["a"])])
def test_an_end_is_news_from_the_moment_of_the_start_on(
    bench: StoreBench, end_time: float, logged: list[str]
) -> None:
    bench.clock.advance(60.0)
    events = bench.poll(ended("a", end_time=end_time))
    assert [line.fields["run_id"] for line in events if line.message == "run ended"] == logged


def test_a_poll_that_gives_up_logs_a_run_that_failed_for_a_reason_of_its_own() -> None:
    bench = StoreBench()
    bench.watch("a", "b")
    events = bench.read(errors={"a": NOT_FOUND, "b": TIMEOUT}, error=TIMEOUT, finished=False)
    assert events[1:] == [unknown("a")]


# Reads of single runs


@pytest.mark.parametrize("before", [(), (running("a"),)], ids=["never seen before", "seen before"])
def test_a_run_that_is_read_by_itself_counts_for_its_view(bench: StoreBench, before: Sequence[Run]) -> None:
    bench.watch("sales.*", "a")
    bench.poll(*before)
    bench.read(ended("a"))
    assert bench.shown.runs_total() == {"SUCCEEDED": 1}
    assert bench.shown.facts().last_run == ended("a")


def test_a_run_that_was_settled_and_goes_on_again_is_not_up_if_it_cannot_be_read(bench: StoreBench) -> None:
    """It is not asked for before the next reload: until then it is as its listing held it."""
    configured = target("prod", "sales.*", "a")
    bench.configure(configured)
    bench.clock.advance(3700.0)
    bench.poll(ended("a"))
    bench.poll(running("a"))
    bench.configure(configured)
    assert bench.shown.ups == {"a": True}
    bench.read(errors={"a": TIMEOUT})
    assert bench.shown.ups == {"a": False}


# Runs that Glue no longer finds


def test_a_run_that_a_poll_reads_while_a_resync_lists_it_is_not_missing(bench: StoreBench) -> None:
    """The listing's pages were read before the run was there."""
    listing = bench.open_listing()
    bench.poll(running("a"), tables=None, complete=False)
    bench.hand_in(listing, last=True)
    assert listing.missing == set()
    assert bench.shown.shown_runs == {"a"}


# What a resync finds, page by page


def test_a_poll_does_not_judge_a_view_that_a_resync_found_meanwhile() -> None:
    """It did not know of the view when it chose what to read."""
    bench = StoreBench()
    bench.watch("sales.*")
    bench.poll()
    known = frozenset({("sales", "daily_orders")})
    bench.store.apply(TablesRead(target="prod", views=TABLES, databases=frozenset({"sales"})))
    listing = bench.open_listing()
    bench.hand_in(listing, last=True)
    bench.store.apply(ResyncEnded(target="prod", complete=True, scopes=(Scope(),)))
    assert bench.shown.view("sales.returns").up
    ended_poll = PollEnded(target="prod", started=bench.clock.time(), duration=1.0, views=known)
    bench.store.apply(ended_poll)
    assert (bench.shown.view("sales.returns").up, bench.shown.view().up) == (True, False)


def test_a_run_that_glue_lists_elsewhere_by_now_is_missed(bench: StoreBench) -> None:
    """Else it would never end."""
    bench.poll(running("a"))
    for _ in range(2):
        bench.poll(of("other.table", ended("a")))
    assert bench.shown.last_run() is None
