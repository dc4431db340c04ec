"""One catalog: moto's databases and tables, and the refresh task runs that moto does not know.

Views, sources and runs are named ``database.table``. Times are Unix times.
"""

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from moto.glue.exceptions import EntityNotFoundException
from moto.glue.models import FakeTable, GlueBackend

from exporter.simulated_glue.runs import Plan, Run, RunScript, RunStatus, Schedule

KEPT_RUNS = 100
"""Scheduled runs of a view that are remembered, the newest ones: a demo may go on for weeks."""


class Catalog(GlueBackend):
    """The databases, tables and runs of one catalog in one region."""

    def __init__(self, now: Callable[[], float], region: str, catalog_id: str) -> None:
        # moto's backend takes its account for its catalog; here each catalog has a backend.
        super().__init__(region, catalog_id)
        self.now = now
        self._sources: dict[str, _Source] = {}
        self._views: dict[str, _View] = {}

    def add_source(self, name: str, *, commits: Schedule | None = None, created: float | None = None) -> None:
        """Add an Iceberg table for views to read, to which data is committed as scheduled."""
        self._sources[name] = source = _Source(self, name, created, commits)
        self._add(source)

    def add_view(
        self,
        name: str,
        *,
        refresh_seconds: int | None = None,
        plan: Plan = lambda _: RunScript(),
        schedule: Schedule | None = None,
        sources: Sequence[str] = (),
        elsewhere: Schedule | None = None,
        managed: bool = False,
        owner: str | None = None,
        created: float | None = None,
    ) -> None:
        """Add a materialized view.

        ``refresh_seconds`` is what GetTables reports; runs come by themselves only with a ``schedule``, and
        only if one of the ``sources`` (added before) has changed since the last refresh began; without
        sources, always. ``elsewhere``: when it is refreshed by a Spark session, say, which leaves no run.
        """
        read = [self._sources[source] for source in sources]
        definition: dict[str, Any] = {
            "IsManaged": managed,
            "ViewVersionId": -1,  # Iceberg's own word for a table without a snapshot
        }
        if read:
            definition["SubObjects"] = [source.arn for source in read]
        if refresh_seconds is not None:
            definition["RefreshSeconds"] = refresh_seconds
        members = {"ViewDefinition": definition, **({"Owner": owner} if owner else {})}
        self._views[name] = view = _View(
            self, name, created, members, plan=plan, schedule=schedule, sources=read, elsewhere=elsewhere
        )
        self._add(view)

    def add_run(self, name: str, script: RunScript | None = None, *, created: float | None = None) -> str:
        """Add a run of a view and return its ID; one that is ``created`` later is unknown until then."""
        view = self._views[name]
        run = view.make_run(f"added {len(view.added)}", created, script or RunScript())
        view.added.append(run)
        return run.run_id

    def record(self, run_id: str) -> dict[str, object]:
        """Return a run's record. Raises EntityNotFoundException for one that does not exist here and now."""
        if run_id not in (records := self.records()):
            raise EntityNotFoundException(f"Materialized view refresh task run {run_id} not found.")
        return records[run_id]

    def records(self, database: str | None = None, table: str | None = None) -> dict[str, dict[str, object]]:
        """Return the records of the runs that exist by now, by run ID, newest first."""
        now = self.now()
        found = [
            run
            for view in self._views.values()
            if database in (None, view.database_name) and table in (None, view.name)
            for run in view.runs(now)
        ]
        found.sort(key=lambda run: (run.created, run.run_id), reverse=True)
        return {run.run_id: run.record(now) for run in found}

    def _add(self, table: "_Table") -> None:
        if table.database_name not in self.databases:
            self.create_database(table.database_name, {"Name": table.database_name})
        self.databases[table.database_name].tables[table.name] = table


class _Table(FakeTable):
    """A table of moto's that is created, and changes, by the simulation's clock."""

    def __init__(
        self, catalog: Catalog, name: str, created: float | None, table_input: dict[str, Any]
    ) -> None:
        database, _, table = name.partition(".")
        super().__init__(database, table, table_input, catalog.account_id)
        self.catalog = catalog
        self.created = catalog.now() if created is None else created
        self.created_time = datetime.fromtimestamp(self.created, UTC)

    def changed(self, now: float) -> float:
        """Return when the catalog's entry of it last changed."""
        raise NotImplementedError

    def as_dict(self, version: str | None = None) -> dict[str, Any]:
        """Return the table as Glue reports it."""
        return {
            **super().as_dict(version),
            "IsMaterializedView": isinstance(self, _View),
            "UpdateTime": datetime.fromtimestamp(self.changed(self.catalog.now()), UTC),
        }


