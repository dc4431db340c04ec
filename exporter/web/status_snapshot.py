"""What a page for people shows, read at one moment; runs are sorted once the store is free again."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from exporter.model.patterns import Ownership
from exporter.model.run import UNKNOWN, Run, Status
from exporter.store.catalog import Catalog, Place
from exporter.store.runs import Fetching, RunRecord
from exporter.store.series import ExporterSeries, ViewSeries
from exporter.store.store import Store
from exporter.store.targets import TargetState
from exporter.store.views import ViewState

UNREAD = "UNREAD"
"""Stands for the status of a configured run that was never read, or that Glue does not know."""
RUN_STATUSES = (*Status, UNKNOWN, UNREAD)
"""What a page counts and filters runs by."""

_URGENCY = {
    Status.FAILED: 0, UNREAD: 1, UNKNOWN: 2, Status.STARTING: 3, Status.RUNNING: 3, Status.STOPPED: 4,
    Status.SUCCEEDED: 5,
}  # fmt: skip
_LABELS: Mapping[str | None, str] = {status: status for status in Status}
_ORDERS: Mapping[str, Callable[["RunRow", float], Any]] = {
    "status": lambda row, _: _URGENCY[row.status],
    "view": lambda row, _: (row.run.database, row.run.table or "") if row.run and row.run.database else None,
    "type": lambda row, _: row.run.refresh_type if row.run else None,
    "start": lambda row, _: _started(row.run),
    "duration": lambda row, now: row.run.duration(now) if row.run else None,
    "dpu": lambda row, _: row.run.dpu_seconds if row.run else None,
    "bytes": lambda row, _: row.run.processed_bytes if row.run else None,
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


class RunRow(NamedTuple):
    """One run that has series."""

    target: str
    """The target that watches it."""
    place: Place
    """Region and catalog."""
    run_id: str
    run: Run | None
    """The last good values; None where there are none."""
    status: str
    """One of :data:`RUN_STATUSES`."""
    up: bool | None
    """Whether the last attempt to read it succeeded; None for a run that is not configured by its ID."""
    doubt: str | None
    """Why that attempt did not succeed: ``never_read``, ``not_found`` or ``failed``."""


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


def read_status(store: Store, query: RunQuery, now: float) -> Reading:
    """Return what the store knows now. It is locked while this is copied; a scrape does not wait for that."""
    targets, exporter, copies = store.read(_copy)
    rows = (row for copied in copies for row in _rows(copied))
    return Reading(
        now=now,
        started=store.started,
        exporter=exporter,
        targets=targets,
        views=[view.series(*copied.place) for copied in copies for view in copied.views],
        runs=_page(rows, query, now),
    )


class _Copy(NamedTuple):
    """One catalog as it was while the store was locked. What is immutable is shared, not copied."""

    place: Place
    ownership: Ownership
    runs: Mapping[str, RunRecord]
    doubts: Mapping[str, str]
    """Of configured runs whose last read did not succeed."""
    views: Sequence[ViewState]
    """The watched ones."""


def _copy(store: Store) -> tuple[list[TargetState], ExporterSeries | None, list[_Copy]]:
    watched = list(store.watched())
    catalogs = dict.fromkeys(catalog for _, catalog in watched if catalog)
    return [replace(state) for state, _ in watched], store.exporter, list(map(_copy_catalog, catalogs))


def _copy_catalog(catalog: Catalog) -> _Copy:
    return _Copy(
        (catalog.aws_region, catalog.catalog_id),
        catalog.ownership,
        catalog.runs.copy(),
        {key: _doubt(fetching) for key, fetching in catalog.fetching.items() if not fetching.up},
        [replace(view, runs=view.runs.copy()) for view in catalog.views.values() if view.owner is not None],
    )


def _doubt(fetching: Fetching) -> str:
    if fetching.last_attempt is None:
        return "never_read"
    return "not_found" if fetching.misses else "failed"


def _rows(copied: _Copy) -> Iterator[RunRow]:
    """Yield the runs that have series."""
    configured = copied.ownership.runs
    for key, target in configured.items():
        record = copied.runs.get(key)
        run_id = record.run.run_id if record else copied.ownership.spellings.get(key, key)
        run = record.run if record and record.there else None
        doubt = copied.doubts.get(key)
        status = _LABELS.get(run.status, UNKNOWN) if run else UNREAD
        yield RunRow(target, copied.place, run_id, run, status, doubt is None, doubt)
    for view in copied.views:
        for key in view.shown:
            record = copied.runs.get(key)
            if key not in configured and record and record.there:
                run = record.run
                status = _LABELS.get(run.status, UNKNOWN)
                yield RunRow(view.owner or "", copied.place, run.run_id, run, status, None, None)


def _page(rows: Iterable[RunRow], query: RunQuery, now: float) -> RunPage:
    """Pick a page out of the runs, which are looked at one by one: there may be 100,000 of them."""
    by_status = dict.fromkeys(RUN_STATUSES, 0)
    matching = 0
    words = [word.casefold() for word in query.words]

    def chosen() -> Iterator[RunRow]:
        nonlocal matching
        for row in rows:
            by_status[row.status] += 1
            if (
                (query.target is None or row.target == query.target)
                and (query.statuses is None or row.status in query.statuses)
                and (not words or _holds(row, words))
            ):
                matching += 1
                yield row

    first = heapq.nlargest if query.descending else heapq.nsmallest
    page = first(query.offset + query.limit, chosen(), key=_sorting(query, now))[query.offset :]
    return RunPage(by_status=by_status, matching=matching, rows=page)


def _holds(row: RunRow, words: Sequence[str]) -> bool:
    run = row.run or Run(run_id=row.run_id)
    text = (
        f"{run.database or ''}.{run.table or ''} {row.run_id} {row.target} {row.place[0]}"
        f" {row.place[1]} {run.refresh_type or ''} {row.status} {run.status or ''}"
        f" {run.error_message or ''}"
    ).casefold()
    return all(word in text for word in words)


def _sorting(query: RunQuery, now: float) -> Callable[[RunRow], tuple[Any, ...]]:
    """Return the key of a run: the smallest come first, or with ``descending`` the largest."""
    value_of = _ORDERS[query.order]
    descending = query.descending

    def key(row: RunRow) -> tuple[Any, ...]:
        value = value_of(row, now)
        started = _started(row.run)
        age = math.inf if started is None else -started
        return (
            (value is None) is not descending,
            0 if value is None else value,
            -age if descending else age,
            row.run_id,
        )

    return key


def _started(run: Run | None) -> float | None:
    if run is None:
        return None
    return run.creation_time if run.start_time is None else run.start_time
