"""Which runs count from the first look at a view on: those that ended after it, by Glue's clock."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.clock import START, ManualClock
from tests.support.outcome import Listed, Outcome
from tests.support.store_bench import (
    DAY,
    StoreBench,
    ended,
    failed,
    found,
    of,
    running,
    started,
    view,
)

if TYPE_CHECKING:
    from exporter.model.run import Run

NEW = "sales.new"


# Old views and young ones


@pytest.mark.parametrize("created", [START + 300.0, START - 1.0, START, None])
def test_a_view_created_after_its_pattern_was_first_watched_has_an_empty_baseline(
    counting: StoreBench, created: float | None
) -> None:
    """What ended between its creation and the first look at it is counted; else only what comes then."""
    counting.clock.advance(600.0)
    tables = [view(), view(NEW, created=created)]
    young = created == START + 300.0
    first, second = (of(NEW, ended(run_id, end_time=START + 400.0)) for run_id in "nm")
    counting.poll(first, tables=tables)
    assert counting.shown.runs_total(NEW) == ({"SUCCEEDED": 1} if young else {})
    counting.poll(first, second, tables=tables)
    assert counting.shown.runs_total(NEW) == {"SUCCEEDED": 1 + young}


@pytest.mark.parametrize("watched", [(), ("old-1",)], ids=["as a view's", "one of them by its ID"])
def test_runs_of_an_earlier_view_by_the_name_of_a_young_one_are_not_counted(
    counting: StoreBench, watched: tuple[str, ...]
) -> None:
    """It was dropped before the program started, and Glue still lists its runs."""
    old = [of(NEW, failed(f"old-{number}", 0.0)) for number in range(3)]
    counting.watch("sales.*", *watched)
    counting.clock.advance(600.0)
    counting.read(*(run for run in old if run.run_id in watched))
    first = of(NEW, ended("first", end_time=START + 400.0))._replace(creation_time=None)
    counting.poll(first, *old, tables=[view(), view(NEW, created=START + 300.0)])
    assert counting.shown.runs_total(NEW) == {"SUCCEEDED": 1}


@pytest.mark.parametrize("before", ["stock.*", ""], ids=["dropped for a while", "new"])
def test_a_pattern_that_is_added_later_is_watched_from_then_on(counting: StoreBench, before: str) -> None:
    """A view that was created before must not look like a burst of refreshes."""
    counting.watch(before or "hr.*")
    counting.clock.advance(600.0)
    counting.watch("sales.*", "stock.*")
    name = "stock.new" if not before else NEW
    counting.poll(of(name, ended("n")), tables=[view(), view(name, created=START + 300.0)])
    assert counting.shown.runs_total(name) == {}


def test_a_run_that_is_watched_by_its_id_counts_if_it_ended_while_its_view_was_gone(
    counting: StoreBench,
) -> None:
    """A view that is created again under its name is the same view."""
    counting.watch("sales.*", "a")
    counting.poll(running("a"))
    for _ in range(2):
        counting.poll(running("a"), tables=[])
    counting.clock.advance(DAY)
    counting.read(ended("a"))
    counting.poll(ended("a"))
    assert counting.shown.runs_total() == {"SUCCEEDED": 1}


def test_an_amount_that_is_read_while_the_view_is_gone_counts(counting: StoreBench) -> None:
    counting.watch("sales.*", "a")
    counting.poll(ended("a", dpu_seconds=None))
    for _ in range(2):
        counting.poll(ended("a", dpu_seconds=None), tables=[])
    counting.clock.advance(DAY)
    counting.read(ended("a"))
    counting.poll(ended("a"))
    assert sum(counting.shown.facts().counters.dpu_seconds.values()) == 120.0


def test_a_view_that_is_dropped_and_added_again_takes_a_new_baseline(counting: StoreBench) -> None:
    counting.poll(ended("a"))
    counting.watch("stock.*")
    counting.watch("sales.*")
    counting.poll(ended("a"), ended("meanwhile"))
    assert counting.shown.runs_total() == {"SUCCEEDED": 1}
    counting.poll(ended("a"), ended("meanwhile"), ended("b"))
    assert counting.shown.runs_total() == {"SUCCEEDED": 2}


def test_views_are_without_a_baseline_until_their_runs_have_been_listed_to_the_end(views: StoreBench) -> None:
    without = []
    for complete in (False, False, True):
        views.poll(running("a"), complete=complete)
        watched = views.store.watch("prod")
        assert watched
        without.append(watched.unlisted)
    assert without == [True, True, False]


# A listing that goes on for long


@pytest.mark.parametrize("dropped", [True, False], ids=["dropped and added", "found"])
def test_a_listing_is_no_baseline_of_a_view_that_began_while_it_went_on(
    views: StoreBench, *, dropped: bool
) -> None:
    if dropped:
        views.poll()
    listing = views.open_listing()
    if dropped:
        views.watch("stock.*")
    views.hand_in(listing, ended("old"))
    views.watch("sales.*")
    views.store.apply(found(view()))
    views.hand_in(listing, last=True)
    views.poll(ended("old"))
    assert views.shown.runs_total() == {}


# Clocks


def answer(views: StoreBench, glue_time: float, target: str = "prod") -> None:
    """Have Glue tell its time."""
    requests = views.store.requests(target)
    requests.glue_time(glue_time, ours=views.clock.time(), monotonic=views.clock.monotonic())


@pytest.mark.parametrize("corrected", [False, True], ids=["and stays so", "and is corrected then"])
@pytest.mark.parametrize("wrong", [-START, -300.0, 240.0], ids=["1970", "behind", "ahead"])
def test_a_local_clock_that_is_wrong_makes_no_difference(wrong: float, *, corrected: bool) -> None:
    """Glue's times are compared with Glue's clock alone."""
    views = StoreBench(clock=ManualClock(START + wrong))
    views.watch("sales.*")
    old = [ended(f"old-{number}", end_time=START - 60.0 * number) for number in range(30)]
    tables = [view(), view("sales.older", created=START - 60.0)]
    views.clock.advance(10.0)
    answer(views, START + 10.0)
    views.store.apply(found(*tables))
    if corrected:
        views.clock.jump(-wrong)
    views.poll(*old, of("sales.older", ended("o")), tables=tables)
    assert views.shown.runs_total() == {}
    assert views.shown.runs_total("sales.older") == {}

    views.clock.advance(60.0)
    answer(views, START + 70.0)
    young = view(NEW, created=START + 30.0)
    views.poll(*old, of(NEW, ended("first", end_time=START + 50.0)), tables=[*tables, young])
    assert views.shown.runs_total(NEW) == {"SUCCEEDED": 1}
    assert views.shown.facts(NEW).last_success_time == START + 50.0


def test_a_view_is_unwatched_since_a_time_of_glues_clock(tmp_path: Path) -> None:
    """Dropped in 1970, or what our clock says is that, it is not forgotten by 1970's calendar."""
    views = StoreBench(tmp_path, clock=ManualClock(0.0))
    views.watch("sales.*")
    answer(views, START)
    views.poll()
    views.watch("stock.*")
    views.clock.advance(DAY)  # what is not watched is searched for once a day
    answer(views, START + DAY)
    views.clock.jump(START)
    views.poll(tables=None)
    assert [view.unwatched_since for view in views.saved.views.values() if view] == [START + DAY]
    assert [pattern.since for pattern in views.saved.patterns.values() if pattern] == [START]
    views.stop()


