"""The table of remembered runs: what Glue reported last, and what has been counted of it."""

import json
import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from exporter.model.run import Run, Status
from exporter.store.counting import BASELINE, Counted

READS_UNTIL_GONE = 2
"""So many complete reads in a row must miss an unsettled run before its values go."""

_RUN_COLUMNS = (
    "run_id", "database", "table_name", "status", "refresh_type", "role", "customer_id", "error_message",
    "creation_time", "start_time", "end_time", "last_updated", "dpu_seconds", "processed_bytes",
)  # fmt: skip
"""In the order of the fields of Run."""
_MARK_COLUMNS = (
    "view", "ended", "settled", "first_seen_ended", "misses", "unlisted_since", "counted",
)  # fmt: skip
_COLUMNS = ", ".join((*_RUN_COLUMNS, *_MARK_COLUMNS))
_NEWEST_FIRST = "creation_time DESC, start_time DESC, last_updated DESC, run_id DESC"
_THERE = f"NOT (settled = 0 AND misses >= {READS_UNTIL_GONE})"
"""Holds for runs that have values to show: all but the unsettled ones that Glue no longer finds."""
WORTH_SORTING_ALL = 4
"""To sort all runs takes less time than to look for this part of them."""
_AT_ONCE = 500
"""Run IDs in one query; SQLite's own bound on parameters is higher everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One remembered run."""

    run: Run
    view: int | None = None
    """The view's row; None for a run that is watched by its ID alone."""
    settled: bool = False
    first_seen_ended: float | None = None
    """Unix time."""
    misses: int = 0
    """Complete reads in a row that did not find it, while it was unsettled."""
    unlisted_since: float | None = None
    """Unix time since which no complete listing holds it, or (without a view) nobody watches it."""
    counted: Counted | None = None

    @property
    def there(self) -> bool:
        """Whether it has values to show."""
        return self.settled or self.misses < READS_UNTIL_GONE


