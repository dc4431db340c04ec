"""What a page for people shows, read at one moment: runs are sorted and cut by the database.

A page holds some hundred runs at the most, so that 100,000 of them cost one query and not one object each.
"""

import json
import sqlite3
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.model.run import UNKNOWN, Run, RunKey, Status
from exporter.store.catalog import Catalog
from exporter.store.run_records import READS_UNTIL_GONE
from exporter.store.series import ExporterSeries, RunSeries, ViewSeries
from exporter.store.store import Store
from exporter.store.target_state import TargetState
from exporter.store.watch import StoreState

UNREAD = "UNREAD"
"""Stands for the status of a configured run that was never read, or that Glue does not know."""
RUN_STATUSES = (*Status, UNKNOWN, UNREAD)
"""What a page counts and filters runs by."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_COLUMN = {"table": "table_name"}
_RUN_COLUMNS = ", ".join(f"r.{_COLUMN.get(name, name)}" for name in Run._fields)
_LISTED = ", ".join(f"'{status}'" for status in Status)
_STATUS = (
    f"CASE WHEN r.run_id IS NULL THEN '{UNREAD}' WHEN r.status IN ({_LISTED}) THEN r.status"
    f" ELSE '{UNKNOWN}' END"
)
_JOIN = (
    " FROM temp.page_runs AS p LEFT JOIN main.runs AS r ON r.catalog = p.catalog AND r.run_id = p.run_id"
    f" AND NOT (r.settled = 0 AND r.misses >= {READS_UNTIL_GONE})"
    # A run that only its view shows goes when Glue has lost it; a configured one stays, unread.
    " WHERE (r.run_id IS NOT NULL OR p.up IS NOT NULL)"
)
_HAYSTACK = (
    "lower(coalesce(r.database, '') || '.' || coalesce(r.table_name, '') || ' ' || p.run_id || ' '"
    " || p.target || ' ' || p.aws_region || ' ' || p.catalog_id || ' ' || coalesce(r.refresh_type, '')"
    f" || ' ' || {_STATUS} || ' ' || coalesce(r.status, '') || ' ' || coalesce(r.error_message, ''))"
)
_URGENCY = (
    f"CASE {_STATUS} WHEN 'FAILED' THEN 0 WHEN '{UNREAD}' THEN 1 WHEN '{UNKNOWN}' THEN 2"
    " WHEN 'STARTING' THEN 3 WHEN 'RUNNING' THEN 3 WHEN 'STOPPED' THEN 4 ELSE 5 END"
)
_NEWEST_FIRST = "coalesce(r.start_time, r.creation_time) DESC NULLS LAST, p.run_id"
_DURATION = (
    "CASE WHEN r.start_time IS NULL THEN NULL WHEN NOT r.ended THEN max(0, :now - r.start_time)"
    " WHEN r.end_time IS NULL THEN NULL ELSE max(0, r.end_time - r.start_time) END"
)
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "status": (_URGENCY,),
    "view": ("r.database", "r.table_name"),
    "type": ("r.refresh_type",),
    "start": ("coalesce(r.start_time, r.creation_time)",),
    "duration": (_DURATION,),
    "dpu": ("r.dpu_seconds",),
    "bytes": ("r.processed_bytes",),
}
RUN_ORDERS = tuple(_ORDERS)
"""What runs can be sorted by. ``status``: the failed first, then what is unread or unknown, then what goes
on. Equals come newest first, and what is not known comes last either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to return, and in which order."""

    words: Sequence[str] = ()
    """Every one of them must occur in a run's names, status, type or error message, in any case."""
    target: str | None = None
    statuses: Sequence[str] | None = None
    """Of :data:`RUN_STATUSES`; None: any."""
    order: str = "status"
    """One of :data:`RUN_ORDERS`."""
    descending: bool = False
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run, whose it is, and what is to be said of reading it."""

    target: str
    series: RunSeries
    doubt: str | None = None
    """Why a configured run's last read did not succeed: ``never_read``, ``not_found`` or ``failed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Some of the runs, and how many there are."""

    by_status: Mapping[str, int]
    """Of all runs, by :data:`RUN_STATUSES`."""
    matching: int
    """Runs that the query is about; at most so many are in ``rows``."""
    rows: Sequence[RunRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the store knew at one moment."""

    now: float
    """Unix time, like all times."""
    started: float
    exporter: ExporterSeries | None
    targets: Sequence[TargetState]
    """In the order of the file."""
    views: Sequence[ViewSeries]
    runs: RunPage


def fold(text: str) -> str:
    """Return the text with A to Z in lower case, as SQLite's ``lower`` does."""
    return text.translate(_LOWER)


def read_status(store: Store, query: RunQuery) -> Reading:
    """Return what the store knows now. It is locked meanwhile; a scrape does not wait for that."""
    return store.look(lambda state: _read(state, query))


def _read(state: StoreState, query: RunQuery) -> Reading:
    return Reading(
        now=state.now,
        started=state.started,
        exporter=state.exporter,
        targets=[target for target, _ in state.targets],
        views=[
            watched.series(catalog.aws_region, catalog.catalog_id)
            for target, catalog in state.targets
            if catalog
            for watched in catalog.views.of(target.target.name)
        ],
        runs=_run_page(state, query),
    )


def _run_page(state: StoreState, query: RunQuery) -> RunPage:
    _fill(state)
    counted = state.connection.execute(f"SELECT {_STATUS}, COUNT(*) {_JOIN} GROUP BY 1")
    by_status = {**dict.fromkeys(RUN_STATUSES, 0), **dict(counted)}
    conditions, values = _conditions(query)
    chosen = _JOIN + conditions
    matching = sum(by_status.values())
    if conditions:
        (matching,) = state.connection.execute(f"SELECT COUNT(*) {chosen}", values).fetchone()
    direction = "DESC" if query.descending else "ASC"
    order = ", ".join(f"{term} {direction} NULLS LAST" for term in _ORDERS[query.order])
    found = state.connection.execute(
        f"SELECT p.target, p.aws_region, p.catalog_id, p.run_id, p.up, {_RUN_COLUMNS} {chosen}"
        f" ORDER BY {order}, {_NEWEST_FIRST} LIMIT :limit OFFSET :offset",
        {**values, "now": state.now, "limit": query.limit, "offset": query.offset},
    )
    catalogs = {(c.aws_region, c.catalog_id): c for _, c in state.targets if c}
    return RunPage(by_status=by_status, matching=matching, rows=[_row(row, catalogs) for row in found])


def _fill(state: StoreState) -> None:
    """Put the runs that have series into a table that can be joined."""
    state.connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS page_runs"
        " (catalog INTEGER, run_id TEXT, target TEXT, aws_region TEXT, catalog_id TEXT, up INTEGER)"
    )
    state.connection.execute("DELETE FROM temp.page_runs")
    for target, catalog in state.targets:
        if catalog:
            name, place = target.target.name, (catalog.aws_region, catalog.catalog_id)
            for up, run_ids in _shown(name, catalog):
                state.connection.executemany(
                    "INSERT INTO temp.page_runs VALUES (?, ?, ?, ?, ?, ?)",
                    ((catalog.row, run_id, name, *place, up) for run_id in run_ids),
                )


