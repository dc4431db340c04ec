"""What the status page and its API show: read from the store at one moment, and the document made of it.

The document's keys are a promise: they are only ever added to. Null stands for what is not known, and texts
from AWS are as AWS wrote them.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from exporter.model.causes import cause_of
from exporter.model.run import LISTED_STATUSES, UNKNOWN, Run, Status, run_key
from exporter.store.catalog import Catalog, Place
from exporter.store.series import ExporterSeries, TargetSeries, ViewFacts, ViewSeries
from exporter.store.store import Store
from exporter.store.targets import TargetState
from exporter.store.views import ViewState
from exporter.web.status_query import PROBLEMS, UNREAD, Json, StatusQuery, is_active
from exporter.web.status_text import iso, log_group, log_url
from exporter.web.view_state import State, judge, read_at

T = TypeVar("T")

TIMES = ("time", "started", "last_updated", "stale_since")
"""How the names of what is a time end."""


class ViewRow(NamedTuple):
    """One watched view."""

    item: Json
    """As the API gives it, but for what :func:`_completed` adds."""
    view: ViewState
    """A copy of what the store remembers of it."""
    read_at: float | None
    """Unix time up to which it is known; None: not yet known."""


class RunRow(NamedTuple):
    """One run. There may be 100,000, so its item is only made where it is needed."""

    target: str
    """The target that watches it."""
    place: Place
    run_id: str
    run: Run | None
    """The last good values; None where there are none."""
    stuck: bool = False
    """Whether it is the newest run of a view that is stuck."""
    up: bool | None = None
    """Whether the last attempt to read it succeeded; None for a run that is not configured by its ID."""
    doubt: str | None = None
    """Why that attempt did not succeed: ``never_read``, ``not_found`` or ``failed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the store knew at one moment."""

    now: float
    """Unix time, like all times."""
    started: float
    exporter: ExporterSeries
    targets: Sequence[Json]
    """In the order of the file."""
    views: Sequence[ViewRow]
    runs: Sequence[RunRow]
    """Those that have series."""


def read_status(store: Store, now: float) -> Reading:
    """Return what the store knows now. A poll's commit waits for this, a scrape does not."""
    views: list[ViewRow] = []
    runs: list[RunRow] = []
    with store.lock:
        watched = list(store.watched())
        targets = {state.target.name: state.series for state, _ in watched}
        for catalog in dict.fromkeys(catalog for _, catalog in watched if catalog):
            of_catalog = [
                _view_row(catalog, view, targets[view.owner], now)
                for view in catalog.views.values()
                if view.owner is not None
            ]
            views += of_catalog
            runs += _run_rows(catalog, of_catalog)
        return Reading(
            now=now,
            started=store.started,
            exporter=store.exporter,
            targets=[_target(state) for state, _ in watched],
            views=views,
            runs=runs,
        )


def _view_row(catalog: Catalog, view: ViewState, target: TargetSeries, now: float) -> ViewRow:
    series = catalog.view_series(view)
    known_until = read_at(series, target, now)
    applies = judge(series, target, (record.run for record in view.newest_first()), known_until)
    copied = replace(view, runs=view.runs.copy())
    return ViewRow(_view(series, applies, now), copied, known_until)


def _run_rows(catalog: Catalog, views: Iterable[ViewRow]) -> Iterator[RunRow]:
    place, configured = catalog.place, catalog.ownership.runs
    stuck = {run_key(row.item["last_run"]["run_id"]) for row in views if row.item["stuck"]}
    for key, target in configured.items():
        record, doubt = catalog.runs.get(key), _doubt(catalog, key)
        run_id = record.run.run_id if record else catalog.spelling(key)
        run = record.run if record and record.there else None
        yield RunRow(target, place, run_id, run, key in stuck, doubt is None, doubt)
    for row in views:
        for key in row.view.shown:
            if key not in configured and (record := catalog.runs.get(key)) and record.there:
                yield RunRow(row.item["target"], place, record.run.run_id, record.run, key in stuck)


def _doubt(catalog: Catalog, key: str) -> str | None:
    fetching = catalog.fetching.get(key)
    if fetching is None or fetching.up:
        return None
    if fetching.last_attempt is None:
        return "never_read"
    return "not_found" if fetching.misses else "failed"


def document(reading: Reading, query: StatusQuery) -> Json:
    """Return what the query asks for, as the API gives it, but with times as Unix times."""
    run_item = partial(_run_row, now=reading.now)
    view_items = [row.item for row in reading.views]
    all_runs = _runs_of(reading, query) if query.names_view else reading.runs
    views = query.select("views", view_items, dict)
    runs = query.select("runs", all_runs, run_item)
    found: set[str] = set()
    if query["q"] or query.names_view:
        # What is found leads to its target, whether or not the words are the target's own.
        found = {item["target"] for item in views} | {row.target for row in runs}
    targets = query.select("targets", reading.targets, dict, found)

    def listing(table: str, rows: Sequence[T], matching: Sequence[T], item: Callable[[T], Json]) -> Json:
        """Return one page of a table. ``matching``: those that the query asks for, in order."""
        page, limit = int(query[f"{table}_page"]), int(query["limit"])
        return {
            "total": len(rows),
            "matching": len(matching),
            "page": page,
            "pages": max(1, math.ceil(len(matching) / limit)),
            "limit": limit,
            "items": [_completed(item(row)) for row in matching[(page - 1) * limit : page * limit]],
        }

    return {
        "time": reading.now,
        "exporter": {"started": reading.started, **_exporter(reading.exporter)},
        "summary": _summary(reading.targets, view_items, reading.runs),
        "targets": listing("targets", reading.targets, targets, dict),
        "views": listing("views", view_items, views, dict),
        "runs": listing("runs", all_runs, runs, run_item),
    }


