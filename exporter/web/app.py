"""The routes and their answers. A scrape never waits for AWS: it sends what is already encoded."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}

LANDING_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>glue-mv-exporter</title>
<h1>glue-mv-exporter</h1>
<p>Prometheus exporter for AWS Glue materialized view refresh task runs.</p>
<ul>
<li><a href="metrics">/metrics</a>: what Prometheus scrapes</li>
<li><a href="-/healthy">/-/healthy</a>: whether the poll loop is alive</li>
<li><a href="-/ready">/-/ready</a>: whether every target has been polled</li>
</ul>
"""


class Scrape(Protocol):
    """An exposition, ready to be sent."""

    @property
    def content_type(self) -> str:
        """The ``Content-Type``."""

    @property
    def content_encoding(self) -> str | None:
        """The ``Content-Encoding``; None for identity."""

    @property
    def length(self) -> int | None:
        """Bytes of all chunks; None where that is not known before they are sent."""

    @property
    def chunks(self) -> Iterable[bytes]:
        """The body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the routes ask for. All functions are quick, and safe to call from any thread."""

    scrape: Callable[[str | None, str | None], Scrape]
    """From the headers ``Accept`` and ``Accept-Encoding``."""
    trouble: Callable[[], str | None]
    """Why polling is not alive; None while it is."""
    ready: Callable[[], bool]
    """Whether every target's first poll has ended."""


def make_app(site: Site) -> ASGIApp:
    """Return the ASGI application."""

    def metrics(request: Request) -> Response:
        scrape = site.scrape(request.headers.get("accept"), request.headers.get("accept-encoding"))
        headers = {"Vary": "Accept, Accept-Encoding", "Content-Type": scrape.content_type}
        if scrape.content_encoding:
            headers["Content-Encoding"] = scrape.content_encoding
        if scrape.length is not None:
            headers["Content-Length"] = str(scrape.length)
        return StreamingResponse(scrape.chunks, headers=headers)

    def healthy(_: Request) -> Response:
        trouble = site.trouble()
        return PlainTextResponse(f"{trouble}\n" if trouble else "healthy\n", 503 if trouble else 200)

    def ready(_: Request) -> Response:
        if site.ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the first poll of some target has not ended yet\n", 503)

    async def landing(_: Request) -> Response:
        return HTMLResponse(LANDING_PAGE)

    app = Starlette(
        routes=[
            Route("/", landing),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
        ]
    )
    # A redirect from /metrics/ would lead where the request's Host header says.
    app.router.redirect_slashes = False
    # Around all of it, and no middleware of Starlette's: what that answers to a fault of ours passes none.
    return SecurityHeaders(app)


class SecurityHeaders:
    """Adds the security headers to every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS.items()]
        await send(message)

    return send_with_headers
