"""What is told of a target once, and what a page shows of it for as long as it holds."""

import pytest

from exporter.store.outcome import Discovery, PatternMatchesNothing, PollOutcome
from tests.state.bench import target
from tests.support.clock import START
from tests.support.view_bench import ViewBench, view
from tests.support.watching import running


def looked(*tables: str) -> PollOutcome:
    """Return a poll that looked through all tables of two databases and found these views."""
    found = Discovery(views=tuple(map(view, tables)), databases=frozenset({"sales", "stock"}))
    return PollOutcome(target="prod", started=START, duration=0.0, discovery=found)


def test_a_pattern_that_matches_nothing_is_told_of_once_and_shown_until_it_matches() -> None:
    bench = ViewBench()
    bench.configure(target("prod", "sales.*", "stock.*"))
    nothing = PatternMatchesNothing("prod", "stock.*")
    told = [nothing in bench.commit(looked("sales.daily_orders")) for _ in range(3)]
    assert told == [True, False, False]
    assert bench.store.targets()[0].unmatched == ("stock.*",)
    bench.commit(looked("sales.daily_orders", "stock.levels"))
    assert bench.store.targets()[0].unmatched == ()


def test_a_poll_ended_when_it_had_taken_its_time() -> None:
    bench = ViewBench()
    bench.configure(target("prod"))
    bench.commit(PollOutcome(target="prod", started=START, duration=5.0))
    series = bench.shown.targets["prod"]
    assert (series.last_poll_time, series.last_success_time) == (START + 5.0, START + 5.0)
    assert series.last_poll_duration == 5.0
    assert bench.store.targets()[0].error is None


@pytest.mark.parametrize("denied", [False, True], ids=["found", "known by their runs alone"])
def test_the_views_of_a_target_are_counted_from_the_first_look_for_them_on(*, denied: bool) -> None:
    bench = ViewBench()
    bench.watch("sales.*")
    bench.commit(PollOutcome(target="prod", started=START, duration=0.0))
    counted = [bench.shown.targets["prod"].views]
    bench.poll(running("a"), tables=None if denied else [view()], denied=denied)
    counted.append(bench.shown.targets["prod"].views)
    bench.poll(running("a"), tables=None)
    counted.append(bench.shown.targets["prod"].views)
    assert counted == [None, 1, 1]
