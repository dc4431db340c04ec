"""Which runs' series never change again: those that are configured and settled, and have been told of."""

from exporter.store.outcome import ListingRead, PollPart
from tests.support.run_series import ACCOUNT, REGION
from tests.support.view_bench import ViewBench
from tests.support.watching import StoreBench, ended, running, target, watch

PLACE = (REGION, ACCOUNT)


def settled_after(bench: StoreBench, *names: str) -> None:
    """Let the settle period pass, and have each target read its runs again."""
    bench.clock.advance(7200.0)
    for name in names:
        bench.commit(name, ended("a"), ended("b"))


def test_settled_runs_rest_and_others_do_not(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b", "c", "never read")))
    bench.commit("prod", ended("a"), ended("b"), running("c"))
    assert bench.store.resting_runs() == {PLACE: set()}
    settled_after(bench, "prod")
    assert bench.store.resting_runs() == {PLACE: {"a", "b"}}


def test_runs_that_nobody_has_been_told_of_are_left_out(bench: StoreBench) -> None:
    """A target that a reload gave them has not been polled: their series are gone until then."""
    bench.configure(watch(target("prod", "a", "b")))
    settled_after(bench, "prod")
    bench.configure(watch(target("prod", "a"), target("other", "b")))
    assert bench.store.resting_runs() == {PLACE: {"a", "b"}}
    bench.configure(watch(target("other", "b")))
    bench.configure(watch(target("other", "b", "a")))
    assert bench.store.resting_runs() == {PLACE: {"b"}}


def test_runs_that_are_shown_because_of_their_view_do_not_rest() -> None:
    """The next one will take their place."""
    views = ViewBench()
    views.watch("sales.*")
    views.poll(ended("a"))
    views.clock.advance(7200.0)
    views.poll(ended("a"))
    assert views.store.resting_runs() == {PLACE: set()}


def test_what_a_poll_has_handed_over_before_its_end_is_not_told_yet(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b")))
    bench.clock.advance(7200.0)
    listing = ListingRead(runs=(ended("a"), ended("b")))
    bench.store.take_in(PollPart(target="prod", discovery=None, tables_denied=False, listing=listing))
    assert bench.store.resting_runs() == {PLACE: set()}
