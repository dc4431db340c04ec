"""The refresh task runs of one catalog in one region, and the views that make them."""

import hashlib
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from moto.core.exceptions import JsonRESTError
from moto.glue.exceptions import EntityNotFoundException

from exporter.simulated_glue.changes import Source
from exporter.simulated_glue.script import Plan, RunScript, RunStatus, Schedule, ScriptedRun

ACTIVE_RUNS_LIMIT = 50
"""How many runs may be active at once before StartMaterializedViewRefreshTaskRun refuses more."""


@dataclass(slots=True, kw_only=True)
class _View:
    """What makes the runs of one view."""

    plan: Plan = lambda _: RunScript()
    schedule: Schedule | None = None
    sources: tuple[Source, ...] = ()
    elsewhere: Schedule | None = None
    next_ordinal: int = 0
    next_manual: int = 0
    scheduled: deque[str] = field(default_factory=deque)
    """The IDs of the scheduled runs that are remembered, the oldest first."""


class Refresh(NamedTuple):
    """A refresh that succeeded. Unix times."""

    began: float
    """When it read the sources."""
    ended: float
    refresh_type: str


class RunBook:
    """Holds the runs; safe to share between threads.

    Run IDs are made of the seed, the place and a number, so that they are the same in every process, and
    those of scheduled runs are known in advance.
    """

    def __init__(self, now: Callable[[], float], *, region: str, catalog_id: str, seed: int) -> None:
        self.region = region
        self.catalog_id = catalog_id
        self._now = now
        self._seed = seed
        self._lock = threading.RLock()
        self._runs: dict[str, ScriptedRun] = {}
        self._runs_of: dict[tuple[str, str], dict[str, ScriptedRun]] = {}
        self._views: dict[tuple[str, str], _View] = {}

    def watch_view(
        self,
        database: str,
        table: str,
        *,
        plan: Plan = lambda _: RunScript(),
        schedule: Schedule | None = None,
        sources: Sequence[Source] = (),
        elsewhere: Schedule | None = None,
    ) -> None:
        """Set how the runs of a materialized view go, and when it gets some by itself.

        A scheduled run is skipped while none of the ``sources`` has changed since the last refresh began.
        ``elsewhere``: when the view is refreshed by a Spark session or by Redshift, which leaves no run.
        """
        with self._lock:
            self._views[database, table] = _View(
                plan=plan, schedule=schedule, sources=tuple(sources), elsewhere=elsewhere
            )

    def unwatch_view(self, database: str, table: str) -> None:
        """Make no more runs of a view that is gone; those that it had stay."""
        with self._lock:
            self._views.pop((database, table), None)

    def add_run(
        self,
        database: str,
        table: str,
        script: RunScript | None = None,
        *,
        created: float | None = None,
        run_id: str | None = None,
    ) -> str:
        """Add a run and return its ID; one that is ``created`` later than now is unknown until then."""
        with self._lock:
            run = ScriptedRun(
                run_id=run_id or self._new_id(database, table, f"added {len(self._runs)}"),
                catalog_id=self.catalog_id,
                database=database,
                table=table,
                created=self._now() if created is None else created,
                script=script or RunScript(),
            )
            self._runs[run.run_id] = run
            self._runs_of.setdefault((database, table), {})[run.run_id] = run
            return run.run_id

    def scheduled_run_id(self, database: str, table: str, ordinal: int) -> str:
        """Return the ID that a view's scheduled run has, or will have; the first one is number 0."""
        return self._new_id(database, table, f"scheduled {ordinal}")

    def record(self, run_id: str) -> dict[str, object]:
        """Return a run's record. Raises EntityNotFoundException for one that does not exist here and now."""
        with self._lock:
            now = self._advance()
            run = self._runs.get(run_id)
            if run is None or run.created > now:
                raise EntityNotFoundException(f"Materialized view refresh task run {run_id} not found.")
            return run.record(now)

    def records(self, database: str | None = None, table: str | None = None) -> dict[str, dict[str, object]]:
        """Return the records of the runs that exist by now, by run ID, newest first."""
        with self._lock:
            now = self._advance()
            found = [run for run in self._of(database, table) if run.created <= now]
            found.sort(key=lambda run: (run.created, run.run_id), reverse=True)
            return {run.run_id: run.record(now) for run in found}

    def last_refresh(self, database: str, table: str) -> Refresh | None:
        """Return the newest refresh of a view that succeeded, whether or not it has a run."""
        with self._lock:
            return self._last_refresh(database, table, self._advance())

    def sources(self, database: str, table: str) -> tuple[Source, ...]:
        """Return what a materialized view reads."""
        return self._views[database, table].sources

    def start(self, database: str, table: str, *, full_refresh: bool | None) -> str:
        """Start a run of a view by its plan and return the run's ID. Raises JsonRESTError."""
        with self._lock:
            now = self._advance()
            if any(self._active(now, database, table)):
                raise JsonRESTError(
                    "MaterializedViewRefreshTaskRunningException",
                    f"A refresh task of materialized view {database}.{table} is already running.",
                )
            if sum(1 for _ in self._active(now)) >= ACTIVE_RUNS_LIMIT:
                raise JsonRESTError(
                    "ResourceNumberLimitExceededException",
                    "The limit of concurrent materialized view refresh task runs is exceeded.",
                )
            view = self._views[database, table]
            script = view.plan(view.next_manual)
            view.next_manual += 1
            if full_refresh is not None:
                script = replace(script, refresh_type="FULL" if full_refresh else "INCREMENTAL")
            return self.add_run(database, table, script)

    def stop(self, database: str, table: str) -> None:
        """Let a view's run end as STOPPED. Raises JsonRESTError."""
        with self._lock:
            now = self._advance()
            run = next(self._active(now, database, table), None)
            if run is None:
                raise JsonRESTError(
                    "MaterializedViewRefreshTaskNotRunningException",
                    f"No refresh task of materialized view {database}.{table} is running.",
                )
            if run.stop_requested is not None:
                raise JsonRESTError(
                    "MaterializedViewRefreshTaskStoppingException",
                    f"The refresh task of materialized view {database}.{table} is already stopping.",
                )
            run.stop_requested = now

    def _of(self, database: str | None, table: str | None) -> Iterator[ScriptedRun]:
        """Yield the runs of a view, of a database or of all of the catalog."""
        if database is not None and table is not None:
            yield from self._runs_of.get((database, table), {}).values()
        else:
            yield from (run for run in self._runs.values() if database in (None, run.database))

    def _active(
        self, now: float, database: str | None = None, table: str | None = None
    ) -> Iterator[ScriptedRun]:
        return (run for run in self._of(database, table) if run.active(now))

    def _last_refresh(self, database: str, table: str, now: float) -> Refresh | None:
        refreshes = [
            Refresh(run.started, run.ended, run.script.refresh_type)
            for run in self._of(database, table)
            if run.status(now) is RunStatus.SUCCEEDED
        ]
        elsewhere = self._views[database, table].elsewhere
        if elsewhere and (at := elsewhere.latest(now)) is not None:
            refreshes.append(Refresh(at, at, "INCREMENTAL"))
        return max(refreshes, key=lambda refresh: refresh.ended, default=None)

    def _nothing_to_do(self, database: str, table: str, view: _View, now: float) -> bool:
        """Return whether no source has changed since the newest refresh began."""
        refresh = self._last_refresh(database, table, now)
        if refresh is None or not view.sources:
            return False
        return all(source.latest(now) <= refresh.began for source in view.sources)

    def _advance(self) -> float:
        """Make the scheduled runs that are due, forget the oldest of them, and return the time."""
        now = self._now()
        for (database, table), view in self._views.items():
            if view.schedule is not None:
                self._make_due_runs(database, table, view, view.schedule, now)
        return now

    def _make_due_runs(self, database: str, table: str, view: _View, schedule: Schedule, now: float) -> None:
        due = schedule.turns(now)
        for ordinal in range(max(view.next_ordinal, due - schedule.keep), due):
            created = schedule.turn(ordinal)
            if any(self._active(created, database, table)):
                continue
            if self._nothing_to_do(database, table, view, created):
                continue
            run_id = self.scheduled_run_id(database, table, ordinal)
            self.add_run(database, table, view.plan(ordinal), created=created, run_id=run_id)
            view.scheduled.append(run_id)
            if len(view.scheduled) > schedule.keep:
                forgotten = view.scheduled.popleft()
                del self._runs[forgotten], self._runs_of[database, table][forgotten]
        view.next_ordinal = max(view.next_ordinal, due)

    def _new_id(self, database: str, table: str, number: str) -> str:
        place = (str(self._seed), self.region, self.catalog_id, database, table, number)
        return str(uuid.UUID(bytes=hashlib.sha256("\0".join(place).encode()).digest()[:16], version=4))
