"""The refresh task runs of one catalog in one region, and the views that make them."""

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.simulated_glue.clock import Clock
from exporter.simulated_glue.errors import ServiceError, not_found
from exporter.simulated_glue.script import RunScript, RunStatus, ScriptedRun

Plan = Callable[[int], RunScript]
"""Tells how a view's runs go: the ordinal of a run, from 0, to its script."""


def always(script: RunScript) -> Plan:
    """Return the plan by which every run goes the same way."""
    return lambda _ordinal: script


class ListingOrder(StrEnum):
    """The order of a listing; that of Glue is undocumented, so a client must stand any."""

    NEWEST_FIRST = "newest first"
    OLDEST_FIRST = "oldest first"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a view gets runs by itself. Times are in seconds."""

    first: float
    """Unix time of the first run."""
    every: float
    until: float | None = None
    """Unix time after which no more runs begin: the view is overdue from then on."""
    keep: int = 100
    """How many of these runs are remembered, the newest ones: a demo may go on for weeks."""


@dataclass(slots=True, kw_only=True)
class _View:
    """What makes the runs of one view."""

    plan: Plan
    schedule: Schedule | None
    next_ordinal: int = 0
    next_manual: int = 0


class RunBook:
    """Holds the runs; safe to share between threads.

    Run IDs are made of the seed, the place and a number, so that they are the same in every process,
    and those of scheduled runs are known in advance.
    """

    def __init__(self, clock: Clock, *, region: str, catalog_id: str, seed: int) -> None:
        self.region = region
        self.catalog_id = catalog_id
        self.listing_order = ListingOrder.NEWEST_FIRST
        self.active_runs_limit = 50
        """How many runs may be active at once before StartMaterializedViewRefreshTaskRun refuses more."""
        self._clock = clock
        self._seed = seed
        self._lock = threading.RLock()
        self._runs: dict[str, ScriptedRun] = {}
        self._runs_of: dict[tuple[str, str], dict[str, ScriptedRun]] = {}
        self._views: dict[tuple[str, str], _View] = {}

    # Set by tests and scenarios.

    def watch_view(
        self, database: str, table: str, *, plan: Plan | None = None, schedule: Schedule | None = None
    ) -> None:
        """Tell how the runs of a materialized view go, and when it gets some by itself."""
        with self._lock:
            self._views[database, table] = _View(plan=plan or always(RunScript()), schedule=schedule)

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
                role=f"arn:aws:iam::{self.catalog_id.partition(':')[0]}:role/MaterializedViewDefiner",
                created=self._clock.time() if created is None else created,
                script=script or RunScript(),
            )
            if run.run_id in self._runs:
                raise ValueError(f"there is a run {run.run_id} already")
            self._runs[run.run_id] = run
            self._runs_of.setdefault((database, table), {})[run.run_id] = run
            return run.run_id

    def scheduled_run_id(self, database: str, table: str, ordinal: int) -> str:
        """Return the ID that a view's scheduled run has, or will have; the first one is number 0."""
        return self._new_id(database, table, f"scheduled {ordinal}")

    def set_members(self, run_id: str, members: Mapping[str, object]) -> None:
        """Let a run's record have these raw members from now on, whatever its script says."""
        with self._lock:
            run = self._runs[run_id]
            run.script = replace(run.script, members={**run.script.members, **members})

    def forget_run(self, run_id: str) -> None:
        """Let Glue forget a run."""
        with self._lock:
            run = self._runs.pop(run_id)
            del self._runs_of[run.database, run.table][run_id]

    # Asked by the service's operations.

    def record(self, run_id: str) -> dict[str, object]:
        """Return a run's record. Raises ServiceError for one that does not exist here and now."""
        with self._lock:
            now = self._advance()
            run = self._runs.get(run_id)
            if run is None or run.created > now:
                raise not_found(f"Materialized view refresh task run {run_id} not found.")
            return run.record(now)

    def runs(self, database: str | None = None, table: str | None = None) -> list[ScriptedRun]:
        """Return the runs that exist by now, in the listing's order."""
        with self._lock:
            now = self._advance()
            if database is not None and table is not None:
                candidates = self._runs_of.get((database, table), {}).values()
            else:
                candidates = self._runs.values()
            found = [run for run in candidates if run.created <= now and database in (None, run.database)]
            if self.listing_order is ListingOrder.SHUFFLED:
                return sorted(found, key=lambda run: hashlib.sha256(run.run_id.encode()).digest())
            newest_first = self.listing_order is ListingOrder.NEWEST_FIRST
            return sorted(found, key=lambda run: (run.created, run.run_id), reverse=newest_first)

    def records(self, runs: Sequence[ScriptedRun]) -> list[dict[str, object]]:
        """Return the records of these runs, all of one moment."""
        with self._lock:
            now = self._clock.time()
            return [run.record(now) for run in runs]

    def last_refresh_type(self, database: str, table: str) -> str | None:
        """Return the refresh type of a view's newest succeeded run."""
        with self._lock:
            now = self._advance()
            succeeded = [
                run
                for run in self._runs_of.get((database, table), {}).values()
                if run.created <= now and run.status(now) is RunStatus.SUCCEEDED
            ]
            newest = max(succeeded, key=lambda run: run.ended, default=None)
            return newest.script.refresh_type if newest else None

    def start(self, database: str, table: str, *, full_refresh: bool | None) -> str:
        """Start a run of a view by its plan and return the run's ID. Raises ServiceError."""
        with self._lock:
            now = self._advance()
            if any(self._active_runs(now, database, table)):
                raise ServiceError(
                    "MaterializedViewRefreshTaskRunningException",
                    f"A refresh task of materialized view {database}.{table} is already running.",
                )
            if sum(1 for _ in self._active_runs(now)) >= self.active_runs_limit:
                raise ServiceError(
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
        """Tell a view's run to stop. Raises ServiceError."""
        with self._lock:
            now = self._advance()
            run = next(self._active_runs(now, database, table), None)
            if run is None:
                raise ServiceError(
                    "MaterializedViewRefreshTaskNotRunningException",
                    f"No refresh task of materialized view {database}.{table} is running.",
                )
            if run.stop_requested is not None:
                raise ServiceError(
                    "MaterializedViewRefreshTaskStoppingException",
                    f"The refresh task of materialized view {database}.{table} is already stopping.",
                )
            run.stop_requested = now

    def _active_runs(
        self, now: float, database: str | None = None, table: str | None = None
    ) -> Iterator[ScriptedRun]:
        if database is None or table is None:
            candidates = self._runs.values()
        else:
            candidates = self._runs_of.get((database, table), {}).values()
        return (run for run in candidates if run.active(now))

    def _advance(self) -> float:
        """Make the scheduled runs that are due, forget the oldest of them, and return the time."""
        now = self._clock.time()
        for (database, table), view in self._views.items():
            if view.schedule is not None:
                self._make_due_runs(database, table, view, view.schedule, now)
        return now

    def _make_due_runs(self, database: str, table: str, view: _View, schedule: Schedule, now: float) -> None:
        latest = now if schedule.until is None else min(now, schedule.until)
        due = int((latest - schedule.first) // schedule.every) + 1
        forgotten = due - schedule.keep
        for ordinal in range(max(view.next_ordinal - schedule.keep, 0), min(view.next_ordinal, forgotten)):
            run_id = self.scheduled_run_id(database, table, ordinal)
            if run_id in self._runs:
                self.forget_run(run_id)
        for ordinal in range(max(view.next_ordinal, forgotten), due):
            created = schedule.first + ordinal * schedule.every
            if not any(self._active_runs(created, database, table)):
                run_id = self.scheduled_run_id(database, table, ordinal)
                self.add_run(database, table, view.plan(ordinal), created=created, run_id=run_id)
        view.next_ordinal = max(view.next_ordinal, due)

    def _new_id(self, database: str, table: str, number: str) -> str:
        place = (str(self._seed), self.region, self.catalog_id, database, table, number)
        return str(uuid.UUID(bytes=hashlib.sha256("\0".join(place).encode()).digest()[:16], version=4))
