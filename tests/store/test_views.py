"""What is shown of a view: from which runs, for how long, and for whom."""

import pytest

from exporter.errors import Reason
from exporter.model.run import Run
from tests.state.bench import target
from tests.support.clock import START
from tests.support.log import elsewhere, unmatched
from tests.support.reader import glue_error
from tests.support.view_bench import DAILY, DAY, ViewBench, failed, started, view
from tests.support.watching import ended, running

NOT_FOUND = glue_error(Reason.NOT_FOUND)
THROTTLED = glue_error(Reason.THROTTLED)


@pytest.fixture
def bench() -> ViewBench:
    """Return a store that has just begun to watch all views of ``sales``."""
    bench = ViewBench()
    bench.watch("sales.*")
    return bench


# Whether a view is there


def test_a_view_is_shown_as_its_table_tells_of_it(bench: ViewBench) -> None:
    bench.poll(running("a"))
    facts = bench.shown.facts(DAILY)
    assert bench.shown.view(DAILY).up
    assert (facts.refresh_mode, facts.creation_time, facts.expected_interval) == (
        "scheduled",
        START - DAY,
        3600.0,
    )


def test_a_view_without_a_schedule_is_refreshed_manually_and_expects_nothing(bench: ViewBench) -> None:
    bench.poll(tables=[view(every=None)])
    facts = bench.shown.facts(DAILY)
    assert (facts.refresh_mode, facts.expected_interval) == ("manual", None)


def test_a_poll_that_does_not_read_a_views_runs_leaves_its_values_and_shows_it_down(bench: ViewBench) -> None:
    bench.poll(running("a"))
    before = bench.shown.facts(DAILY)
    bench.poll(running("a"), complete=False, read={"a": THROTTLED})
    assert not bench.shown.view(DAILY).up
    assert bench.shown.facts(DAILY) == before
    bench.poll(running("a"))
    assert bench.shown.view(DAILY).up


def test_a_view_missing_from_one_complete_listing_is_down_and_keeps_its_values(bench: ViewBench) -> None:
    bench.poll(ended("a"))
    before = bench.shown.facts(DAILY)
    bench.poll(tables=[])
    assert not bench.shown.view(DAILY).up
    assert bench.shown.facts(DAILY) == before


def test_a_view_missing_from_two_complete_listings_goes_with_all_its_series(bench: ViewBench) -> None:
    bench.poll(ended("a"))
    for _ in range(2):
        bench.poll(tables=[])
    assert bench.shown.shown_views == set()
    assert bench.shown.shown_runs == set()


def test_a_view_that_was_not_looked_for_is_not_missing(bench: ViewBench) -> None:
    for tables in ([view()], None, None, None):
        bench.poll(running("a"), tables=tables)
        assert bench.shown.view(DAILY).up


def test_one_listing_that_holds_the_view_makes_up_for_one_that_did_not(bench: ViewBench) -> None:
    bench.poll(running("a"))
    for _ in range(3):
        bench.poll(running("a"), tables=[])
        bench.poll(running("a"))
        assert bench.shown.view(DAILY).up


def test_a_view_that_is_named_keeps_view_up_0_alone(bench: ViewBench) -> None:
    bench.watch(DAILY)
    bench.poll(ended("a"), by_name=[DAILY])
    for _ in range(3):
        bench.poll(tables=[], by_name=[DAILY])
    assert (bench.shown.view(DAILY).up, bench.shown.view(DAILY).facts) == (False, None)
    assert bench.shown.shown_runs == set()


def test_a_named_view_that_never_was_there_has_view_up_0_alone(bench: ViewBench) -> None:
    bench.watch("sales.typo")
    bench.poll(tables=[], by_name=["sales.typo"])
    assert not bench.shown.view("sales.typo").up
    bench.poll(tables=[], by_name=["sales.typo"])
    assert (bench.shown.view("sales.typo").up, bench.shown.view("sales.typo").facts) == (False, None)


def test_a_view_that_is_created_again_shows_its_state_again(bench: ViewBench) -> None:
    bench.poll(failed("a", 0.0))
    for _ in range(2):
        bench.poll(tables=[])
    bench.poll(tables=[view(created=START + 500.0)])
    assert bench.shown.facts(DAILY).creation_time == START + 500.0
    assert bench.shown.facts(DAILY).consecutive_failures is not None


def test_a_view_that_may_not_be_looked_up_is_known_by_its_runs_alone(bench: ViewBench) -> None:
    """Where GetTables is denied, a glob finds the views that have runs."""
    bench.poll(running("a"), tables=None, denied=True)
    facts = bench.shown.facts(DAILY)
    assert (facts.refresh_mode, facts.creation_time, facts.expected_interval) == ("unknown", None, None)
    assert facts.last_run == running("a")
    assert bench.shown.view(DAILY).up