def test_a_run_settles_by_glues_clock(counting: StoreBench) -> None:
    answer(counting, START)
    counting.poll(ended("a", end_time=START))
    counting.clock.jump(DAY)
    counting.poll(ended("a", end_time=START))
    watched = counting.store.watch("prod")
    assert watched
    assert [run.run_id for run in watched.unsettled] == ["a"]


# Views whose tables may not be read


@pytest.mark.parametrize("restarts", [False, True])
def test_the_first_run_of_a_view_counts_though_tables_are_denied(tmp_path: Path, *, restarts: bool) -> None:
    """All runs that its pattern matches had been listed before: this one is new."""
    views = StoreBench(tmp_path)
    views.watch("sales.*")
    views.poll(tables=None, denied=True)
    views.clock.advance(60.0)
    if restarts:
        views.restart()
        views.watch("sales.*")
    views.poll(started(ended("first"), 30.0), tables=None, denied=True)
    assert views.shown.runs_total() == {"SUCCEEDED": 1}
    views.stop()


@pytest.mark.parametrize(
    ("denied", "counted"),
    [(False, 1), (True, 2)],
    ids=["an old run that the listing lacked", "the view would have begun by that run"],
)
def test_a_view_that_only_its_runs_tell_of_counts_what_came_after_its_pattern_was_listed(
    views: StoreBench, counted: int, *, denied: bool
) -> None:
    """A record may show up later than it was created: that says nothing, unless its view would be there."""
    views.clock.advance(60.0)
    views.poll(tables=None if denied else [], denied=denied)
    views.clock.advance(60.0)
    new = ended("new", end_time=START + 120.0)
    views.poll(started(ended("late"), 30.0), started(new, 30.0), tables=None, denied=True)
    assert views.shown.runs_total() == {"SUCCEEDED": counted}


