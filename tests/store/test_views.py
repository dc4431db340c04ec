"""What is shown of a view: from which runs, for how long, and for whom."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from exporter.model.settings import ViewPattern
from exporter.model.view import View
from exporter.store.runs import RunRecord
from exporter.store.views import ViewRecord, ViewState
from tests.support.clock import START
from tests.support.log import elsewhere, unmatched
from tests.support.operations import counted
from tests.support.reader import glue_error
from tests.support.store_bench import DAILY, DAY, StoreBench, ended, running, started, target, view

NOT_FOUND = glue_error(Reason.NOT_FOUND)
THROTTLED = glue_error(Reason.THROTTLED)


# Whether a view is there


@pytest.mark.parametrize(("every", "mode"), [(3600.0, "scheduled"), (None, "manual")])
def test_a_view_is_shown_as_its_table_describes_it(views: StoreBench, every: float | None, mode: str) -> None:
    views.poll(running("a"), tables=[view(every=every)])
    facts = views.shown.facts()
    assert views.shown.view().up
    assert (facts.refresh_mode, facts.creation_time, facts.expected_interval) == (mode, START - DAY, every)
    assert views.shown.ups == {"a": None}, "runs of views have no run_up"


ALL = ViewPattern(database="sales", table="*", expected_interval=60.0, owner="all")
NAMED = ViewPattern(database="sales", table="daily_orders", expected_interval=120.0, owner="named")
SILENT: dict[str, Any] = {"expected_interval": None, "owner": None}


@pytest.mark.parametrize(
    ("patterns", "owner", "shown"),
    [
        ([ALL, NAMED], "target", (120.0, "named")),
        ([ALL, replace(NAMED, **SILENT)], "target", (60.0, "all")),
        ([replace(ALL, **SILENT), replace(NAMED, table="returns")], "target", (3600.0, "target")),
        ([replace(ALL, **SILENT)], None, (3600.0, "table")),
    ],
    ids=["of its name", "of the glob", "of the target, and its own schedule", "of the table"],
)
def test_how_often_a_view_is_expected_and_who_is_told_is_what_names_it_most_closely(
    views: StoreBench, patterns: list[ViewPattern], owner: str | None, shown: tuple[float, str]
) -> None:
    views.configure(replace(target("prod"), views=tuple(patterns), owner=owner))
    views.poll(tables=[replace(view(), owner="table")])
    facts = views.shown.facts()
    assert (facts.expected_interval, facts.owner) == shown


def test_a_poll_that_does_not_read_a_views_runs_leaves_its_values_and_shows_it_down(
    views: StoreBench,
) -> None:
    views.poll(running("a"))
    before = views.shown.facts()
    views.poll(running("a"), complete=False, read={"a": THROTTLED})
    assert not views.shown.view().up
    assert views.shown.facts() == before
    views.poll(running("a"))
    assert views.shown.view().up


@pytest.mark.parametrize(
    ("looks", "up"),
    [
        ([[]], False),
        ([[], []], None),
        ([None, None, None], True),
        ([[], [view()], [], [view()]], True),
        ([[], [view()], []], False),
    ],
    ids=["missing once", "missing twice", "not looked for", "there again", "there in between"],
)
def test_a_view_missing_from_one_complete_listing_is_down_and_from_two_it_is_gone(
    views: StoreBench, looks: Sequence[Sequence[View] | None], *, up: bool | None
) -> None:
    views.poll(ended("a"))
    before = views.shown.facts()
    for tables in looks:
        views.poll(ended("a"), tables=tables)
    assert views.shown.view_ups == ({} if up is None else {DAILY: up})
    assert views.shown.shown_runs == (set() if up is None else {"a"})
    assert up is None or views.shown.facts() == before


def test_a_view_that_may_not_be_looked_up_is_known_by_its_runs_alone(views: StoreBench) -> None:
    """Where GetTables is denied, a glob finds the views that have runs."""
    views.poll(running("a"), tables=None, denied=True)
    facts = views.shown.facts()
    assert (facts.refresh_mode, facts.creation_time, facts.expected_interval) == ("unknown", None, None)
    assert facts.last_run == running("a")
    assert views.shown.view().up


def test_a_view_that_is_named_and_may_not_be_looked_up_is_known_by_its_name(views: StoreBench) -> None:
    views.watch(DAILY)
    views.poll(tables=None, denied=True)
    assert views.shown.view().up
    assert views.shown.facts().refresh_mode == "unknown"
    assert views.shown.facts().last_run is None


def test_a_named_view_of_which_the_tables_hold_the_name_alone_is_looked_up(views: StoreBench) -> None:
    views.watch(DAILY)
    views.poll(tables=[view(created=None, every=None)], by_name=[DAILY])
    assert views.shown.facts().refresh_mode == "manual"


def test_runs_alone_make_no_view_where_the_tables_may_be_read(views: StoreBench) -> None:
    views.poll(running("a"), tables=[])
    assert views.shown.view_ups == {}


# Runs that Glue no longer finds


def test_an_unsettled_run_that_two_complete_reads_in_a_row_miss_loses_its_series(views: StoreBench) -> None:
    older = started(ended("older"), -100.0)
    views.poll(older, running("a"))
    for complete, last in ((True, "a"), (False, "a"), (True, "older")):
        views.poll(older, complete=complete)
        assert views.shown.last_run() == last
    assert views.shown.shown_runs == {"older"}


def test_a_run_missed_by_the_listing_and_by_the_read_of_the_same_poll_is_missed_once(
    views: StoreBench,
) -> None:
    views.watch("sales.*", "a")
    views.poll(running("a"))
    views.poll(read={"a": NOT_FOUND})
    assert views.shown.shown_runs == {"a"}
    views.poll(read={"a": NOT_FOUND})
    assert views.shown.shown_runs == set()
    assert views.shown.ups == {"a": False}


def test_a_settled_run_that_glue_has_forgotten_stays_while_it_is_among_the_newest(views: StoreBench) -> None:
    views.poll(ended("a"))
    views.clock.advance(3600.0)
    views.poll(ended("a"))
    for _ in range(3):
        views.poll()
    assert views.shown.shown_runs == {"a"}
    views.poll(started(running("b"), 4000.0))
    assert views.shown.shown_runs == {"b"}


# What a view's runs say of it


@pytest.mark.parametrize(
    ("statuses", "failures"),
    [
        (["FAILED"], 1),
        (["FAILED", "FAILED"], 2),
        (["FAILED", "SUCCEEDED"], 0),
        (["FAILED", "SUCCEEDED", "FAILED"], 1),
        (["FAILED", "STOPPED", "FAILED"], 2),
        (["FAILED", "EXPIRED", "FAILED"], 2),
        (["FAILED", "STOPPED"], 1),
        (["STOPPED"], 0),
        (["FAILED", "RUNNING"], 1),
    ],
)
def test_failures_in_a_row_are_those_since_the_last_success(
    views: StoreBench, statuses: list[str], failures: int
) -> None:
    """From the oldest to the newest; stopped and unknown runs neither count nor end the row."""
    runs = [started(ended(str(place), status=status), float(place)) for place, status in enumerate(statuses)]
    views.poll(*reversed(runs))
    assert views.shown.facts().consecutive_failures == failures


BASE = running("m")._replace(creation_time=START, start_time=START, last_updated=START)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (BASE._replace(run_id="a", creation_time=START + 1.0, start_time=None, last_updated=None), BASE),
        (BASE._replace(run_id="a", start_time=START + 1.0, last_updated=None), BASE),
        (BASE._replace(run_id="a", last_updated=START + 1.0), BASE),
        (BASE._replace(run_id="n"), BASE),
        (BASE, BASE._replace(run_id="z", creation_time=None, start_time=START + 99.0)),
    ],
    ids=["creation", "start", "last update", "run ID", "no creation time"],
)
def test_the_last_run_is_the_newest_by_creation_start_update_and_id(
    views: StoreBench, newer: Run, older: Run
) -> None:
    views.poll(newer, older)
    assert views.shown.facts().last_run == newer
    assert newer.age_order > older.age_order


@pytest.mark.parametrize(("ahead", "success"), [(0.0, 0.0), (2.0, 2.0), (2.1, 0.0), (300.0, 0.0)])
def test_an_end_is_never_later_than_when_it_was_seen(views: StoreBench, ahead: float, success: float) -> None:
    """But for the two seconds to which Glue's clock is known."""
    views.poll(ended("a", end_time=START + ahead))
    assert views.shown.facts().last_success_time == START + success


