"""Who watches a run that several targets name, and what a new configuration keeps."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.run import RunKey
from exporter.model.settings import Target
from tests.support.log import elsewhere
from tests.support.reader import ACCOUNT, glue_error
from tests.support.store_bench import REGION, StoreBench, ended, running, target

OTHER = "210987654321"


def test_the_first_target_in_the_file_owns_a_run_that_both_name_and_both_are_up(bench: StoreBench) -> None:
    events = bench.configure(target("first", "a", "b"), target("second", "b", "c"))
    assert events == [elsewhere("second", "first", "b")]
    assert (bench.due("first"), bench.due("second")) == (["a", "b"], ["c"])
    bench.read(running("c"), target="second")
    bench.read(running("a"), running("b"), target="first")
    assert [series.up for series in bench.shown.targets.values()] == [True, True]
    assert bench.shown.ups == {"a": True, "b": True, "c": True}


def test_a_target_shows_no_run_that_another_one_owns_and_has_not_tried_yet(bench: StoreBench) -> None:
    """``run_up`` 0 would say that an attempt had failed."""
    bench.configure(target("first", "a"), target("second", "a", "b"))
    bench.read(running("b"), target="second")
    assert bench.shown.ups == {"b": True}


@pytest.mark.parametrize(
    "second",
    [target("second", "a", catalog_id=OTHER), target("second", "a", region="us-east-1")],
    ids=["another catalog", "another region"],
)
def test_the_same_id_elsewhere_is_another_run(bench: StoreBench, second: Target) -> None:
    assert bench.configure(target("first", "a"), second) == []
    bench.read(running("a"), target="first")
    bench.read(ended("a"), target="second")
    assert {series.run for series in bench.shown.runs.values()} == {running("a"), ended("a")}


def test_a_default_catalog_that_becomes_known_later_moves_the_runs_to_the_first(bench: StoreBench) -> None:
    bench.configure(target("default", "a", catalog_id=None), target("named", "a", "b"))
    assert bench.due("default") == []
    assert bench.due("named") == ["a", "b"]
    bench.read(running("a"), running("b"), target="named")
    bench.store.catalog_known("default", ACCOUNT)
    assert bench.log.take() == [elsewhere("named", "default", "a")]
    assert bench.due("default") == ["a"]
    assert bench.due("named") == ["b"]
    assert bench.shown.ups == {"a": True, "b": True}, "the move loses no series"


def test_a_catalog_that_is_known_already_changes_nothing(bench: StoreBench) -> None:
    bench.configure(target("default", "a", catalog_id=None))
    bench.store.catalog_known("default", ACCOUNT)
    commits = len(bench.shown.commits)
    bench.store.catalog_known("default", ACCOUNT)
    bench.store.catalog_known("gone", ACCOUNT)
    assert len(bench.shown.commits) == commits


def test_a_default_catalog_that_turns_out_to_be_another_one_takes_its_series_along(bench: StoreBench) -> None:
    bench.configure(target("default", "a", catalog_id=None))
    bench.store.catalog_known("default", ACCOUNT)
    bench.read(running("a"), target="default")
    bench.store.catalog_known("default", OTHER)
    assert [key.catalog_id for key in bench.shown.runs] == [OTHER]
    assert bench.shown.targets["default"].catalog_id == OTHER


def test_what_was_read_of_a_run_that_has_moved_meanwhile_is_dropped(bench: StoreBench) -> None:
    bench.configure(target("second", "a"))
    bench.configure(target("first", "a"), target("second", "a"))
    bench.read(running("a"), target="second")
    assert bench.shown.runs == {}


WATCHED = ("settled", "active", "unknown")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([target("old", *WATCHED)], target("new", *WATCHED)),
        ([target("old", *WATCHED, catalog_id=None)], target("new", *WATCHED, catalog_id=None)),
        ([target("prod", *WATCHED, catalog_id=None)], target("prod", *WATCHED)),
        ([target("first", *WATCHED), target("second", *WATCHED)], target("second", *WATCHED)),
    ],
    ids=["renamed", "renamed, of the default catalog", "the default catalog written out", "owner removed"],
)
def test_a_reload_keeps_the_state_of_runs(bench: StoreBench, before: Sequence[Target], after: Target) -> None:
    bench.configure(*before)
    bench.store.catalog_known(before[0].name, ACCOUNT)
    bench.clock.advance(5000)
    unknown = {"unknown": glue_error(Reason.NOT_FOUND)}
    bench.read(ended("settled"), running("active"), errors=unknown, target=before[0].name)
    bench.configure(after)
    assert bench.due(after.name) == ["active"], "the unknown one has still to wait"
    assert bench.shown.ups == {"settled": True, "active": True, "unknown": False}
    assert bench.shown.targets.keys() == {after.name}


def test_series_of_what_is_gone_vanish_at_once(bench: StoreBench) -> None:
    bench.configure(target("one", "a", "b"), target("two", "c"))
    bench.read(running("a"), running("b"), target="one")
    bench.read(running("c"), target="two")
    bench.configure(target("one", "a"))
    assert bench.shown.ups == {"a": True}
    assert bench.shown.targets.keys() == {"one"}
    assert bench.shown.last.runs[RunKey(REGION, ACCOUNT, "b")] is None
    assert bench.shown.last.targets["two"] is None


def test_another_region_of_the_same_name_is_another_target(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(running("a"))
    bench.configure(target("prod", "a", region="us-east-1"))
    assert bench.shown.runs == {}
    series = bench.shown.targets["prod"]
    assert (series.up, series.aws_region) == (None, "us-east-1")


def test_what_arrives_for_a_target_that_is_gone_is_dropped(bench: StoreBench) -> None:
    bench.watch("a")
    bench.configure()
    commits = len(bench.shown.commits)
    assert bench.read(running("a")) == []
    assert bench.due() == []
    assert len(bench.shown.commits) == commits
    assert (bench.shown.runs, bench.shown.targets) == ({}, {})


def test_request_counters_go_on_over_a_reload_even_where_the_access_changes(bench: StoreBench) -> None:
    bench.watch("a")
    requests = bench.store.requests("prod")
    requests.attempt("GetMaterializedViewRefreshTaskRun", 0.1)
    before = target("prod", "a")
    bench.configure(replace(before, access=replace(before.access, profile="other")))
    assert bench.store.requests("prod") is requests
    assert bench.shown.targets["prod"].requests is requests


def test_a_reload_keeps_what_the_last_poll_said_of_a_target_that_stays(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(errors={"a": glue_error(Reason.TIMEOUT)}, error=glue_error(Reason.TIMEOUT))
    bench.configure(target("prod", "a", "b"), target("new", "c"))
    old, new = (state for state, _ in bench.store.watched())
    assert (old.series.up, old.error) == (False, "GetMaterializedViewRefreshTaskRun: no")
    assert (new.series.up, new.error) == (None, None)


def test_a_run_that_a_reload_gave_away_shows_its_new_owners_values(bench: StoreBench) -> None:
    bench.configure(target("one", "a"))
    bench.read(running("a"), target="one")
    bench.configure(target("one"), target("two", "a"))
    assert bench.shown.run("a").run == running("a")
    bench.read(ended("a"), target="two")
    assert bench.shown.run("a").run == ended("a")


def test_runs_that_wait_for_one_target_are_shown_once_a_reload_gives_them_to_a_polled_one(
    bench: StoreBench,
) -> None:
    bench.configure(target("polled", "a"), target("late", "b", "c"), target("later", "d"))
    bench.read(target="polled")
    assert set(bench.shown.ups) == {"a"}
    bench.configure(target("polled", "a", "b"), target("late", "c"), target("later", "d"))
    assert set(bench.shown.ups) == {"a", "b"}
    bench.read(target="late")
    assert set(bench.shown.ups) == {"a", "b", "c"}
    bench.configure(target("polled", "a"), target("late", "c"))
    assert set(bench.shown.ups) == {"a", "c"}


def test_a_run_in_any_case_is_one_run_and_shown_as_glue_writes_it(bench: StoreBench) -> None:
    events = bench.configure(target("one", "ABC", "x"), target("two", "abc"))
    assert events == [elsewhere("two", "one", "abc")]
    bench.read(finished=False, target="one")
    assert bench.shown.ups == {"ABC": False, "x": False}
    bench.read(running("aBc"), target="one")
    assert bench.shown.ups == {"aBc": True, "x": False}
    bench.read(ended("ABC"), target="one")
    assert bench.shown.ups == {"aBc": True, "x": False}
    assert bench.due("one") == ["x", "aBc"]


def test_a_run_that_was_never_read_is_shown_as_it_is_configured_now(bench: StoreBench) -> None:
    bench.configure(target("one", "ABC"))
    bench.read(target="one")
    bench.configure(target("one", "abc"))
    assert bench.shown.ups == {"abc": False}
