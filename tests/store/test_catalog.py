"""What a reload leaves of views that are watched, of those that are gone, and of those no target wants."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.model.settings import Access, Target
from tests.support.reader import ACCOUNT
from tests.support.store_bench import DAILY, DAY, REGION, StoreBench, ended, running, target, view, views


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    """Return a store that watches all views of ``sales`` and has counted a run of one of them."""
    bench = StoreBench(tmp_path / "state")
    bench.watch("sales.*")
    bench.poll()
    bench.poll(ended("a"))
    yield bench
    bench.abandon()


def drop_for_good(bench: StoreBench, *, by_name: tuple[str, ...] = ()) -> None:
    """Have two listings of the tables miss the view."""
    for _ in range(2):
        bench.poll(ended("a"), tables=[], by_name=by_name)


# Views that are there


def test_a_reload_leaves_a_view_up_and_its_values_as_they_are(bench: StoreBench) -> None:
    before = bench.shown.view()
    bench.watch("sales.*")
    assert bench.shown.view() == before
    assert before.up


def test_a_reload_changes_how_often_a_view_is_expected_to_be_refreshed(bench: StoreBench) -> None:
    """What the view's own schedule says outlives it."""
    bench.poll(ended("a"), tables=[view(every=600.0)])
    configured = target("prod", "sales.*")
    bench.configure(replace(configured, views=views("sales.*", expected_interval=7200.0)))
    assert bench.shown.facts().expected_interval == 7200.0
    bench.configure(configured)
    assert bench.shown.facts().expected_interval == 600.0


def test_a_view_that_is_watched_again_is_watched_for_good(bench: StoreBench) -> None:
    bench.watch("stock.*")
    bench.watch("sales.*")
    bench.clock.advance(91 * DAY)
    bench.poll(ended("a"))
    assert bench.saved_views == {"daily_orders"}
    assert bench.shown.runs_total() == {"SUCCEEDED": 1}


def test_nothing_is_given_up_while_a_target_may_still_turn_out_to_want_it(bench: StoreBench) -> None:
    """The account of a target that names no catalog is known after its first call alone."""
    late = Target(name="late", access=Access(aws_region=REGION), views=views("sales.*"))
    bench.configure(target("prod", "stock.*"), late)
    bench.store.catalog_known("late", ACCOUNT)
    bench.poll(ended("a"), ended("b"), target="late")
    assert bench.shown.runs_total() == {"SUCCEEDED": 2}


# Views that are gone from the catalog


def test_a_reload_does_not_bring_back_a_view_that_is_gone(bench: StoreBench) -> None:
    drop_for_good(bench)
    bench.watch("sales.*")
    assert bench.shown.view_ups == {}


@pytest.mark.parametrize("patterns", ["sales.*", "stock.*"], ids=["still wanted", "not wanted any more"])
def test_a_view_that_is_gone_is_forgotten_90_days_later_whatever_is_reloaded_meanwhile(
    bench: StoreBench, patterns: str
) -> None:
    drop_for_good(bench)
    bench.clock.advance(DAY)
    bench.read()
    bench.clock.advance(60 * DAY)
    bench.watch(patterns)
    bench.clock.advance(31 * DAY)
    bench.read()
    assert bench.saved_views == set()


def test_a_view_that_was_gone_when_its_pattern_was_dropped_takes_a_new_baseline(bench: StoreBench) -> None:
    drop_for_good(bench)
    bench.watch("stock.*")
    bench.watch("sales.*")
    bench.poll(ended("a"), ended("meanwhile"))
    assert bench.shown.runs_total() == {"SUCCEEDED": 1}


def test_a_named_view_that_is_gone_keeps_its_counters_over_a_reload(bench: StoreBench) -> None:
    bench.watch(DAILY)
    drop_for_good(bench, by_name=(DAILY,))
    bench.watch(DAILY)
    bench.poll(ended("a"), ended("b"), by_name=(DAILY,))
    assert bench.shown.runs_total() == {"SUCCEEDED": 2}


def test_a_view_that_is_gone_and_no_longer_named_is_forgotten_after_90_days(bench: StoreBench) -> None:
    bench.watch(DAILY)
    drop_for_good(bench, by_name=(DAILY,))
    bench.clock.advance(91 * DAY)
    bench.read()
    assert bench.saved_views == {"daily_orders"}, "as long as it is named"
    bench.watch("sales.*")
    for days in (1, 91):
        bench.clock.advance(days * DAY)
        bench.read()
    assert bench.saved_views == set()


# Runs that are configured by their IDs, too


def test_a_run_that_was_configured_before_its_view_becomes_the_views() -> None:
    bench = StoreBench()
    bench.watch("a")
    bench.read(ended("a"))
    bench.watch(DAILY, "a")
    bench.poll(ended("a"), by_name=(DAILY,))
    assert bench.shown.last_run() == "a"


def test_a_run_stays_its_views_while_it_is_watched_by_its_id_alone(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(ended("a"))
    bench.clock.advance(3700.0)
    bench.read(ended("a"))
    bench.watch("sales.*")
    bench.poll()
    assert bench.shown.last_run() == "a"


def test_a_run_that_is_configured_again_is_remembered_even_while_some_account_is_unknown() -> None:
    """Were it forgotten, it would not be asked for: it was settled when it was configured again."""
    bench = StoreBench()
    bench.watch("a")
    bench.clock.advance(3700.0)
    bench.read(ended("a"))
    bench.watch()
    bench.configure(target("prod", "a"), target("late", "sales.*", catalog_id=None))
    bench.clock.advance(91 * DAY)
    bench.read()
    assert (bench.shown.run("a").run, bench.shown.run("a").up) == (ended("a"), True)


def test_a_named_view_that_glue_never_knew_does_not_come_back_by_a_run() -> None:
    """Where tables may not be read any more, and a glob has taken the place of the name."""
    bench = StoreBench()
    bench.watch(DAILY)
    drop_for_good(bench, by_name=(DAILY,))
    bench.watch("sales.*")
    bench.poll(running("b"), tables=None, denied=True)
    assert bench.shown.view_ups == {}
