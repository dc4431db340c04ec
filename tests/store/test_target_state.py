"""What is told of a target once, and what a page shows of it for as long as it holds."""

from exporter.store.outcome import Discovery, PatternMatchesNothing, PollOutcome
from tests.state.bench import target
from tests.support.clock import START
from tests.support.view_bench import ViewBench, view


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