def test_a_success_without_an_end_has_that_of_its_last_update_or_of_when_it_was_seen(
    views: StoreBench,
) -> None:
    without = ended("a", end_time=None)
    views.poll(without._replace(last_updated=START - 5.0))
    assert views.shown.facts().last_success_time == START - 5.0
    views.clock.advance(30.0)
    views.poll(without)
    assert views.shown.facts().last_success_time == START


CREATED, BEGAN, ENDED = START + 1000.0, START + 5000.0, START + 5300.0
REFRESHED = {"a": RunRecord(ended("a", end_time=ENDED)._replace(start_time=BEGAN), None, True, ENDED)}


@pytest.mark.parametrize(
    ("changes", "known", "since"),
    [
        pytest.param([[4000.0], [5000.0]], {}, None, id="the sources rest"),
        pytest.param([[4000.0, 5100.0, 6000.0], [5900.0]], {}, 5100.0, id="the first change after it began"),
        # A compaction, say: it changes no data, and must not hide what came before.
        pytest.param([[9000.0]], {"stale_since": 5100.0}, 5100.0, id="a later change moves nothing"),
        pytest.param([[4900.0, 7000.0]], {"stale_since": 4900.0}, 7000.0, id="began after a change"),
        pytest.param([[4900.0]], {"stale_since": 5000.0}, None, id="began with it"),
        pytest.param([[6000.0], [7000.0]], {"compared": False}, 7000.0, id="a first look: the newest"),
        pytest.param([[4000.0], [4500.0]], {"compared": False}, None, id="a first look: nothing new"),
        pytest.param(None, {}, 5300.0, id="unreadable sources: its age"),
        pytest.param(None, {"runs": {}}, 1000.0, id="unreadable sources, never refreshed"),
        pytest.param([[10.0]], {"runs": {}}, 1000.0, id="never refreshed, old sources"),
        pytest.param([[7000.0]], {"runs": {}}, 1000.0, id="never refreshed, new sources"),
        pytest.param([[7000.0]], {"runs": {}, "baseline_at": None}, None, id="runs still to be read"),
    ],
)
def test_since_when_a_view_is_stale(
    changes: list[list[float]] | None, known: dict[str, Any], since: float | None
) -> None:
    """In seconds after the start of the clock."""

    def at(time: float | None) -> float | None:
        return None if time is None else START + time

    known = {"compared": True, "baseline_at": 0.0, "stale_since": None, "runs": REFRESHED} | known
    known["stale_since"] = at(known["stale_since"])
    runs = known.pop("runs")
    record = ViewRecord(view=view(created=CREATED), **known)
    times = None if changes is None else [[START + time for time in of_source] for of_source in changes]
    watched = ViewState(record, record.counters, runs=runs, source_changes=times)
    assert watched.stale_since() == at(since)