def _shown(target: str, catalog: Catalog) -> Iterator[tuple[bool | None, list[str]]]:
    """Yield the target's runs that have series, by the value of ``run_up``."""
    configured = list(catalog.configured.of(target))
    down = {run_id for run_id in catalog.configured.unsettled(target) if not catalog.configured.up(run_id)}
    yield False, list(down)
    yield True, [run_id for run_id in configured if run_id not in down]
    yield (
        None,
        [
            run_id
            for watched in catalog.views.of(target)
            for run_id in catalog.changes.shown(watched.record.id)
            if catalog.configured.owner(run_id) is None
        ],
    )


def _conditions(query: RunQuery) -> tuple[str, dict[str, Any]]:
    texts: list[str] = []
    values: dict[str, Any] = {}
    if query.target is not None:
        texts.append("p.target = :target")
        values["target"] = query.target
    if query.statuses is not None:
        texts.append(f"{_STATUS} IN (SELECT value FROM json_each(:statuses))")  # noqa: S608 (our own text)
        values["statuses"] = json.dumps(list(query.statuses))
    for place, word in enumerate(query.words):
        texts.append(f"instr({_HAYSTACK}, :word{place})")
        values[f"word{place}"] = fold(word)
    return "".join(f" AND {text}" for text in texts), values


def _row(row: sqlite3.Row | tuple[Any, ...], catalogs: Mapping[tuple[str, str], Catalog]) -> RunRow:
    target, aws_region, catalog_id, run_id, up, *members = row
    run = None if members[0] is None else Run._make(members)
    series = RunSeries(RunKey(aws_region, catalog_id, run_id), run, None if up is None else bool(up))
    return RunRow(target, series, _doubt(run_id, catalogs[aws_region, catalog_id]) if up == 0 else None)


def _doubt(run_id: str, catalog: Catalog) -> str:
    asked = catalog.configured.get(run_id)
    if asked is None or asked.last_attempt is None:
        return "never_read"
    return "not_found" if asked.misses else "failed"
