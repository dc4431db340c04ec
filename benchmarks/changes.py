"""What a change costs, from the poll's outcome to the new snapshot: ``python -m benchmarks.changes …``.

In one process, without Glue and without a network: ``runs N`` commits one changed run among N ended ones,
``views N`` commits fifty changed runs among the newest of N views. Prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from benchmarks.lifelike import ACCOUNT, REGION, records, view_records, views
from benchmarks.results import middle_of
from exporter.clock import SystemClock
from exporter.glue.record import parse_run
from exporter.metrics import Exposition
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import View
from exporter.store.outcome import Discovery, ListingRead, PollOutcome
from exporter.store.series import SeriesChanges
from exporter.store.store import Store
from tests.support.operations import counted

_ACCESS = Access(aws_region=REGION)
TURNS = 40
CHANGED_VIEWS = 50


def one_run(runs: int) -> dict[str, float]:
    """Return the seconds that a commit of one changed run takes, of which the exposition's part."""
    loaded = [parse_run(record) for record in records(runs, active=1)]
    watched = _Watched(
        Target(
            name="b",
            access=Access(aws_region=REGION),
            catalog_id=ACCOUNT,
            run_ids=tuple(run.run_id for run in loaded),
        )
    )
    watched.commit(runs=loaded)
    turn = count(1)
    return watched.measure(lambda: {"runs": [loaded[0]._replace(dpu_seconds=float(next(turn)))]})


def fifty_views(number: int, turns: int = TURNS) -> dict[str, float]:
    """Return the seconds that a commit of fifty views' changed newest runs takes."""
    loaded = [parse_run(record) for record in view_records(number, active_share=number // CHANGED_VIEWS)]
    going_on = [run for run in loaded if not run.ended]
    assert len(going_on) == CHANGED_VIEWS
    target = Target(
        name="b",
        access=Access(aws_region=REGION),
        catalog_id=ACCOUNT,
        views=(ViewPattern(database="*", table="*"),),
    )
    watched = _Watched(target)
    found = tuple(
        View(database=database, table=table, refresh_seconds=3600.0) for database, table in views(number)
    )
    watched.commit(
        discovery=Discovery(views=found, databases=frozenset(view.database for view in found)),
        listing=loaded,
    )
    turn = count(1)
    return watched.measure(
        lambda: {"listing": [run._replace(dpu_seconds=float(next(turn))) for run in going_on]}, turns
    )


class _Watched:
    """A store and its exposition, with one target."""

    def __init__(self, target: Target) -> None:
        self._clock = SystemClock()
        self._exposition = Exposition(self._clock)
        self._encoding = 0.0
        self._store = Store(self._clock, [self._apply])
        self._store.configure(Settings(targets=(target,)))

    def commit(
        self,
        *,
        runs: Sequence[Run] = (),
        listing: Sequence[Run] | None = None,
        discovery: Discovery | None = None,
    ) -> None:
        """Take in a poll that read this."""
        read = () if listing is None else (ListingRead(runs=tuple(listing), complete=discovery is not None),)
        self._store.commit(
            PollOutcome(
                target="b",
                started=self._clock.time(),
                duration=0.1,
                discovery=discovery,
                listings=read,
                runs={run.run_id: run for run in runs},
            )
        )

    def measure(self, change: Callable[[], dict[str, Any]], turns: int = TURNS) -> dict[str, float]:
        """Return the seconds of a commit, of which the exposition's, and how many items it encoded."""
        whole, encoding_alone = [], []
        for _ in range(turns):
            changed = change()
            self._encoding = 0.0
            begun = time.perf_counter()
            self.commit(**changed)
            whole.append(time.perf_counter() - begun)
            encoding_alone.append(self._encoding)
        changed = change()
        with counted() as done:
            self.commit(**changed)
        return {
            "commit": middle_of(whole),
            "exposition": middle_of(encoding_alone),
            # Beside them, the target's own series.
            "items_encoded": done.items_encoded - 1,
            "bytes_encoded": done.bytes_encoded,
        }

    def _apply(self, changes: SeriesChanges) -> None:
        begun = time.perf_counter()
        self._exposition.apply(changes)
        self._encoding = time.perf_counter() - begun


if __name__ == "__main__":
    kind, number = sys.argv[1], int(sys.argv[2])
    print(json.dumps(one_run(number) if kind == "runs" else fifty_views(number)))