class RunRecords:
    """The runs of one catalog. Used within the store's transactions."""

    def __init__(self, connection: sqlite3.Connection, catalog: int) -> None:
        self._connection = connection
        self._catalog = catalog

    def get(self, run_ids: Iterable[str]) -> dict[str, RunRecord]:
        """Return those of the named runs that are remembered."""
        found: dict[str, RunRecord] = {}
        wanted = list(run_ids)
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for record in self._select(f"run_id IN ({marks})", some):
                found[record.run.run_id] = record
        return found

    def there(self, run_ids: Sequence[str]) -> dict[str, Run]:
        """Return what Glue reported of those of the named runs that have values to show; 500 at the most."""
        marks = ",".join("?" * len(run_ids))
        rows = self._connection.execute(
            f"SELECT {', '.join(_RUN_COLUMNS)} FROM runs"  # noqa: S608 (our own names)
            f" WHERE catalog = ? AND run_id IN ({marks}) AND {_THERE}",
            [self._catalog, *run_ids],
        )
        return {row[0]: Run._make(row) for row in rows}

    def settled(self) -> set[str]:
        """Return the IDs of the settled runs."""
        # In one answer: 100,000 rows of one text each take twice as long.
        query = "SELECT json_group_array(run_id) FROM runs WHERE catalog = ? AND settled = 1"
        (run_ids,) = self._connection.execute(query, [self._catalog]).fetchone()
        return set(json.loads(run_ids))

    def with_views(self) -> list[tuple[str, tuple[str, str]]]:
        """Return the ID of every run that tells its database and table, and these."""
        rows = self._connection.execute(
            "SELECT run_id, database, table_name FROM runs"
            " WHERE catalog = ? AND database IS NOT NULL AND table_name IS NOT NULL",
            [self._catalog],
        )
        return [(run_id, (database, table)) for run_id, database, table in rows]

    def rows_by_table(self, run_ids: Collection[str]) -> "array[int]":
        """Return the rows of those of the named runs that are remembered.

        Those of a table follow each other, by age.
        """
        (remembered,) = self._connection.execute(
            "SELECT COUNT(*) FROM runs WHERE catalog = ?", [self._catalog]
        ).fetchone()
        few = len(run_ids) < remembered / WORTH_SORTING_ALL
        some = " AND run_id IN (SELECT value FROM json_each(?))" if few else ""
        rows = self._connection.execute(
            f"SELECT id, run_id FROM runs WHERE catalog = ?{some}"  # noqa: S608 (our own text)
            " ORDER BY database, table_name, creation_time",
            [self._catalog, *([json.dumps(list(run_ids))] if few else ())],
        )
        return array("q", (row for row, run_id in rows if run_id in run_ids))

    def in_rows(self, rows: Sequence[int]) -> list[Run]:
        """Return what Glue reported of the runs in these rows, in their order; of 500 at the most.

        Those that have no values to show are left out.
        """
        found = {
            values[-1]: values[:-1]
            for values in self._connection.execute(
                f"SELECT {', '.join(_RUN_COLUMNS)}, id FROM runs"  # noqa: S608 (our own names)
                f" WHERE id IN ({','.join('?' * len(rows))}) AND {_THERE}",
                rows,
            )
        }
        return [Run._make(found[row]) for row in rows if row in found]

    def put(self, record: RunRecord) -> None:
        """Remember a run, or what is new of it."""
        run = record.run
        values: list[Any] = [
            run.run_id, run.database, run.table, run.status, run.refresh_type, run.role, run.customer_id,
            run.error_message, run.creation_time, run.start_time, run.end_time, run.last_updated,
            run.dpu_seconds, run.processed_bytes, record.view, run.ended, record.settled,
            record.first_seen_ended, record.misses, record.unlisted_since,
            record.counted.dump() if record.counted else None,
        ]  # fmt: skip
        self._connection.execute(_PUT, [self._catalog, *values])

    def unsettled(self) -> Iterator[RunRecord]:
        """Yield the runs of views that may still change and that Glue still finds."""
        return self._select(f"settled = 0 AND view IS NOT NULL AND {_THERE}")

    def newest(self, view: int, count: int) -> list[RunRecord]:
        """Return the newest runs of a view, the newest first."""
        return list(self._of_view(view, limit=count))

    def newest_with_status(self, view: int, status: Status) -> RunRecord | None:
        """Return the newest run of a view that has this status."""
        # No parameter: the failed runs have an index of their own.
        return next(self._of_view(view, f"status = '{status}'", limit=1), None)

    def unended(self, view: int) -> list[RunRecord]:
        """Return the runs of a view that have not ended."""
        return list(self._select(f"view = ? AND settled = 0 AND ended = 0 AND {_THERE}", [view]))

    def failures_in_a_row(self, view: int) -> list[str]:
        """Return the IDs of the failed runs of a view since its last success.

        Stopped and unknown runs neither count nor end the row.
        """
        failures: list[str] = []
        rows = self._connection.execute(
            f"SELECT run_id, status FROM runs WHERE view = ? AND {_THERE} ORDER BY {_NEWEST_FIRST}",  # noqa: S608 (our own text)
            [view],
        )
        for run_id, status in rows:
            if status == Status.SUCCEEDED:
                break
            if status == Status.FAILED:
                failures.append(run_id)
        return failures

    def phases(self, view: int) -> dict[str, int]:
        """Count a view's remembered runs by phase."""
        counts = {"active": 0, "settling": 0}
        (remembered,) = self._connection.execute(
            "SELECT COUNT(*) FROM runs WHERE view = ?", [view]
        ).fetchone()
        unsettled = self._connection.execute(
            f"SELECT ended, {_THERE}, COUNT(*) FROM runs"  # noqa: S608 (our own condition)
            " WHERE catalog = ? AND view = ? AND settled = 0 GROUP BY 1, 2",
            [self._catalog, view],
        )
        for ended, there, number in unsettled:
            remembered -= number
            if there:
                counts["settling" if ended else "active"] += number
        return {**counts, "settled": remembered}

    def unlisted(self, views: Sequence[int], listed: AbstractSet[str], now: float) -> None:
        """Note which runs of these views a complete listing no longer holds."""
        query = "SELECT id, run_id FROM runs WHERE view = ? AND unlisted_since IS NULL"
        for view in views:
            rows = self._connection.execute(query, [view])
            gone = [(now, row) for row, run_id in rows if run_id not in listed]
            self._connection.executemany("UPDATE runs SET unlisted_since = ? WHERE id = ?", gone)

    def unlisted_before(self, time: float) -> Iterator[RunRecord]:
        """Yield the runs of views that no complete listing has held since before this time."""
        return self._select("view IS NOT NULL AND unlisted_since < ?", [time])

    def forget(self, run_ids: Iterable[str]) -> None:
        """Forget runs for good."""
        self._connection.executemany(
            "DELETE FROM runs WHERE catalog = ? AND run_id = ?", ((self._catalog, i) for i in run_ids)
        )

    def forget_view(self, view: int, *, keep: AbstractSet[str]) -> None:
        """Forget all runs of a view but those to ``keep``, which are watched by their IDs alone from now on.

        Were the view watched anew, they would be among what had ended before.
        """
        rows = self._connection.execute("SELECT run_id FROM runs WHERE view = ?", [view]).fetchall()
        self.forget(run_id for (run_id,) in rows if run_id not in keep)
        self._connection.execute(
            "UPDATE runs SET view = NULL, unlisted_since = NULL, counted = iif(ended, ?, NULL)"
            " WHERE view = ?",
            [BASELINE.dump(), view],
        )

    def leave(self, watched: AbstractSet[str], now: float, *, all_known: bool, settled_watched: bool) -> None:
        """Note which runs without a view are watched by their ID, and since when the others are not.

        ``all_known``: there are no other targets that may turn out to watch them. ``settled_watched``: all
        settled runs are watched, so that they need not be looked at.
        """
        those = (
            "SELECT id FROM runs WHERE settled = 0 UNION SELECT id FROM runs WHERE unlisted_since IS NOT NULL"
        )
        rows = self._connection.execute(
            "SELECT run_id, unlisted_since FROM runs WHERE catalog = ? AND view IS NULL"  # noqa: S608 (our own text)
            f" AND {f'id IN ({those})' if settled_watched else 'TRUE'}",
            [self._catalog],
        ).fetchall()
        for run_id in {run_id for run_id, since in rows if since is not None} & watched:
            self._set_unlisted(run_id, None)
        if all_known:
            for run_id in {run_id for run_id, since in rows if since is None} - watched:
                self._set_unlisted(run_id, now)

    def _set_unlisted(self, run_id: str, since: float | None) -> None:
        self._connection.execute(
            "UPDATE runs SET unlisted_since = ? WHERE catalog = ? AND run_id = ?",
            [since, self._catalog, run_id],
        )

    def _of_view(self, view: int, condition: str = "TRUE", *, limit: int = -1) -> Iterator[RunRecord]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE view = ? AND {_THERE} AND {condition}"  # noqa: S608 (our own text)
            f" ORDER BY {_NEWEST_FIRST} LIMIT ?",
            [view, limit],
        )
        return map(_record, rows)

    def _select(self, condition: str, values: Sequence[Any] = ()) -> Iterator[RunRecord]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE catalog = ? AND {condition}",  # noqa: S608 (our own text)
            [self._catalog, *values],
        )
        # Read to the end at once: what is done with the records may change the table.
        return map(_record, rows.fetchall())


_ALL = ("catalog", *_RUN_COLUMNS, *_MARK_COLUMNS)
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in (*_RUN_COLUMNS[1:], *_MARK_COLUMNS))
_PUT = (
    f"INSERT INTO runs ({', '.join(_ALL)}) VALUES ({','.join('?' * len(_ALL))})"  # noqa: S608 (our own names)
    f" ON CONFLICT (catalog, run_id) DO UPDATE SET {_UPDATES}"
)


def _record(row: tuple[Any, ...]) -> RunRecord:
    *values, view, _ended, settled, first_seen_ended, misses, unlisted_since, counted = row
    return RunRecord(
        run=Run._make(values),
        view=view,
        settled=bool(settled),
        first_seen_ended=first_seen_ended,
        misses=misses,
        unlisted_since=unlisted_since,
        counted=None if counted is None else Counted.load(counted),
    )  # fmt: skip
