"""The document that the status page and its API show.

Its keys are a promise: they are only ever added to. Null stands for what is not known, and texts from AWS are
as AWS wrote them.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from exporter.model.causes import cause_of
from exporter.model.run import LISTED_STATUSES, Run
from exporter.store.series import ExporterSeries, ViewFacts
from exporter.store.targets import TargetState
from exporter.web.status_query import RUNS, TARGETS, VIEWS, StatusQuery, Table, select
from exporter.web.status_snapshot import RUN_STATUSES, Reading, RunRow, ViewRow, runs_of
from exporter.web.status_text import iso, log_group, log_url
from exporter.web.view_state import PROBLEMS, State

T = TypeVar("T")
Json = dict[str, Any]

TIMES = ("time", "started", "last_updated", "stale_since")
"""How the names of what is a time end."""


def document(reading: Reading, query: StatusQuery) -> Json:
    """Return what the query asks for, as the API gives it, but with times as Unix times."""
    now = reading.now
    views = select(VIEWS, reading.views, query, now)
    all_runs = reading.runs
    if query.names_view:
        all_runs = runs_of((row for row in reading.views if query.is_of(row.series.key)), all_runs)
    runs = select(RUNS, all_runs, query, now)
    found: set[str] = set()
    if query["q"] or query.names_view:
        # What is found leads to its target, whether or not the words are the target's own.
        found = {row.series.target for row in views} | {row.target for row in runs}
    targets = select(TARGETS, reading.targets, query, now, found)
    return {
        "time": now,
        "exporter": {"started": reading.started, **_exporter(reading.exporter)},
        "summary": _summary(reading),
        "targets": _listing(TARGETS, reading.targets, targets, query, _target),
        "views": _listing(VIEWS, reading.views, views, query, lambda row: _view(row, now)),
        "runs": _listing(RUNS, all_runs, runs, query, lambda row: _run_row(row, now)),
    }


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


def _exporter(exporter: ExporterSeries | None) -> Json:
    if exporter is None:
        raise ValueError("the exporter has not been described yet")
    return {
        "version": exporter.version,
        "shard": f"{exporter.shard}/{exporter.shards}",
        "last_reload_successful": exporter.last_reload_successful,
        "last_reload_success_time": exporter.last_reload_success_time,
        "storage_last_write_successful": exporter.storage_last_write_successful,
    }


def _summary(reading: Reading) -> Json:
    down = {state.target.name for state in reading.targets if state.series.up is False}
    troubled = [row for row in reading.views if row.state in PROBLEMS]
    states = {state: sum(bool(row.applies[state]) for row in reading.views) for state in State}
    by_status = Counter(row.status for row in reading.runs)
    return {
        # A target that is down stands for the views that are not read because of that.
        "attention": len(down)
        + sum(row.state is not State.NOT_READ or row.series.target not in down for row in troubled),
        "targets": {
            "total": len(reading.targets),
            "down": len(down),
            "pending": sum(state.series.up is None for state in reading.targets),
        },
        "views": {
            "total": len(reading.views),
            "failing": states[State.FAILING],
            "overdue": states[State.OVERDUE],
            "stuck": states[State.STUCK],
            "unread": states[State.NOT_READ],
            "active": states[State.RUNNING],
        },
        "runs": {
            "total": len(reading.runs),
            "by_status": {status: by_status[status] for status in RUN_STATUSES},
        },
    }


def _listing(
    table: Table[T], rows: Collection[T], matching: Sequence[T], query: StatusQuery, item: Callable[[T], Json]
) -> Json:
    """Return one page of a table. ``matching``: those that the query asks for, in order."""
    page, limit = int(query[f"{table.title}_page"]), int(query["limit"])
    return {
        "total": len(rows),
        "matching": len(matching),
        "page": page,
        "pages": max(1, math.ceil(len(matching) / limit)),
        "limit": limit,
        "items": [item(row) for row in matching[(page - 1) * limit : page * limit]],
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


def _view(row: ViewRow, now: float) -> Json:
    series, facts, applies = row.series, row.series.facts, row.applies
    polled = applies[State.NOT_READ] is not None
    success_time = facts.last_success_time if facts else None
    return {
        "target": series.target,
        **series.key._asdict(),
        "up": series.up if polled else None,
        "known": facts is not None if polled else None,
        "state": row.state,
        "failing": applies[State.FAILING],
        "overdue": applies[State.OVERDUE],
        "stuck": applies[State.STUCK],
        **{name: getattr(facts, name, None) for name in _FACTS},
        "expected_interval_seconds": facts.expected_interval if facts else None,
        "freshness_seconds": None if success_time is None else max(0.0, now - success_time),
        "last_failure": _failure(facts) if facts else None,
        "last_run": _run(row.last_run, series.key.aws_region, now) if row.last_run else None,
    }


def _failure(facts: ViewFacts) -> Json | None:
    """Return the newest failed run since the last success."""
    if (run := facts.last_failure) is None:
        return None
    return {
        "run_id": run.run_id,
        "time": facts.last_failure_time,
        "cause": cause_of(run.error_message),
        "error_message": run.error_message,
    }


def _run_row(row: RunRow, now: float) -> Json:
    aws_region, catalog_id = row.place
    return {
        "target": row.target,
        "aws_region": aws_region,
        "catalog_id": catalog_id,
        "up": row.up,
        "unread_because": row.doubt,
        "stuck": row.stuck,
        **_run(row.run or Run(run_id=row.run_id), aws_region, now),
    }


def _run(run: Run, aws_region: str, now: float) -> Json:
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
        "log_group": log_group(run.run_id),
        "log_url": log_url(aws_region, run.run_id),
    }
