"""The status page, the same as JSON, the alerts' runbooks, and the files that these pages load."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from itertools import pairwise
from urllib.parse import quote

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.web import status_text
from exporter.web.status_model import Json, document, status_json
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
"""Content-Security-Policy of the status page: what it loads comes from here, and no text becomes script."""
RUNBOOK_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_STATIC_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FILES = resources.files("exporter.web")


def status_routes(read: Callable[[], Reading]) -> Sequence[BaseRoute]:
    """Return the routes of the page, its data and its files. ``read`` never calls AWS."""
    static = _static_files()
    template = _environment(static).get_template("status.html")
    # In one thread of its own: however many readers press reload, the threads of scrapes stay free.
    one_at_a_time = asyncio.Lock()

    async def answer(
        request: Request,
        render: Callable[[Json, StatusQuery, Reading], bytes],
        media_type: str,
        headers: Mapping[str, str],
    ) -> Response:
        try:
            query = StatusQuery.parse(request.query_params)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)

        def work() -> bytes:
            reading = read()
            return render(document(reading, query), query, reading)

        async with one_at_a_time:
            content = await asyncio.to_thread(work)
        return Response(content, media_type=media_type, headers=headers)

    def as_page(document: Json, query: StatusQuery, reading: Reading) -> bytes:
        rows = {row.series.key: row for row in reading.views}
        page = template.render(d=document, q=query, now=reading.now, reading=reading, rows=rows)
        return page.encode()

    async def page(request: Request) -> Response:
        return await answer(request, as_page, "text/html", {"Content-Security-Policy": PAGE_POLICY})

    async def data(request: Request) -> Response:
        return await answer(request, lambda found, *_: status_json(found), "application/json", {})

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in static:
            return PlainTextResponse("Not Found", 404)
        media_type = _STATIC_TYPES[name.rpartition(".")[2]]
        return Response(
            static[name], media_type=media_type, headers={"Cache-Control": "private, max-age=86400"}
        )

    compressed = [Middleware(GZipMiddleware, compresslevel=4)]
    paths = {"/": page, "/api/v1/status": data, "/static/{name}": file}
    return [Route(path, endpoint, middleware=compressed) for path, endpoint in paths.items()]


def runbook_routes() -> Sequence[BaseRoute]:
    """Return the route of the runbooks, from the package: somebody who is paged needs no repository."""
    texts = {
        file.name.removesuffix(".md"): file.read_text("utf-8") for file in (_FILES / "runbooks").iterdir()
    }
    template = _environment(_static_files()).get_template("runbook.html")

    @cache
    def page(alert: str) -> str:
        content = Markup(_runbook_html(texts[alert]))  # noqa: S704 (from the package, and without raw HTML)
        return template.render(alert=alert, alerts=sorted(texts), content=content)

    async def answer(request: Request) -> Response:
        alert = request.path_params["alert"]
        if alert not in texts:
            return PlainTextResponse("Not Found", 404)
        headers = {"Content-Security-Policy": RUNBOOK_POLICY}
        return Response(page(alert), media_type="text/html", headers=headers)

    return [Route("/runbooks/{alert}", answer)]


def _runbook_html(markdown: str) -> str:
    """Return a runbook as HTML, its headings with the anchors that GitHub gives them."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(re.sub(r"\[([^]]+)\]\(([^)]+)\)", _link, markdown))
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w -]", "", following.content.lower()).replace(" ", "-")
            token.attrSet("id", anchor)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _link(link: re.Match[str]) -> str:
    """Return a link as it leads somewhere here: what else is in the repository stays as plain text."""
    text, url = link.groups()
    if url == "../alerts.md":
        return f"[{text}](#alerts)"
    other = re.fullmatch(r"(\w+)\.md(#[\w-]+)?", url)
    return f"[{text}]({other[1]}{other[2] or ''})" if other else text


def _static_files() -> dict[str, bytes]:
    """Return the files that pages load, by name."""
    files = (_FILES / "static").iterdir()
    return {file.name: file.read_bytes() for file in files if file.name.rpartition(".")[2] in _STATIC_TYPES}


def _environment(static: Mapping[str, bytes]) -> jinja2.Environment:
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