def test_a_pattern_that_is_dropped_has_to_be_listed_anew(views: StoreBench) -> None:
    views.poll(tables=None, denied=True)
    views.watch("stock.*")
    views.watch("sales.*")
    views.poll(started(ended("meanwhile"), 30.0), tables=None, denied=True)
    assert views.shown.runs_total() == {}


def test_a_pattern_that_is_added_while_a_listing_goes_on_has_not_been_listed(views: StoreBench) -> None:
    views.watch("stock.*")
    listing = views.open_listing()
    views.hand_in(listing, denied=True)
    views.clock.advance(60.0)
    views.watch("stock.*", "sales.*")
    views.hand_in(listing, last=True, denied=True)
    views.poll(started(ended("before"), 30.0), tables=None, denied=True)
    assert views.shown.runs_total() == {}


def test_a_run_that_was_seen_before_its_end_counts_however_old_it_is(views: StoreBench) -> None:
    """It is watched by its ID, and the first that tells of its view."""
    views.watch("sales.*", "a")
    views.read(running("a"))
    views.poll(tables=None, denied=True)
    views.clock.advance(60.0)
    views.poll(ended("a"), tables=None, denied=True)
    assert views.shown.runs_total() == {"SUCCEEDED": 1}


def test_a_pattern_that_was_never_listed_has_no_news_and_its_baseline_stays(views: StoreBench) -> None:
    """When the tables can be read at last."""
    for runs in ([ended("old")], [ended("old"), ended("new")]):
        views.poll(*runs, tables=None, denied=True)
    assert views.shown.runs_total() == {"SUCCEEDED": 1}
    views.commit(Outcome(tables=found(view())))
    views.poll(ended("old"), ended("new"), ended("newer"))
    assert views.shown.runs_total() == {"SUCCEEDED": 2}


# Records that cannot be read at the baseline


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("run_id", ["a", "A", None], ids=["named", "in another case", "nameless"])
@pytest.mark.parametrize(("seconds", "counted"), [(-1.0, 0), (0.0, 0), (1.0, 1)])
def test_a_run_that_the_first_listing_could_not_read_counts_if_it_ended_later(
    tmp_path: Path, run_id: str | None, seconds: float, counted: int, *, restarts: bool
) -> None:
    views = StoreBench(tmp_path)
    views.watch("sales.*")
    views.poll(complete=False)
    views.commit(Outcome(listings=(Listed(unreadable=(run_id,)),)))
    views.clock.advance(60.0)
    if restarts:
        views.restart()
        views.watch("sales.*")
    late: tuple[Run, ...] = (failed("b", 0.0), ended("a", end_time=START + seconds))
    views.poll(*late, tables=None, complete=False)
    totals = views.shown.runs_total()
    assert totals.get("SUCCEEDED", 0) == counted
    assert totals["FAILED"] == 1
    views.stop()


@pytest.mark.parametrize("run_id", ["a", None], ids=["named", "nameless"])
def test_a_run_that_another_views_first_listing_could_not_read_counts(
    counting: StoreBench, run_id: str | None
) -> None:
    """Its own view had its baseline."""
    counting.watch("sales.*", "stock.*")
    counting.clock.advance(120.0)
    tables = found(view(), view("stock.levels"), databases=["sales", "stock"])
    counting.commit(Outcome(tables=tables, listings=(Listed(unreadable=(run_id,)),)))
    counting.poll(ended("a"), of("stock.levels", ended("b")), tables=None)
    assert counting.shown.runs_total() == {"SUCCEEDED": 1}
    assert counting.shown.runs_total("stock.levels").get("SUCCEEDED", 0) == (run_id is not None)
