"""The alerts' runbooks as pages, from the package: somebody who is paged needs no repository."""

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.web.status_page import make_environment, static_files

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""Content-Security-Policy of these pages: a style and an icon, both from here."""

_ALL_ALERTS = "../alerts.md"
_OTHER_RUNBOOK = re.compile(r"(\w+)\.md(#[\w-]+)?")


def runbook_routes() -> Sequence[BaseRoute]:
    """Return the route of the runbooks. Each is rendered when it is first asked for."""
    folder = resources.files("exporter.web") / "runbooks"
    texts = {file.name.removesuffix(".md"): file.read_text("utf-8") for file in folder.iterdir()}
    alerts = sorted(texts)
    template = make_environment(static_files()).get_template("runbook.html")

    @cache
    def page(alert: str) -> str:
        content = Markup(to_html(texts[alert]))  # noqa: S704 (from the package, and without raw HTML)
        return template.render(alert=alert, alerts=alerts, content=content)

    async def answer(request: Request) -> Response:
        alert = request.path_params["alert"]
        if alert not in texts:
            return PlainTextResponse("Not Found", 404)
        return Response(page(alert), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    return (Route("/runbooks/{alert}", answer),)


def to_html(markdown: str) -> str:
    """Return a runbook as HTML.

    Links to other runbooks lead to their pages, and the one to all alerts to the list below. What else is
    linked to in the repository is not in the package: it stays as plain text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens: list[Token] = []
    for token in parser.parse(markdown):
        if token.type == "inline":
            if tokens[-1].type == "heading_open":
                tokens[-1].attrSet("id", _anchor(token.content))
            token.children = _with_links_of_here(token.children or [])
        tokens.append(token)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _anchor(heading: str) -> str:
    """Return a heading's anchor, made as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _with_links_of_here(tokens: Sequence[Token]) -> list[Token]:
    """Return a text's tokens with links that lead somewhere here. Links do not nest."""
    kept: list[Token] = []
    leads_here = True
    for token in tokens:
        if token.type == "link_open":
            there = _link(str(token.attrGet("href")))
            token.attrSet("href", there or "")
            leads_here = there is not None
        if leads_here or not token.type.startswith("link_"):
            kept.append(token)
    return kept


def _link(link: str) -> str | None:
    """Return where a link of a runbook leads on its page; None for what is not in the package."""
    if link == _ALL_ALERTS:
        return "#alerts"
    other = _OTHER_RUNBOOK.fullmatch(link)
    return other[1] + (other[2] or "") if other else None
