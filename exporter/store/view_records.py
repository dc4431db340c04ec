"""The tables of remembered views and of the patterns that watch them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.model.view import View
from exporter.store.counting import ViewCounters


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """One remembered view."""

    id: int = 0
    """Its row; 0 before it has one."""
    database: str
    table: str
    creation_time: float | None = None
    refresh_seconds: float | None = None
    described: bool = False
    """Whether the catalog's tables ever told of it; else only its name is known."""
    misses: int = 0
    """Complete listings of tables in a row that did not hold it."""
    baseline_at: float | None = None
    """Unix time of its first complete listing of runs; None: still to come."""
    unwatched_since: float | None = None
    """Unix time since which no configuration watches it; None: watched."""
    forgotten_failures: int = 0
    """Failed runs that are no longer remembered one by one, and were part of its row of failures."""
    forgotten_after: str | None = None
    """The run ID of the success that they followed; None: they followed none."""
    counters: ViewCounters = field(default_factory=ViewCounters)

    def same_as(self, view: View) -> bool:
        """Tell whether this is what the catalog's tables tell now."""
        return (self.described, self.misses, self.creation_time, self.refresh_seconds) == (
            True,
            0,
            view.creation_time,
            view.refresh_seconds,
        )


_COLUMNS = (
    "database, table_name, creation_time, refresh_seconds, described, misses, baseline_at,"
    " unwatched_since, forgotten_failures, forgotten_after, counters"
)


class ViewRecords:
    """The views and patterns of one catalog. Used within the store's transactions."""

    def __init__(self, connection: sqlite3.Connection, catalog: int, *, saved_in: str) -> None:
        """``saved_in``: the schema that survives, ``disk`` or (where there is none) ``main``."""
        self._connection = connection
        self._catalog = catalog
        self._saved_in = saved_in

    def all(self) -> list[ViewRecord]:
        """Return every remembered view, the unwatched ones included."""
        rows = self._connection.execute(
            f"SELECT id, {_COLUMNS} FROM views WHERE catalog = ?",  # noqa: S608 (our own names)
            [self._catalog],
        )
        return [
            ViewRecord(
                id=row[0],
                database=row[1],
                table=row[2],
                creation_time=row[3],
                refresh_seconds=row[4],
                described=bool(row[5]),
                misses=row[6],
                baseline_at=row[7],
                unwatched_since=row[8],
                forgotten_failures=row[9],
                forgotten_after=row[10],
                counters=ViewCounters.load(row[11]),
            )
            for row in rows
        ]

    def saved_counters(self, database: str, table: str) -> ViewCounters:
        """Return a view's counters as they would survive a crash at this moment."""
        row = self._connection.execute(
            f"SELECT counters FROM {self._saved_in}.views"  # noqa: S608 (our own name)
            " WHERE catalog = ? AND database = ? AND table_name = ?",
            [self._catalog, database, table],
        ).fetchone()
        return ViewCounters.load(row[0]) if row else ViewCounters()

    def put(self, view: ViewRecord) -> int:
        """Remember a view, or what is new of it. Returns its row."""
        row = self._connection.execute(
            f"INSERT INTO views (catalog, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 (our own names)
            " ON CONFLICT (catalog, database, table_name) DO UPDATE SET"
            " creation_time = excluded.creation_time, refresh_seconds = excluded.refresh_seconds,"
            " described = excluded.described, misses = excluded.misses, baseline_at = excluded.baseline_at,"
            " unwatched_since = excluded.unwatched_since,"
            " forgotten_failures = excluded.forgotten_failures, forgotten_after = excluded.forgotten_after,"
            " counters = excluded.counters RETURNING id",
            [
                self._catalog,
                view.database,
                view.table,
                view.creation_time,
                view.refresh_seconds,
                view.described,
                view.misses,
                view.baseline_at,
                view.unwatched_since,
                view.forgotten_failures,
                view.forgotten_after,
                view.counters.dump(),
            ],
        ).fetchone()
        return int(row[0])

    def forget(self, view: int) -> None:
        """Forget a view for good."""
        self._connection.execute("DELETE FROM views WHERE id = ?", [view])

    def watch_patterns(
        self, patterns: Iterable[tuple[str, str]], now: float, *, alone: bool
    ) -> dict[tuple[str, str], float]:
        """Keep these patterns (``alone``: no others), and return since when (Unix time) each is watched."""
        wanted = set(patterns)
        rows = self._connection.execute(
            "SELECT id, database, table_name, since FROM patterns WHERE catalog = ?", [self._catalog]
        ).fetchall()
        known = {(database, table): since for _, database, table, since in rows}
        for row, database, table, _ in rows:
            if alone and (database, table) not in wanted:
                self._connection.execute("DELETE FROM patterns WHERE id = ?", [row])
        for database, table in wanted - known.keys():
            self._connection.execute(
                "INSERT INTO patterns (catalog, database, table_name, since) VALUES (?, ?, ?, ?)",
                [self._catalog, database, table, now],
            )
        return {pattern: known.get(pattern, now) for pattern in wanted}
