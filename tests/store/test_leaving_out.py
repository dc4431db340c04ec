"""Of the runs that a first poll shows after a start, those may be left out that are as they were."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from exporter.model.run import Run
from exporter.model.settings import Settings, Target, ViewPattern
from exporter.store.database import StateDatabase
from exporter.store.outcome import ListingRead, PollOutcome
from exporter.store.run_changes import AT_ONCE, RunChanges
from exporter.store.series import SeriesChanges
from exporter.store.store import Store
from tests.support.clock import ManualClock
from tests.support.run_series import ACCOUNT, REGION
from tests.support.watching import ended, target, watch

PLACE = (REGION, ACCOUNT)
IDS = [f"run-{number}" for number in range(2 * AT_ONCE + 2)]
HALVES = (IDS[: AT_ONCE + 1], IDS[AT_ONCE + 1 :])


class Restarted:
    """A store that begins with what another has read long ago; all runs are settled."""

    def __init__(self, settings: Settings, before: Settings | None = None) -> None:
        self._clock = ManualClock()
        self._database = StateDatabase.in_memory()
        first = Store(self._clock, database=self._database)
        first.configure(before or watch(target("prod", *IDS)))
        self._clock.advance(7200.0)
        listings = (ListingRead(runs=tuple(map(ended, IDS))),)
        first.commit(self._outcome("prod", listings=listings, tables_denied=True))
        self._left_out: list[Sequence[str] | None] = []
        self._run_ids: Sequence[str] = ()
        self.shown: set[str] = set()
        self.store = Store(self._clock, [self._listen], self._database)
        self.store.configure(settings)

    def poll(self, name: str, wanted: Sequence[str], *listed: Run) -> Sequence[str] | None:
        """Have a target be told of some runs; return what can be left out if these are asked for."""
        self._run_ids = wanted
        listings = (ListingRead(runs=listed),) if listed else ()
        self.store.commit(self._outcome(name, listings=listings, tables_denied=True))
        return self._left_out[-1]

    def _listen(self, changes: SeriesChanges) -> None:
        runs = changes.runs
        self.shown |= {key.run_id for key in runs}
        if isinstance(runs, RunChanges):
            self._left_out += runs.take_out(PLACE, [self._run_ids])
        else:
            self._left_out.append(None)

    def _outcome(self, name: str, **members: object) -> PollOutcome:
        return PollOutcome(target=name, started=self._clock.time(), duration=1.0, **members)  # type: ignore[arg-type]  # some of its members


def with_views(ids: Target) -> Target:
    """Have the target watch all views, too."""
    return replace(ids, views=(ViewPattern(database="*", table="*"),))


@pytest.fixture
def prod() -> Restarted:
    """Return a store whose only target has all runs."""
    return Restarted(watch(target("prod", *IDS)))


def test_settled_runs_are_as_they_were(prod: Restarted) -> None:
    assert prod.poll("prod", IDS[:3]) == IDS[:3]


def test_a_run_of_which_the_poll_learnt_something_is_not(prod: Restarted) -> None:
    changed = ended(IDS[1])._replace(dpu_seconds=4711.0)
    assert prod.poll("prod", IDS[:3], changed) is None


def test_a_run_that_is_listed_as_it_was_known_is(prod: Restarted) -> None:
    assert prod.poll("prod", IDS[:3], ended(IDS[1])) == IDS[:3]


def test_what_one_target_learns_is_remembered_until_the_other_one_is_polled() -> None:
    """And nothing else is held against that one's runs."""
    first, second = HALVES
    views = with_views(target("views", *first))
    changed = ended(second[1])._replace(dpu_seconds=4711.0)
    restarted = Restarted(watch(views, target("other", *second)))
    assert restarted.poll("views", first[:3], changed) == first[:3]
    assert restarted.poll("other", second[:3]) is None
    restarted = Restarted(watch(views, target("other", *second)))
    restarted.poll("views", first[:3], changed)
    assert restarted.poll("other", second[2:4]) == second[2:4]


def test_runs_that_only_their_view_shows_now_are_not_what_they_were() -> None:
    """Their text told whether they could be read."""
    newest = max(IDS)  # of those of an age, the one that is shown
    others = [run_id for run_id in IDS if run_id != newest]
    restarted = Restarted(
        watch(with_views(target("prod", *others))), before=watch(with_views(target("prod", *IDS)))
    )
    assert restarted.poll("prod", [newest]) is None
    assert newest in restarted.shown