def test_a_view_that_is_named_and_may_not_be_looked_up_is_known_by_its_name(bench: ViewBench) -> None:
    bench.watch(DAILY)
    bench.poll(tables=None, denied=True)
    assert bench.shown.view(DAILY).up
    assert bench.shown.facts(DAILY).refresh_mode == "unknown"
    assert bench.shown.facts(DAILY).last_run is None


def test_runs_alone_make_no_view_where_the_tables_may_be_read(bench: ViewBench) -> None:
    bench.poll(running("a"), tables=[])
    assert bench.shown.shown_views == set()


def test_a_view_that_a_reload_drops_goes_at_once(bench: ViewBench) -> None:
    bench.poll(running("a"))
    bench.watch("stock.*")
    assert bench.shown.shown_views == set()
    assert bench.shown.shown_runs == set()


# Runs that Glue no longer finds


def test_an_unsettled_run_keeps_its_series_over_one_complete_read_that_misses_it(bench: ViewBench) -> None:
    bench.poll(running("a"))
    bench.poll()
    assert bench.shown.shown_runs == {"a"}


def test_an_unsettled_run_that_two_complete_reads_miss_loses_its_series(bench: ViewBench) -> None:
    older = started(ended("older"), -100.0)
    bench.poll(older, running("a"))
    for _ in range(2):
        bench.poll(older)
    assert bench.shown.shown_runs == {"older"}
    last = bench.shown.facts(DAILY).last_run
    assert last is not None
    assert last.run_id == "older"


def test_a_run_missed_by_the_listing_and_by_the_read_of_the_same_poll_is_missed_once(
    bench: ViewBench,
) -> None:
    bench.configure(target("prod", "sales.*", run_ids=["a"]))
    bench.poll(running("a"))
    bench.poll(read={"a": NOT_FOUND})
    assert bench.shown.shown_runs == {"a"}
    bench.poll(read={"a": NOT_FOUND})
    assert bench.shown.shown_runs == set()
    assert bench.shown.ups == {"a": False}


def test_a_listing_that_was_not_read_to_its_end_misses_nothing(bench: ViewBench) -> None:
    bench.poll(running("a"))
    for _ in range(3):
        bench.poll(complete=False)
    assert bench.shown.shown_runs == {"a"}


@pytest.mark.parametrize("cut", [0, 1])
def test_a_run_on_any_page_of_a_complete_listing_is_not_missing(bench: ViewBench, cut: int) -> None:
    bench.poll(running("a"))
    for _ in range(3):
        bench.poll(running("a"), cut=cut)
    assert bench.shown.shown_runs == {"a"}


def test_a_settled_run_that_glue_has_forgotten_stays_while_it_is_among_the_newest(bench: ViewBench) -> None:
    bench.poll(ended("a"))
    bench.clock.advance(3600.0)
    bench.poll(ended("a"))
    for _ in range(3):
        bench.poll()
    assert bench.shown.shown_runs == {"a"}
    bench.poll(started(running("b"), 4000.0))
    assert bench.shown.shown_runs == {"b"}


# What a view's runs say of it


def test_a_view_whose_runs_have_not_been_listed_says_nothing_of_failures(bench: ViewBench) -> None:
    bench.poll(complete=False)
    assert bench.shown.facts(DAILY).consecutive_failures is None
    bench.poll()
    assert bench.shown.facts(DAILY).consecutive_failures == 0


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
    bench: ViewBench, statuses: list[str], failures: int
) -> None:
    """From the oldest to the newest; stopped and unknown runs neither count nor end the row."""
    runs = [started(ended(str(place), status=status), float(place)) for place, status in enumerate(statuses)]
    bench.poll(*reversed(runs))
    assert bench.shown.facts(DAILY).consecutive_failures == failures


BASE = running("m")._replace(creation_time=START, start_time=START, last_updated=START)


@pytest.mark.parametrize(
    "newer",
    [
        BASE._replace(run_id="a", creation_time=START + 1.0, start_time=None, last_updated=None),
        BASE._replace(run_id="a", start_time=START + 1.0, last_updated=None),
        BASE._replace(run_id="a", last_updated=START + 1.0),
        BASE._replace(run_id="n"),
    ],
    ids=["creation", "start", "last update", "run ID"],
)
def test_the_last_run_is_the_newest_by_creation_start_update_and_id(bench: ViewBench, newer: Run) -> None:
    bench.poll(newer, BASE)
    assert bench.shown.facts(DAILY).last_run == newer
    assert newer.age_order > BASE.age_order