def test_a_change_of_one_run_costs_little_in_a_view_of_many() -> None:
    bench = StoreBench()
    bench.watch("sales.*")
    runs = [started(ended(f"run-{number}"), float(number)) for number in range(1000)]
    bench.poll(*runs)
    bench.poll(*runs, started(running("new"), 5000.0))
    with counted() as done:
        bench.read(started(ended("new"), 5000.0))
    assert bench.shown.last_run() == "new"
    assert done.calls < 15 * 1000


# Several targets


def test_a_view_that_two_targets_want_belongs_to_the_first_and_the_others_log_says_so_once(
    views: StoreBench,
) -> None:
    views.configure(target("one", "sales.*"), target("two", "sales.daily_*"))
    logged = [line for name in ["one", "two"] * 3 for line in views.poll(ended("a"), target=name)]
    assert views.shown.view().target == "one"
    assert (views.shown.targets["one"].views, views.shown.targets["two"].views) == (1, 0)
    assert [line for line in logged if "another target" in line.message] == [elsewhere("two", "one", DAILY)]


def test_a_pattern_matches_a_view_even_if_its_owner_has_not_found_it_yet(views: StoreBench) -> None:
    """The first target in the file may be down, or slower; the other has found what its pattern matches."""
    views.configure(target("one", "sales.*"), target("two", "sales.*", "finance.*"))
    logged = views.poll(target="two")
    assert [line for line in logged if "pattern" in line.message] == [unmatched("two", "finance.*")]


def test_a_view_passes_to_the_other_target_with_its_state(views: StoreBench) -> None:
    """And shows its runs as that one reads them."""
    views.configure(target("one", "sales.*"), target("two", "sales.*"))
    views.poll(target="one")
    views.poll(ended("a"), running("b"), target="one")
    views.configure(target("two", "sales.*"))
    views.poll(ended("a"), ended("b"), target="two")
    assert views.shown.view().target == "two"
    assert views.shown.runs_total() == {"SUCCEEDED": 2}
    assert views.shown.run("b").run == ended("b")