class _Source(_Table):
    """An Iceberg table that views read: a commit replaces its metadata, and so changes its entry."""

    def __init__(self, catalog: Catalog, name: str, created: float | None, commits: Schedule | None) -> None:
        super().__init__(catalog, name, created, {"Parameters": {"table_type": "ICEBERG"}})
        self._commits = commits

    @property
    def arn(self) -> str:
        account, _, bucket = self.catalog.account_id.partition(":")
        path = "/".join(filter(None, (bucket, self.database_name, self.name)))
        return f"arn:aws:glue:{self.catalog.region_name}:{account}:table/{path}"

    def changed(self, now: float) -> float:
        commit = self._commits.latest(now) if self._commits else None
        return self.created if commit is None else commit


class _View(_Table):
    """A materialized view and its runs."""

    def __init__(
        self,
        catalog: Catalog,
        name: str,
        created: float | None,
        table_input: dict[str, Any],
        *,
        plan: Plan,
        schedule: Schedule | None,
        sources: Sequence[_Source],
        elsewhere: Schedule | None,
    ) -> None:
        super().__init__(catalog, name, created, table_input)
        self._plan = plan
        self._schedule = schedule
        self._sources = sources
        self._elsewhere = elsewhere
        self.added: list[Run] = []
        self._scheduled: deque[Run] = deque(maxlen=KEPT_RUNS)
        self._next_turn = 0

    def make_run(self, number: str, created: float | None, script: RunScript) -> Run:
        """Return a run whose ID is the same in every process."""
        catalog = self.catalog
        place = (catalog.region_name, catalog.account_id, self.database_name, self.name, number)
        return Run(
            run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(place))),
            catalog_id=catalog.account_id,
            database=self.database_name,
            table=self.name,
            created=catalog.now() if created is None else created,
            script=script,
        )

    def runs(self, now: float) -> list[Run]:
        """Return the runs that exist by now; those that are due by the schedule begin."""
        if self._schedule:
            turns = self._schedule.turns(now)
            for ordinal in range(max(self._next_turn, turns - KEPT_RUNS), turns):
                turn = self._schedule.turn(ordinal)
                if not self._is_skipped(turn):
                    self._scheduled.append(self.make_run(f"scheduled {ordinal}", turn, self._plan(ordinal)))
            self._next_turn = turns
        return self._known(now)

    def changed(self, now: float) -> float:
        self.runs(now)
        refresh = self._last_refresh(now)
        return refresh.ended if refresh else self.created

    def as_dict(self, version: str | None = None) -> dict[str, Any]:
        """Return the view with the snapshots of its last refresh: its own and those that it read."""
        members = super().as_dict(version)
        if refresh := self._last_refresh(self.catalog.now()):
            members["ViewDefinition"] = {
                **members["ViewDefinition"],
                "ViewVersionId": _snapshot_id(refresh.ended),
                "SubObjectVersionIds": [_snapshot_id(one.changed(refresh.started)) for one in self._sources],
                "SubObjectsStatistics": [{"SourceType": "ICEBERG"} for _ in self._sources],
            }
        return members

    def _known(self, now: float) -> list[Run]:
        return [run for run in chain(self.added, self._scheduled) if run.created <= now]

    def _is_skipped(self, turn: float) -> bool:
        """Return whether a run is in progress, or no source has changed since the last refresh began."""
        if any(turn < run.ended for run in self._known(turn)):
            return True
        refresh = self._last_refresh(turn)
        if refresh is None or not self._sources:
            return False
        return all(source.changed(turn) <= refresh.started for source in self._sources)

    def _last_refresh(self, now: float) -> Run | None:
        """Return the last refresh that succeeded, as a run where it had none: it began when it started."""
        done = [run for run in self._known(now) if run.status(now) is RunStatus.SUCCEEDED]
        if self._elsewhere and (at := self._elsewhere.latest(now)) is not None:
            done.append(self.make_run("elsewhere", at, RunScript(start_delay=0, duration=0)))
        return max(done, key=lambda run: run.ended, default=None)


def _snapshot_id(committed: float) -> int:
    """Return an ID for the snapshot that a table got at this time."""
    return round(committed * 1000)
