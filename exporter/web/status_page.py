"""The status page at ``/``, the same as JSON at ``/api/v1/status``, and the files that the page loads."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib import resources
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import jinja2
from anyio import CapacityLimiter
from markupsafe import Markup
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.web import status_text
from exporter.web.status_model import About, Json, document
from exporter.web.status_query import StatusQuery
from exporter.web.status_snapshot import Reading
from exporter.web.strip import lag, strip

REFRESH_SECONDS = 15
"""How often the page fetches itself again."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of the page alone: what it loads comes from here, and no text becomes script."""
_STATIC_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

DATES = ("time", "started", "last_updated", "stale_since")
"""How the names of what is a time end."""


class StatusPage:
    """Answers from what ``read`` returns. Reading never calls AWS."""

    def __init__(self, read: Callable[[], Reading], about: About) -> None:
        self._read = read
        self._about = about
        self._static = static_files()
        self._template = make_environment(self._static).get_template("status.html")

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
        return await self._answer(request, lambda found, *_: status_json(found), "application/json")

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
        render: Callable[[Json, StatusQuery, Reading], bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        try:
            query = StatusQuery.parse(request.query_params)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)

        def work() -> bytes:
            reading = self._read()
            return render(document(reading, query, self._about), query, reading)

        content = await anyio.to_thread.run_sync(work, limiter=self._one_at_a_time)
        return Response(content, media_type=media_type, headers=headers)

    def _render(self, document: Json, query: StatusQuery, reading: Reading) -> bytes:
        rows = {row.series.key: row for row in reading.views}
        page = self._template.render(d=document, q=query, now=reading.now, reading=reading, rows=rows)
        return page.encode()


def static_files() -> dict[str, bytes]:
    """Return the files that pages load, by name."""
    folder = resources.files("exporter.web") / "static"
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _STATIC_TYPES
    }


def make_environment(static: dict[str, bytes]) -> jinja2.Environment:
    """Return the environment of the pages' templates: all that is put in is made visible, then escaped."""
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
        "lag_of": lag,
        "strip_of": strip,
        # Their content is in their address, so that a newer version is never shown with an older file.
        "static": {
            name: f"static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"
            for name, content in static.items()
        },
    }
    environment.filters["quoted"] = partial(quote, safe="", errors="replace")
    for name in ("absolute", "ago", "count", "dpu_hours", "duration", "iso", "size"):
        environment.filters[name] = getattr(status_text, name)
    return environment


def _visible(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return status_text.visible(value)
    return value


def status_json(document: Json) -> bytes:
    """Return the document as JSON, its times as ISO 8601 in UTC.

    It is pure ASCII: a name cannot turn the direction of what a terminal shows.
    """
    return json.dumps(_with_dates(document), allow_nan=False).encode() + b"\n"


def _with_dates(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_dates(one) for one in value]
    if isinstance(value, dict):
        return {
            key: status_text.iso(one) if key.endswith(DATES) else _with_dates(one)
            for key, one in value.items()
        }
    return value
