"""The store's doors: what each of them tells, and whom it turns away."""

import threading
from dataclasses import replace

import pytest

from exporter.errors import StorageError
from exporter.model.settings import Access
from exporter.store.listings import ListingSummary
from exporter.store.outcome import ListingRead, PollOutcome, PollPart, StorageFailing
from exporter.store.store import Store
from tests.state.bench import EXPORTER, target
from tests.support.clock import START, ManualClock
from tests.support.view_bench import DAILY, DAY, ViewBench, view
from tests.support.watching import ended, running

OTHER, THIRD = "210987654321", "333333333333"


@pytest.fixture
def bench() -> ViewBench:
    """Return a store that has just begun to watch all views of ``sales``."""
    bench = ViewBench()
    bench.watch("sales.*")
    return bench


def part(*, target: str = "prod") -> PollPart:
    """Return a part of a poll that read one run of a view of whose tables nothing may be known."""
    listing = ListingRead(runs=(running("a"),))
    return PollPart(target=target, discovery=None, tables_denied=True, listing=listing)


# Before there is anything to watch


def test_it_is_not_ready_before_it_knows_what_to_watch() -> None:
    assert not Store(ManualClock()).ready()


# What is told of the exporter itself


def test_what_is_told_of_the_exporter_reaches_the_listeners_at_once(bench: ViewBench) -> None:
    bench.store.describe(EXPORTER)
    assert bench.shown.exporter == EXPORTER


def test_a_reload_that_succeeds_is_told_with_its_time(bench: ViewBench) -> None:
    bench.store.describe(replace(EXPORTER, last_reload_successful=False, last_reload_success_time=START))
    bench.clock.advance(60.0)
    bench.store.note_reload(successful=True)
    assert bench.shown.exporter == replace(EXPORTER, last_reload_success_time=START + 60.0)


def test_a_reload_that_fails_leaves_the_time_of_the_last_that_did_not(bench: ViewBench) -> None:
    bench.store.describe(replace(EXPORTER, last_reload_success_time=START))
    bench.clock.advance(60.0)
    bench.store.note_reload(successful=False)
    failed = replace(EXPORTER, last_reload_successful=False, last_reload_success_time=START)
    assert bench.shown.exporter == failed


def test_a_reload_before_the_exporter_is_described_tells_nothing(bench: ViewBench) -> None:
    commits = len(bench.shown.commits)
    bench.store.note_reload(successful=True)
    assert len(bench.shown.commits) == commits


# What a poll is told to look after


def test_a_poll_is_told_while_the_runs_of_a_view_have_not_been_listed_to_the_end(bench: ViewBench) -> None:
    told = []
    for complete in (False, False, True):
        bench.poll(running("a"), complete=complete)
        watched = bench.store.watch("prod")
        assert watched
        told.append(watched.without_baseline)
    assert told == [True, True, False]


# Catalogs that become known late


def test_a_catalog_that_becomes_known_tells_nothing_anew_of_the_views_of_another() -> None:
    """With many accounts each of them is known at its own time, while others are still asked for."""
    bench = ViewBench()
    late = [target(name, "sales.*", catalog_id=None) for name in ("late", "later")]
    bench.configure(target("prod", "sales.*"), *late)
    bench.poll(running("a"))
    bench.store.catalog_known("late", OTHER)
    assert bench.shown.last.views == {}
    assert bench.shown.last.targets.keys() == {"late"}
    assert bench.store.watch("late") is not None


def test_once_the_last_catalog_of_a_region_is_known_what_nobody_wants_is_forgotten_in_time() -> None:
    """Until then the last one may turn out to want it; what is not known elsewhere does not matter."""
    bench = ViewBench()
    bench.configure(target("prod", run_ids=["dropped", "kept"]))
    bench.poll(tables=None, read={"dropped": running("dropped"), "kept": running("kept")})
    unknown = [target(name, "sales.*", catalog_id=None) for name in ("late", "later", "elsewhere")]
    unknown[2] = replace(unknown[2], access=Access(aws_region="us-east-1"))
    bench.configure(target("prod", run_ids=["kept"]), *unknown)
    bench.store.catalog_known("late", OTHER)
    assert bench.remembered("runs WHERE unlisted_since IS NOT NULL") == set()
    bench.store.catalog_known("later", THIRD)
    assert bench.remembered("runs WHERE unlisted_since IS NOT NULL") == {"dropped"}
    bench.clock.advance(91 * DAY)
    bench.poll(tables=None)
    assert bench.remembered() == {"kept"}