def test_a_run_without_a_creation_time_is_older_than_any_with_one(bench: ViewBench) -> None:
    bench.poll(BASE._replace(run_id="z", creation_time=None, start_time=START + 99.0), BASE)
    assert bench.shown.facts(DAILY).last_run == BASE


@pytest.mark.parametrize(("ahead", "success"), [(0.0, 0.0), (2.0, 2.0), (2.1, 0.0), (300.0, 0.0)])
def test_an_end_is_never_later_than_when_it_was_seen(bench: ViewBench, ahead: float, success: float) -> None:
    """But for the two seconds to which Glue's clock is known."""
    bench.poll(ended("a", end_time=START + ahead))
    assert bench.shown.facts(DAILY).last_success_time == START + success


def test_a_success_without_an_end_has_that_of_its_last_update_or_of_when_it_was_seen(
    bench: ViewBench,
) -> None:
    without = ended("a", end_time=None)
    bench.poll(without._replace(last_updated=START - 5.0))
    assert bench.shown.facts(DAILY).last_success_time == START - 5.0
    bench.clock.advance(30.0)
    bench.poll(without)
    assert bench.shown.facts(DAILY).last_success_time == START


def test_last_success_and_last_failure_are_told_apart(bench: ViewBench) -> None:
    bench.poll(started(ended("a", end_time=START - 50.0), -90.0), failed("b", -40.0), running("c"))
    facts = bench.shown.facts(DAILY)
    assert facts.last_success is not None
    assert (facts.last_success.run_id, facts.last_success_time) == ("a", START - 50.0)
    assert facts.last_failure_time == START, "it was seen before its end"
    assert facts.last_run == running("c")


@pytest.mark.parametrize(
    ("runs_per_view", "shown"),
    [(0, set()), (1, {"e", "a"}), (3, {"e", "d", "c", "a"})],
)
def test_runs_per_view_decides_which_runs_have_series_of_their_own(
    bench: ViewBench, runs_per_view: int, shown: set[str]
) -> None:
    """A run that has not ended is shown besides, however old it is; with 0 none is."""
    bench.watch("sales.*", runs_per_view=runs_per_view)
    runs = [started(ended(run_id), place) for place, run_id in enumerate("bcde", start=1)]
    bench.poll(started(running("a"), 0.0), *runs)
    assert bench.shown.shown_runs == shown
    last = bench.shown.facts(DAILY).last_run
    assert last is not None
    assert last.run_id == "e"


def test_runs_of_views_have_no_run_up(bench: ViewBench) -> None:
    bench.poll(running("a"))
    assert bench.shown.ups == {"a": None}


# Several targets


def test_a_view_that_two_targets_want_belongs_to_the_first(bench: ViewBench) -> None:
    bench.configure(target("one", "sales.*"), target("two", "sales.daily_*"))
    for _ in range(2):
        for name in ("one", "two"):
            bench.poll(ended("a"), target=name)
    assert bench.shown.view(DAILY).target == "one"
    assert (bench.shown.targets["one"].views, bench.shown.targets["two"].views) == (1, 0)


def test_the_other_targets_log_says_once_whose_the_view_is(bench: ViewBench) -> None:
    bench.configure(target("one", "sales.*"), target("two", "sales.daily_*"))
    logged = [line for name in ["one", "two"] * 3 for line in bench.poll(target=name)]
    assert [line for line in logged if "another target" in line.message] == [elsewhere("two", "one", DAILY)]


def test_a_pattern_matches_a_view_even_if_its_owner_has_not_found_it_yet(bench: ViewBench) -> None:
    """The first target in the file may be down, or slower; the other has found what its pattern matches."""
    bench.configure(target("one", "sales.*"), target("two", "sales.*", "finance.*"))
    logged = bench.poll(target="two")
    assert [line for line in logged if "pattern" in line.message] == [unmatched("two", "finance.*")]


def test_the_runs_of_a_view_that_two_targets_want_are_counted_once(bench: ViewBench) -> None:
    bench.configure(target("one", "sales.*"), target("two", "sales.*"))
    for name in ("two", "one"):
        bench.poll(target=name)
    for name in ("two", "one", "two"):
        bench.poll(ended("a"), target=name)
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}


def test_a_view_passes_to_the_other_target_with_its_state(bench: ViewBench) -> None:
    bench.configure(target("one", "sales.*"), target("two", "sales.*"))
    bench.poll(target="one")
    bench.poll(ended("a"), target="one")
    bench.configure(target("two", "sales.*"))
    bench.poll(ended("a"), ended("b"), target="two")
    assert bench.shown.view(DAILY).target == "two"
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 2}