def _runs_of(reading: Reading, query: StatusQuery) -> list[RunRow]:
    """Return all runs that are remembered of the views that the query names, with series or without."""
    with_series = {(row.place, run_key(row.run_id)): row for row in reading.runs}
    runs = []
    for view in reading.views:
        if query.is_of(view.item):
            target, place = view.item["target"], (view.item["aws_region"], view.item["catalog_id"])
            for record in view.view.newest_first():
                row = RunRow(target, place, record.run.run_id, record.run)
                runs.append(with_series.get((place, run_key(row.run_id)), row))
    return runs


def status_json(document: Json) -> str:
    """Return the document as JSON, its times as ISO 8601 in UTC.

    It is pure ASCII: a name cannot turn the direction of what a terminal shows.
    """
    return json.dumps(_with_dates(document), allow_nan=False) + "\n"


def _with_dates(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_dates(one) for one in value]
    if isinstance(value, dict):
        return {key: iso(one) if key.endswith(TIMES) else _with_dates(one) for key, one in value.items()}
    return value


def _exporter(exporter: ExporterSeries) -> Json:
    return {
        "version": exporter.version,
        "shard": str(exporter.shard),
        "last_reload_successful": exporter.last_reload_successful,
        "last_reload_success_time": exporter.last_reload_success_time,
        "storage_last_write_successful": exporter.storage_last_write_successful,
    }


def _summary(targets: Sequence[Json], views: Sequence[Json], runs: Sequence[RunRow]) -> Json:
    down = {item["target"] for item in targets if item["up"] is False}
    by_status = Counter(row.run.status_label or UNKNOWN if row.run else UNREAD for row in runs)
    return {
        # A target that is down stands for the views that are not read because of that.
        "attention": len(down)
        + sum(
            item["state"] in PROBLEMS and (item["state"] != State.NOT_READ or item["target"] not in down)
            for item in views
        ),
        "targets": {
            "total": len(targets),
            "down": len(down),
            "pending": sum(item["up"] is None for item in targets),
        },
        "views": {
            "total": len(views),
            "failing": sum(item["failing"] is True for item in views),
            "overdue": sum(item["overdue"] is True for item in views),
            "stuck": sum(item["stuck"] is True for item in views),
            "unread": sum(item["up"] is False for item in views),
            "active": sum(map(is_active, views)),
        },
        "runs": {
            "total": len(runs),
            "by_status": {status: by_status[status] for status in (*Status, UNKNOWN, UNREAD)},
        },
    }


def _target(state: TargetState) -> Json:
    series = state.series
    return {
        "target": series.target,
        "aws_region": series.aws_region,
        "catalog_id": series.catalog_id,
        "up": series.up,
        "error": state.error,
        "patterns_without_views": state.unmatched,
        "last_poll_time": series.last_poll_time,
        "last_success_time": series.last_success_time,
        "last_poll_duration_seconds": series.last_poll_duration,
        "clock_skew_seconds": series.requests.clock_skew,
        "views": series.views,
        "runs": dict(series.runs),
    }


_FACTS = (
    "owner", "refresh_mode", "creation_time", "consecutive_failures", "data_time", "source_updated_time",
    "stale_since", "last_success_time", "last_failure_time",
)  # fmt: skip
"""What is said of a view as the store has it."""


def _view(series: ViewSeries, applies: Mapping[State, bool | None], now: float) -> Json:
    facts, polled = series.facts, applies[State.NOT_READ] is not None
    success_time = facts.last_success_time if facts else None
    return {
        "target": series.target,
        **series.key._asdict(),
        "up": series.up if polled else None,
        "known": facts is not None if polled else None,
        "state": next((state for state in State if applies[state]), None),
        "failing": applies[State.FAILING],
        "overdue": applies[State.OVERDUE],
        "stuck": applies[State.STUCK],
        **{name: getattr(facts, name, None) for name in _FACTS},
        "expected_interval_seconds": facts.expected_interval if facts else None,
        "freshness_seconds": None if success_time is None else max(0.0, now - success_time),
        "last_failure": _failure(facts) if facts else None,
        "last_run": _run(facts.last_run, now) if facts and facts.last_run else None,
    }


def _failure(facts: ViewFacts) -> Json | None:
    """Return the newest failed run since the last success."""
    if (run := facts.last_failure) is None:
        return None
    return {
        "run_id": run.run_id,
        "time": facts.last_failure_time,
        "cause": None,  # see _completed
        "error_message": run.error_message,
    }


def _run_row(row: RunRow, now: float) -> Json:
    return {
        "target": row.target,
        "aws_region": row.place[0],
        "catalog_id": row.place[1],
        "up": row.up,
        "unread_because": row.doubt,
        "stuck": row.stuck,
    } | _run(row.run or Run(row.run_id), now)


def _run(run: Run, now: float) -> Json:
    return {
        "run_id": run.run_id,
        "database": run.database,
        "table": run.table,
        "status": run.status_label,
        "unlisted_status": None if run.status in LISTED_STATUSES else run.status,
        "refresh_type": run.refresh_type,
        "creation_time": run.creation_time,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "last_updated": run.last_updated,
        "duration_seconds": run.duration(now),
        "dpu_seconds": run.dpu_seconds,
        "processed_bytes": run.processed_bytes,
        "error_message": run.error_message,
        "role": run.role,
    }


def _completed(item: Json) -> Json:
    """Add the logs of an item's run and the cause of its failure: too dear for rows that are not shown."""
    if failure := item.get("last_failure"):
        failure["cause"] = cause_of(failure["error_message"])
    if run := item if "run_id" in item else item.get("last_run"):
        run["log_group"] = log_group(run["run_id"])
        run["log_url"] = log_url(item["aws_region"], run["run_id"])
    return item
