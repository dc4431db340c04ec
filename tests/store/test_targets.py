"""What is logged of a target once, and what is shown of it for as long as it holds."""

import pytest

from exporter.errors import Reason
from exporter.store.log_lines import Line
from exporter.store.results import ResyncEnded
from tests.support.clock import START
from tests.support.log import target_down, target_up, unmatched
from tests.support.outcome import Outcome
from tests.support.reader import glue_error
from tests.support.store_bench import DAILY, StoreBench, ended, found, running, view

THROTTLED = glue_error(Reason.THROTTLED)


def looked(*tables: str) -> Outcome:
    """Return a resync and a poll that read all tables of two databases and found these views."""
    return Outcome(tables=found(*map(view, tables), databases=["sales", "stock"]))


def test_a_pattern_that_matches_nothing_is_logged_once_and_shown_until_it_matches(bench: StoreBench) -> None:
    bench.watch("sales.*", "stock.*")
    nothing = unmatched("prod", "stock.*")
    logged = [nothing in bench.commit(looked(DAILY)) for _ in range(3)]
    assert logged == [True, False, False]
    assert next(bench.store.watched())[0].unmatched == ("stock.*",)
    bench.commit(looked(DAILY, "stock.levels"))
    assert next(bench.store.watched())[0].unmatched == ()


def test_a_poll_publishes_when_it_ended_and_how_long_it_took(bench: StoreBench) -> None:
    bench.watch()
    bench.commit(Outcome(duration=5.0))
    bench.clock.advance(30)
    bench.read(error=THROTTLED)
    series = bench.shown.targets["prod"]
    assert (series.last_poll_time, series.last_success_time) == (START + 30.0, START + 5.0)
    assert series.last_poll_duration == 0.0
    assert next(bench.store.watched())[0].error == str(THROTTLED)


@pytest.mark.parametrize("denied", [False, True], ids=["found", "known by their runs alone"])
def test_the_views_of_a_target_are_counted_from_the_first_look_for_them_on(
    bench: StoreBench, *, denied: bool
) -> None:
    bench.watch("sales.*")
    bench.commit(Outcome())
    counted = [bench.shown.targets["prod"].views]
    bench.poll(running("a"), tables=None if denied else [view()], denied=denied)
    counted.append(bench.shown.targets["prod"].views)
    bench.poll(running("a"), tables=None)
    counted.append(bench.shown.targets["prod"].views)
    assert counted == [None, 1, 1]


# Whether it is up


def resync(
    bench: StoreBench, *, error: bool = False, complete: bool = True, progress: str = ""
) -> list[Line]:
    """Have a resync end, or say how far it is; return what is logged."""
    failure = THROTTLED if error else None
    bench.store.apply(ResyncEnded(target="prod", complete=complete, error=failure, progress=progress))
    return bench.log.take()


def up(bench: StoreBench) -> bool | None:
    return bench.shown.targets["prod"].up


def test_a_target_is_not_up_before_its_first_resync_is_complete(bench: StoreBench) -> None:
    bench.watch("sales.*")
    assert resync(bench, complete=False, progress="3 of 170 databases") == []
    assert bench.commit(Outcome()) == [], "a first look that goes on is not worth a line"
    assert up(bench) is False
    assert next(bench.store.watched())[0].error == "the first resync is not complete: 3 of 170 databases"
    assert resync(bench)[-1] == target_up("prod")
    assert up(bench) is True


def test_a_target_without_views_needs_no_resync(bench: StoreBench) -> None:
    bench.watch("a")
    assert bench.read(running("a")) == [target_up("prod")]


@pytest.mark.parametrize("complete", [True, False])
def test_what_a_resync_could_not_read_keeps_a_target_down_until_one_can(
    bench: StoreBench, *, complete: bool
) -> None:
    bench.watch("sales.*")
    bench.poll()
    assert resync(bench, error=True, complete=complete) == [target_down("prod", THROTTLED)]
    assert bench.poll(tables=None) == []
    assert up(bench) is False
    assert resync(bench, complete=False) == [], "one that goes on has not read it yet"
    assert resync(bench) == [target_up("prod", again=True)]


# Its runs


def test_every_run_with_series_is_counted_in_one_phase(bench: StoreBench) -> None:
    bench.watch("sales.*", "a", "over", "unknown")
    assert bench.shown.targets["prod"].runs == {}
    bench.clock.advance(5000.0)
    bench.poll(running("a"), running("b"), ended("over"), ended("just over", end_time=START + 4900.0))
    assert bench.shown.targets["prod"].runs == {"active": 2, "settling": 1, "settled": 1, "unfetched": 1}
