"""The status page, the same as JSON, the alerts' runbooks, and the files that these pages load.

The libraries that render them are imported by the first reader: a tenth of the time until a first scrape.
"""

import asyncio
import gzip
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from exporter.model.view import ViewKey
from exporter.web import status_text
from exporter.web.status import Reading, document, status_json
from exporter.web.status_query import Json, StatusQuery
from exporter.web.strip import in_words, lag, strip

if TYPE_CHECKING:
    import jinja2

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


def status_routes(
    read: Callable[[], Reading], accepts_gzip: Callable[[str | None], bool]
) -> Sequence[BaseRoute]:
    """Return the routes of the page, its data and its files.

    ``read`` never calls AWS. ``accepts_gzip`` judges a header ``Accept-Encoding``.
    """
    # In one thread of its own: however many readers press reload, the threads of scrapes stay free.
    one_at_a_time = asyncio.Lock()

    def as_page(reading: Reading, query: StatusQuery) -> Response:
        rows = {tuple(row.item[name] for name in ViewKey._fields): row for row in reading.views}
        found = document(reading, query)
        template = _environment().get_template("status.html")
        page = template.render(d=found, q=query, now=reading.now, reading=reading, rows=rows)
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    def as_json(reading: Reading, query: StatusQuery) -> Response:
        return Response(status_json(document(reading, query)), media_type="application/json")

    async def answer(kind: Callable[[Reading, StatusQuery], Response], request: Request) -> Response:
        try:
            query = StatusQuery.parse(request.query_params)
        except ValueError as error:
            raise HTTPException(400, f"{error}\n") from None

        def make() -> Response:
            response = kind(read(), query)
            response.headers["Vary"] = "Accept-Encoding"
            if accepts_gzip(request.headers.get("accept-encoding")):
                response.body = gzip.compress(response.body, 4)
                response.headers["Content-Encoding"] = "gzip"
                response.headers["Content-Length"] = str(len(response.body))
            return response

        async with one_at_a_time:
            if await request.is_disconnected():  # while it waited
                return Response()
            return await asyncio.to_thread(make)

    return [
        Route("/", partial(answer, as_page)),
        Route("/api/v1/status", partial(answer, as_json)),
        Mount("/static", StaticFiles(packages=[("exporter.web", "static")])),
    ]


def runbook_routes() -> Sequence[BaseRoute]:
    """Return the route of the runbooks, from the package: somebody who is paged needs no repository."""
    files = (resources.files("exporter.web") / "runbooks").iterdir()
    texts = {file.name.removesuffix(".md"): file.read_text("utf-8") for file in files}

    @cache
    def page(alert: str) -> str:
        template = _environment().get_template("runbook.html")
        content = Markup(_runbook_html(texts[alert]))  # noqa: S704 (from the package, and without raw HTML)
        return template.render(alert=alert, alerts=sorted(texts), content=content)

    # Not a coroutine: the first one imports what renders it, which scrapes need not wait for.
    def answer(request: Request) -> Response:
        alert = request.path_params["alert"]
        if alert not in texts:
            raise HTTPException(404)
        return HTMLResponse(page(alert), headers={"Content-Security-Policy": RUNBOOK_POLICY})

    return [Route("/runbooks/{alert}", answer)]


def _runbook_html(markdown: str) -> str:
    """Return a runbook as HTML, its headings with the anchors that GitHub gives them."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 (see above)

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


@cache
def _environment() -> "jinja2.Environment":
    """Return the environment of the pages' templates: all that is put in is made visible, then escaped."""
    import jinja2  # noqa: PLC0415 (see above)

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        # Not what is markup or an enumeration.
        finalize=lambda value: status_text.visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals = {"refresh_seconds": REFRESH_SECONDS, "lag_of": lag, "strip_of": strip}
    environment.filters |= {
        "in_words": in_words,
        "quoted": partial(quote, safe="", errors="replace"),
        "url_of_view": _url_of_view,
    }
    for name in ("absolute", "ago", "count", "dpu_hours", "duration", "iso", "size"):
        environment.filters[name] = getattr(status_text, name)
    return environment


def _url_of_view(view: Json) -> str:
    """Return the URL of one view and its runs, the newest first."""
    return StatusQuery({}).url({**{name: view[name] for name in ViewKey._fields}, "runs_sort": "-start"})