def test_what_an_account_turns_out_to_want_is_not_given_up_in_another_catalog_meanwhile() -> None:
    bench = ViewBench()
    unknown = [target(name, catalog_id=None, run_ids=["wanted"]) for name in ("late", "later")]
    bench.configure(target("prod", run_ids=["wanted"]), *unknown)
    bench.poll(tables=None, read={"wanted": running("wanted")})
    bench.configure(target("prod", run_ids=["other"]), *unknown)
    bench.store.catalog_known("late", OTHER)
    bench.clock.advance(91 * DAY)
    bench.poll(tables=None)
    assert bench.remembered() == {"wanted"}


# What reading a listing taught


def test_what_a_listing_taught_is_told_to_the_next_poll_of_the_same(bench: ViewBench) -> None:
    summary = ListingSummary(newest=START, newest_first=True, page_ends=(START - 60.0,))
    listing = ListingRead(database="sales", table="daily_orders", complete=True, summary=summary)
    bench.watch("sales.*", "stock.*")
    bench.poll(tables=[view(), view("sales.returns"), view("stock.daily_orders")])
    bench.commit(PollOutcome(target="prod", started=START, duration=0.0, listings=(listing,)))
    assert bench.store.listing_summary("prod", "sales", "daily_orders") == summary
    assert bench.store.listing_summary("prod", "sales", None) is None
    assert bench.store.listing_summary("prod", None, "daily_orders") is None


def test_nothing_is_known_of_the_listings_of_a_target_that_is_gone_or_whose_catalog_is_not_known(
    bench: ViewBench,
) -> None:
    bench.configure(target("late", "sales.*", catalog_id=None))
    assert bench.store.listing_summary("late", None, None) is None
    assert bench.store.listing_summary("prod", None, None) is None


# Parts of a poll that goes on


def test_a_part_of_a_poll_is_taken_in_and_shown_with_the_next_commit(bench: ViewBench) -> None:
    commits = len(bench.shown.commits)
    bench.store.take_in(part(), threading.Event())
    assert bench.remembered() == {"a"}
    assert len(bench.shown.commits) == commits
    bench.poll(running("a"), tables=None, denied=True)
    assert bench.shown.shown_runs == {"a"}


def test_a_part_of_a_poll_that_is_to_stop_is_dropped(bench: ViewBench) -> None:
    stop = threading.Event()
    stop.set()
    assert bench.store.take_in(part(), stop) == []
    assert bench.remembered() == set()


def test_a_part_of_a_poll_of_a_target_that_is_gone_or_whose_catalog_is_not_known_is_dropped(
    bench: ViewBench,
) -> None:
    bench.configure(target("late", "sales.*", catalog_id=None))
    assert bench.store.take_in(part(target="late")) == []
    assert bench.store.take_in(part(target="prod")) == []
    assert bench.remembered() == set()


# What a page reads


def test_a_page_reads_all_that_is_known_as_it_is_now(bench: ViewBench) -> None:
    bench.store.describe(EXPORTER)
    bench.configure(target("prod", "sales.*"), target("late", "sales.*", catalog_id=None))
    bench.poll(running("a"))
    bench.clock.advance(60.0)
    state = bench.store.look(lambda state: state)
    assert (state.now, state.started, state.exporter) == (START + 60.0, START, EXPORTER)
    assert [(known.target.name, known.series.up) for known, _ in state.targets] == [
        ("prod", True),
        ("late", None),
    ]
    prod, late = (catalog for _, catalog in state.targets)
    assert prod
    assert [watched.name for watched in prod.views.of("prod")] == [("sales", "daily_orders")]
    assert late is None
    assert [row[0] for row in state.connection.execute("SELECT run_id FROM runs")] == ["a"]


def test_a_page_that_changes_what_it_reads_changes_nothing(bench: ViewBench) -> None:
    bench.store.look(lambda state: state.targets)[0][0].error = "changed by a reader"
    assert bench.store.targets()[0].error is None


def test_every_view_can_be_read_target_by_target(bench: ViewBench) -> None:
    bench.configure(target("orders", DAILY), target("rest", "sales.*"))
    bench.poll(ended("a"), tables=[view()], by_name=[DAILY], target="orders")
    bench.poll(tables=[view("sales.returns")], target="rest")
    read = bench.store.views()
    assert [(series.key.table, series.target) for series in read] == [
        ("daily_orders", "orders"),
        ("returns", "rest"),
    ]
    assert read[0] == bench.shown.view(DAILY)


# A disk that takes no more


def test_the_log_is_told_why_the_state_cannot_be_written(bench: ViewBench) -> None:
    bench.database.full = True
    with pytest.raises(StorageError) as refused:
        bench.database.save()
    assert bench.poll(running("a"))[-1] == StorageFailing(str(refused.value))
