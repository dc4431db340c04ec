"""The Data Catalog behind the operations: moto's databases and tables, and the runs beside them.

Each simulation has backends of its own, one per catalog and region, outside of moto's global ones:
several simulations in one process see nothing of each other.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.glue.models import FakeDatabase, FakeTable, GlueBackend

from exporter.simulated_glue.changes import ICEBERG, Source, snapshot_id
from exporter.simulated_glue.runbook import RunBook

_VIEW_MEMBERS = frozenset(
    {"RefreshSeconds", "LastRefreshType", "SubObjectVersionIds", "ViewVersionId", "ViewVersionToken"}
)
"""Members that came into the model's ViewDefinition together with materialized views, and so mark one."""


class Tables(GlueBackend):
    """The databases and tables of one catalog in one region, and its runs."""

    def __init__(self, now: Callable[[], float], *, region: str, catalog_id: str, seed: int) -> None:
        # moto's backend takes its account for its catalog; here each catalog has a backend.
        super().__init__(region, catalog_id)
        self.runs = RunBook(now, region=region, catalog_id=catalog_id, seed=seed)
        self.sources: dict[tuple[str, str], Source] = {}
        """What views may read, by database and table."""
        self._now = now

    def arn(self, database: str, table: str) -> str:
        """Return the ARN of a table."""
        account, _, bucket = self.account_id.partition(":")
        path = "/".join(filter(None, (bucket, database, table)))
        return f"arn:aws:glue:{self.region_name}:{account}:table/{path}"

    def create_database(
        self, database_name: str, database_input: dict[str, Any], tags: dict[str, str] | None = None
    ) -> FakeDatabase:
        """Create a database by the simulation's clock."""
        database = super().create_database(database_name, database_input, tags)
        database.created_time = as_moto_keeps_it(self._now())
        return database

    def create_table(
        self,
        database_name: str,
        table_name: str,
        table_input: dict[str, Any],
        open_table_format_input: dict[str, Any] | None = None,
    ) -> FakeTable:
        """Create a table by the simulation's clock; a materialized view may have runs from then on."""
        table = super().create_table(database_name, table_name, table_input, open_table_format_input)
        table.created_time = as_moto_keeps_it(self._now())
        if _is_materialized_view(table_input):
            self.runs.watch_view(database_name, table_name)
        return table

    def delete_table(self, database_name: str, table_name: str) -> None:
        """Delete a table; a materialized view gets no more runs, those that it had stay."""
        super().delete_table(database_name, table_name)
        self.runs.unwatch_view(database_name, table_name)

    def describe(self, table: FakeTable) -> dict[str, Any]:
        """Return moto's table with what it does not know about materialized views and their sources."""
        members: dict[str, Any] = table.as_dict()
        members.setdefault("UpdateTime", table.created_time)
        members["IsMaterializedView"] = _is_materialized_view(members)
        name = table.database_name, table.name
        if members["IsMaterializedView"]:
            members |= self._refreshed(members["ViewDefinition"], *name)
        elif (source := self.sources.get(name)) and source.source_type == ICEBERG:
            # A commit replaces the table's metadata. New files of other tables change nothing in Glue.
            members["UpdateTime"] = as_moto_keeps_it(source.latest(self._now()))
            members["VersionId"] = str(source.version(self._now()))
        return members

    def _refreshed(self, definition: dict[str, Any], database: str, table: str) -> dict[str, Any]:
        """Return the members of a view that its newest refresh has changed."""
        refresh = self.runs.last_refresh(database, table)
        if refresh is None:
            return {}
        changed: dict[str, Any] = {
            "LastRefreshType": refresh.refresh_type,
            "ViewVersionId": snapshot_id(self.arn(database, table), refresh.ended),
        }
        if sources := self.runs.sources(database, table):
            changed["SubObjectsStatistics"] = [source.statistics(refresh.began) for source in sources]
            changed["SubObjectVersionIds"] = [
                source.snapshot_id(refresh.began) for source in sources if source.source_type == ICEBERG
            ]
        return {
            "ViewDefinition": {**definition, **changed},
            "UpdateTime": as_moto_keeps_it(refresh.ended),
        }


def as_moto_keeps_it(unix_time: float) -> datetime:
    """Return UTC without a zone."""
    return datetime.fromtimestamp(unix_time, UTC).replace(tzinfo=None)


def _is_materialized_view(table_input: dict[str, Any]) -> bool:
    return bool(_VIEW_MEMBERS & (table_input.get("ViewDefinition") or {}).keys())


class Account:
    """The state behind the services: the account's catalogs in all regions."""

    def __init__(self, now: Callable[[], float], *, account_id: str, seed: int) -> None:
        self.account_id = account_id
        self.lock = threading.RLock()
        """Held while moto is at work: its backends know nothing of threads."""
        self._now = now
        self._seed = seed
        self._catalogs: dict[tuple[str, str], Tables] = {}

    def catalog(self, region: str, catalog_id: str) -> Tables:
        """Return a catalog in a region; every one that is asked for exists, empty at first."""
        with self.lock:
            if (region, catalog_id) not in self._catalogs:
                catalog = Tables(self._now, region=region, catalog_id=catalog_id, seed=self._seed)
                self._catalogs[region, catalog_id] = catalog
            return self._catalogs[region, catalog_id]
