"""Which runs' series never change again: those that are configured and settled, and have been told of."""

from pathlib import Path

from exporter.store.database import FILE_NAME
from exporter.store.outcome import ListingRead, PollOutcome, PollPart
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


def test_runs_that_wait_for_their_targets_first_poll_are_left_out(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b")))
    settled_after(bench, "prod")
    bench.configure(watch(target("prod", "a")))
    bench.configure(watch(target("prod", "a"), target("other", "b")))
    assert bench.store.resting_runs() == {PLACE: {"a"}}
    bench.commit("other")
    assert bench.store.resting_runs() == {PLACE: {"a", "b"}}


def test_a_run_that_is_configured_no_longer_is_forgotten_after_90_days_though_others_stay(
    bench: StoreBench,
) -> None:
    """It rested; nobody watches it now."""
    bench.configure(watch(target("prod", "a", "b")))
    settled_after(bench, "prod")
    bench.configure(watch(target("prod", "a")))
    for days in (89, 2):
        bench.clock.advance(days * 86400.0)
        bench.commit("prod")
    bench.configure(watch(target("prod", "a", "b")))
    assert bench.due() == ["b"]


def test_a_claim_of_what_is_watched_already_writes_nothing(tmp_path: Path) -> None:
    bench = ViewBench(tmp_path / "state")
    bench.configure(target("prod", "a", "b"))
    bench.clock.advance(7200.0)
    read = {run_id: ended(run_id) for run_id in ("a", "b")}
    bench.store.commit(PollOutcome(target="prod", started=0.0, duration=1.0, runs=read))
    file = tmp_path / "state" / f"{FILE_NAME}-wal"
    size = file.stat().st_size
    bench.configure(target("prod", "b", "a"))
    assert file.stat().st_size == size
    bench.stop()


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
