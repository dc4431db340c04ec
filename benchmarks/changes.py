"""What a change costs, from what a poll has read to the new snapshot: ``python -m benchmarks.changes N``.

In one process, without Glue, network and disk: polls that change one run among N ended ones, watched by
their IDs and by their views. Prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count

from benchmarks.lifelike import ACCOUNT, REGION, records, view_records, views
from benchmarks.results import middle_of
from exporter.clock import SystemClock
from exporter.glue.responses import parse_run
from exporter.metrics import Exposition
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import View
from exporter.store.results import PollEnded, ResyncEnded, RunsListed, Scope, TablesRead
from exporter.store.store import Store

TURNS = 40
RUNS_PER_VIEW = 100


def one_run(runs: int) -> float:
    """Return the seconds that a poll takes which changes one run, of those that are watched by their IDs."""
    loaded = [parse_run(record) for record in records(runs, active=1)]
    watched = _Watched(run_ids=[run.run_id for run in loaded])
    watched.poll(loaded)
    turn = count(1)
    return watched.measure(lambda: [_changed(loaded[0], next(turn))])


def one_run_of_views(runs: int) -> float:
    """Return the same of watched views: the poll has read a page of a listing, with one changed run on it."""
    number = max(1, runs // RUNS_PER_VIEW)
    watched, going_on = _watched_views(number, runs // number, active_share=number)
    turn = count(1)
    return watched.measure(lambda: [_changed(going_on[0], next(turn))])


def _watched_views(number: int, runs_each: int, active_share: int) -> tuple["_Watched", list[Run]]:
    loaded = [parse_run(one) for one in view_records(number, runs_each=runs_each, active_share=active_share)]
    found = tuple(
        View(database=database, table=table, refresh_seconds=3600.0) for database, table in views(number)
    )
    watched = _Watched(views=found)
    watched.poll(loaded, complete=True)
    return watched, [run for run in loaded if not run.ended]


def _changed(run: Run, turn: int) -> Run:
    return run._replace(dpu_seconds=float(turn))


class _Watched:
    """A store and its exposition, with one target."""

    def __init__(self, *, run_ids: Sequence[str] = (), views: Sequence[View] = ()) -> None:
        self._clock = SystemClock()
        self._store = Store(self._clock, [Exposition(self._clock).apply])
        target = Target(
            name="b",
            access=Access(aws_region=REGION),
            catalog_id=ACCOUNT,
            run_ids=tuple(run_ids),
            views=(ViewPattern(database="*", table="*"),) if views else (),
        )
        self._store.configure(Settings(targets=(target,)))
        self._by_listing = bool(views)
        if views:
            databases = frozenset(view.database for view in views)
            self._store.apply(TablesRead(target="b", views=tuple(views), databases=databases))
            self._store.apply(ResyncEnded(target="b", complete=True))

    def poll(self, runs: Sequence[Run], *, complete: bool = False) -> None:
        """Apply a poll that read these runs; ``complete``: the whole listing."""
        scopes: tuple[Scope, ...] = ()
        if self._by_listing:
            listing = self._store.open_listing("b", Scope())
            assert listing is not None
            self._store.apply(RunsListed(target="b", listing=listing, runs=tuple(runs), last=complete))
            scopes = (Scope(),)
        self._store.apply(
            PollEnded(
                target="b",
                started=self._clock.time(),
                duration=0.1,
                runs={} if self._by_listing else {run.run_id: run for run in runs},
                scopes=scopes,
            )
        )

    def measure(self, change: Callable[[], Sequence[Run]]) -> float:
        """Return the median of the seconds that a poll takes."""
        taken = []
        for _ in range(TURNS):
            runs = change()
            begun = time.perf_counter()
            self.poll(runs)
            taken.append(time.perf_counter() - begun)
        return middle_of(taken)


if __name__ == "__main__":
    of = int(sys.argv[1])
    print(json.dumps({"by_id": one_run(of), "by_view": one_run_of_views(of)}))
