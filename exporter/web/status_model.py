"""The document that the status page and its API show.

Its keys are a promise: they are only ever added to. Null stands for what is not known, and texts from AWS are
as AWS wrote them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.model.causes import cause_of
from exporter.model.run import LISTED_STATUSES, Run
from exporter.store.series import ViewFacts
from exporter.store.targets import TargetState
from exporter.web.status_query import RUNS, TARGETS, VIEWS, StatusQuery, Table, select
from exporter.web.status_snapshot import RUN_STATUSES, Reading, RunRow, ViewRow, runs_of
from exporter.web.status_text import log_group, log_url
from exporter.web.view_state import PROBLEMS, State

T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What is said of this process, and does not change."""

    version: str
    shard: str
    """Such as ``0/1``."""


def document(reading: Reading, query: StatusQuery, about: About) -> Json:
    """Return what the query asks for, as the API gives it, but with times as Unix times."""
    exporter, now = reading.exporter, reading.now
    down = {state.target.name for state in reading.targets if state.series.up is False}
    troubled = [row for row in reading.views if row.state in PROBLEMS]
    states = {state: sum(bool(row.applies[state]) for row in reading.views) for state in State}
    by_status = dict.fromkeys(RUN_STATUSES, 0)

    def counted() -> Iterator[RunRow]:
        for row in reading.runs:
            by_status[row.status] += 1
            yield row

    views = select(VIEWS, reading.views, query, now)
    all_runs, counting = reading.runs, counted()
    if query.names_view:
        all_runs = runs_of((row for row in reading.views if query.is_of(row.series.key)), counting)
        counting = iter(all_runs)
    runs = select(RUNS, counting, query, now)
    found: set[str] = set()
    if query["q"] or query.names_view:
        # What is found leads to its target, whether or not the words are the target's own.
        found = {reading.views[place].series.target for place in views}
        found |= {all_runs[place].target for place in runs}
    targets = select(TARGETS, reading.targets, query, now, found)
    return {
        "time": now,
        "exporter": {
            "version": about.version,
            "shard": about.shard,
            "started": reading.started,
            "last_reload_successful": exporter.last_reload_successful if exporter else None,
            "last_reload_success_time": exporter.last_reload_success_time if exporter else None,
            "storage_last_write_successful": exporter.storage_last_write_successful if exporter else None,
        },
        "summary": {
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
            "runs": {"total": len(reading.runs), "by_status": by_status},
        },
        "targets": _listing(TARGETS, reading.targets, targets, query, _target),
        "views": _listing(VIEWS, reading.views, views, query, lambda row: _view(row, now)),
        "runs": _listing(RUNS, all_runs, runs, query, lambda row: _run_row(row, now)),
    }


def _listing(
    table: Table[T], rows: Sequence[T], places: Sequence[int], query: StatusQuery, item: Callable[[T], Json]
) -> Json:
    """Return one page of a table. ``places``: of the rows that match, in order."""
    page, limit = int(query[f"{table.title}_page"]), int(query["limit"])
    return {
        "total": len(rows),
        "matching": len(places),
        "page": page,
        "pages": max(1, math.ceil(len(places) / limit)),
        "limit": limit,
        "items": [item(rows[place]) for place in places[(page - 1) * limit : page * limit]],
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
        "owner": facts.owner if facts else None,
        "refresh_mode": facts.refresh_mode if facts else None,
        "creation_time": facts.creation_time if facts else None,
        "expected_interval_seconds": facts.expected_interval if facts else None,
        "freshness_seconds": None if success_time is None else max(0.0, now - success_time),
        "consecutive_failures": facts.consecutive_failures if facts else None,
        "data_time": facts.data_time if facts else None,
        "source_updated_time": facts.source_updated_time if facts else None,
        "stale_since": facts.stale_since if facts else None,
        "last_success_time": success_time,
        "last_failure_time": facts.last_failure_time if facts else None,
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
