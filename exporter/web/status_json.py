"""The answer of ``/api/v1/status``. Its keys are a promise: they are only ever added to.

Times are ISO 8601 in UTC, null stands for what is not known, and texts from AWS are as AWS wrote them.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from exporter.model.run import Run
from exporter.model.run import Status as RunStatus
from exporter.web.status_model import Listing, Overview, TargetRow, ViewRow
from exporter.web.status_snapshot import RunRow
from exporter.web.status_text import iso, log_group, log_url

T = TypeVar("T")
Json = dict[str, Any]


def status_json(overview: Overview) -> bytes:
    """Return the document. It is pure ASCII: a name cannot turn the direction of what a terminal shows."""
    return json.dumps(_document(overview), allow_nan=False).encode() + b"\n"


def _document(overview: Overview) -> Json:
    exporter, now = overview.exporter, overview.now
    return {
        "time": iso(now),
        "exporter": {
            "version": overview.about.version,
            "shard": overview.about.shard,
            "started": iso(overview.started),
            "last_reload_successful": exporter.last_reload_successful if exporter else None,
            "last_reload_success_time": iso(exporter.last_reload_success_time) if exporter else None,
            "storage_last_write_successful": exporter.storage_last_write_successful if exporter else None,
        },
        "summary": {
            "targets": {
                "total": overview.targets.total,
                "down": len(overview.down),
                "pending": overview.counts["pending"],
            },
            "views": {
                "total": overview.views.total,
                **{name: overview.counts[name] for name in ("failing", "overdue", "unread", "active")},
            },
            "runs": {"total": overview.runs.total, "by_status": dict(overview.runs_by_status)},
        },
        "targets": _listing(overview.targets, _target),
        "views": _listing(overview.views, lambda row: _view(row, now)),
        "runs": _listing(overview.runs, lambda row: _run_row(row, now)),
    }


def _listing(listing: Listing[T], item: Callable[[T], Json]) -> Json:
    return {
        "total": listing.total,
        "matching": listing.matching,
        "page": listing.page,
        "pages": listing.pages,
        "limit": listing.limit,
        "items": [item(row) for row in listing.rows],
    }


def _target(row: TargetRow) -> Json:
    series = row.state.series
    return {
        "target": series.target,
        "aws_region": series.aws_region,
        "catalog_id": series.catalog_id,
        "up": series.up,
        "error": row.state.error,
        "patterns_without_views": list(row.state.unmatched),
        "last_poll_time": iso(series.last_poll_time),
        "last_success_time": iso(series.last_success_time),
        "last_poll_duration_seconds": series.last_poll_duration,
        "clock_skew_seconds": series.requests.clock_skew,
        "views": series.views,
        "runs": dict(series.runs),
    }


def _view(row: ViewRow, now: float) -> Json:
    series, facts = row.series, row.series.facts
    return {
        "target": series.target,
        **series.key._asdict(),
        "up": series.up if row.polled else None,
        "known": facts is not None if row.polled else None,
        "refresh_mode": facts.refresh_mode if facts else None,
        "creation_time": iso(facts.creation_time) if facts else None,
        "expected_interval_seconds": row.expected_interval,
        "freshness_seconds": row.freshness,
        "overdue": row.overdue,
        "consecutive_failures": row.failures,
        "last_success_time": iso(row.last_success_time),
        "last_failure_time": iso(facts.last_failure_time) if facts else None,
        "last_run": _run(row.last_run, series.key.aws_region, now) if row.last_run else None,
    }


def _run_row(row: RunRow, now: float) -> Json:
    aws_region, catalog_id = row.place
    return {
        "target": row.target,
        "aws_region": aws_region,
        "catalog_id": catalog_id,
        "up": row.up,
        "unread_because": row.doubt,
        **_run(row.run or Run(run_id=row.run_id), aws_region, now),
    }


def _run(run: Run, aws_region: str, now: float) -> Json:
    listed = run.status is None or run.status in set(RunStatus)
    return {
        "run_id": run.run_id,
        "database": run.database,
        "table": run.table,
        "status": run.status_label,
        "unlisted_status": None if listed else run.status,
        "refresh_type": run.refresh_type,
        "creation_time": iso(run.creation_time),
        "start_time": iso(run.start_time),
        "end_time": iso(run.end_time),
        "last_updated": iso(run.last_updated),
        "duration_seconds": run.duration(now),
        "dpu_seconds": run.dpu_seconds,
        "processed_bytes": run.processed_bytes,
        "error_message": run.error_message,
        "role": run.role,
        "log_group": log_group(run.run_id),
        "log_url": log_url(aws_region, run.run_id),
    }
