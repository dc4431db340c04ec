"""The status page at ``/``, the same as JSON at ``/api/v1/status``, and the files that the page loads.

The keys of the JSON are a promise: they are only ever added to. Times there are ISO 8601 in UTC, null stands
for what is not known, and texts from AWS are as AWS wrote them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import resources
from typing import Any, TypeVar

import anyio.to_thread
import jinja2
from anyio import CapacityLimiter
from markupsafe import Markup
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.model.run import LISTED_STATUSES, Run
from exporter.store.runs import RunRecord
from exporter.store.targets import TargetState
from exporter.web import status_text
from exporter.web.status_model import About, Listing, Overview, StatusQuery, overview
from exporter.web.status_snapshot import Reading, RunRow, ViewRow
from exporter.web.status_text import iso, log_group, log_url
from exporter.web.view_state import State

REFRESH_SECONDS = 15
"""How often the page fetches itself again."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of the page alone: what it loads comes from here, and no text becomes script."""
_STATIC_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

T = TypeVar("T")
Json = dict[str, Any]


class StatusPage:
    """Answers from what ``read`` returns. Reading never calls AWS."""

    def __init__(self, read: Callable[[], Reading], about: About) -> None:
        self._read = read
        self._about = about
        self._static = _static_files()
        self._template = _environment(self._static).get_template("status.html")

    @cached_property
    def _one_at_a_time(self) -> CapacityLimiter:
        # Of its own: however many readers press reload, the threads of scrapes stay free.
        return CapacityLimiter(1)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of the page, its data and its files."""
        compressed = [Middleware(GZipMiddleware, compresslevel=4)]
        return (
            Route("/", self._page, middleware=compressed),
            Route("/api/v1/status", self._json, middleware=compressed),
            Route("/static/{name}", self._file, middleware=compressed),
        )

    async def _page(self, request: Request) -> Response:
        headers = {"Content-Security-Policy": PAGE_POLICY}
        return await self._answer(request, self._render, "text/html", headers)

    async def _json(self, request: Request) -> Response:
        return await self._answer(request, status_json, "application/json")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return PlainTextResponse("Not Found", 404)
        media_type = _STATIC_TYPES[name.rpartition(".")[2]]
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(self._static[name], media_type=media_type, headers=headers)

    async def _answer(
        self,
        request: Request,
        render: Callable[[Overview], bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        try:
            query = StatusQuery.parse(request.query_params)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)

        def work() -> bytes:
            return render(overview(self._read(), query, self._about))

        content = await anyio.to_thread.run_sync(work, limiter=self._one_at_a_time)
        return Response(content, media_type=media_type, headers=headers)

    def _render(self, overview: Overview) -> bytes:
        return self._template.render(o=overview, q=overview.query, now=overview.reading.now).encode()


def _static_files() -> dict[str, bytes]:
    folder = resources.files("exporter.web") / "static"
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _STATIC_TYPES
    }


def _environment(static: dict[str, bytes]) -> jinja2.Environment:
    """Return the templates' environment: all that is put in is made visible, then escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals = {
        "refresh_seconds": REFRESH_SECONDS,
        "log_url": log_url,
        # Their content is in their address, so that a newer version is never shown with an older file.
        "static": {
            name: f"static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"
            for name, content in static.items()
        },
    }
    for name in ("absolute", "ago", "count", "dpu_hours", "duration", "iso", "size"):
        environment.filters[name] = getattr(status_text, name)
    return environment


def _visible(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return status_text.visible(value)
    return value


def status_json(overview: Overview) -> bytes:
    """Return the document. It is pure ASCII: a name cannot turn the direction of what a terminal shows."""
    reading, states = overview.reading, overview.views_by_state
    exporter, now = reading.exporter, reading.now
    document = {
        "time": iso(now),
        "exporter": {
            "version": overview.about.version,
            "shard": overview.about.shard,
            "started": iso(reading.started),
            "last_reload_successful": exporter.last_reload_successful if exporter else None,
            "last_reload_success_time": iso(exporter.last_reload_success_time) if exporter else None,
            "storage_last_write_successful": exporter.storage_last_write_successful if exporter else None,
        },
        "summary": {
            "targets": {
                "total": overview.targets.total,
                "down": len(overview.down),
                "pending": overview.pending,
            },
            "views": {
                "total": overview.views.total,
                "failing": states[State.FAILING],
                "overdue": states[State.OVERDUE],
                "stuck": states[State.STUCK],
                "unread": states[State.NOT_READ],
                "active": states[State.RUNNING],
            },
            "runs": {"total": overview.runs.total, "by_status": overview.runs_by_status},
        },
        "targets": _listing(overview.targets, _target),
        "views": _listing(overview.views, lambda row: _view(row, now)),
        "runs": _listing(overview.runs, lambda row: _run_row(row, now)),
    }
    return json.dumps(document, allow_nan=False).encode() + b"\n"


def _listing(listing: Listing[T], item: Callable[[T], Json]) -> Json:
    return {
        "total": listing.total,
        "matching": listing.matching,
        "page": listing.page,
        "pages": listing.pages,
        "limit": listing.limit,
        "items": [item(row) for row in listing.rows],
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
        "last_poll_time": iso(series.last_poll_time),
        "last_success_time": iso(series.last_success_time),
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
        "refresh_mode": facts.refresh_mode if facts else None,
        "creation_time": iso(facts.creation_time) if facts else None,
        "expected_interval_seconds": facts.expected_interval if facts else None,
        "freshness_seconds": None if success_time is None else max(0.0, now - success_time),
        "consecutive_failures": facts.consecutive_failures if facts else None,
        "last_success_time": iso(success_time),
        "last_failure_time": iso(facts.last_failure_time) if facts else None,
        "last_failure": _failure(row.last_failure) if row.last_failure else None,
        "last_run": _run(row.last_run, series.key.aws_region, now) if row.last_run else None,
    }


def _failure(failure: RunRecord) -> Json:
    run = failure.run
    return {"run_id": run.run_id, "time": iso(failure.end), "error_message": run.error_message}


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
    return {
        "run_id": run.run_id,
        "database": run.database,
        "table": run.table,
        "status": run.status_label,
        "unlisted_status": None if run.status in LISTED_STATUSES else run.status,
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
