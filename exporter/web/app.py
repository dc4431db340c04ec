"""The routes and their answers. A scrape never waits for AWS: it sends what is already encoded."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
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


class Scrape(Protocol):
    """An exposition, ready to be sent."""

    @property
    def content_type(self) -> str:
        """The ``Content-Type``."""

    @property
    def content_encoding(self) -> str | None:
        """The ``Content-Encoding``; None for identity."""

    @property
    def length(self) -> int:
        """Bytes of all chunks."""

    @property
    def chunks(self) -> Iterable[bytes]:
        """The body, to be read once. Encoded ones are quickly joined; plain ones are inflated one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the routes ask for. All functions are quick, and safe to call from any thread."""

    scrape: Callable[[str | None, str | None], Scrape]
    """From the headers ``Accept`` and ``Accept-Encoding``."""
    trouble: Callable[[], str | None]
    """Why polling is not alive; None while it is."""
    ready: Callable[[], bool]
    """Whether every target's first poll has ended."""
    reload: Callable[[], Sequence[str]] | None = None
    """Reloads the configuration; returns what is wrong with it. None: not allowed over HTTP."""
    pages: Sequence[BaseRoute] = ()
    """Routes beside these: the status page's."""


def make_app(site: Site) -> ASGIApp:
    """Return the ASGI application."""
    pages = _Pages(site)
    app = Starlette(
        routes=[
            Route("/metrics", _Metrics(site.scrape), methods=["GET"]),
            Route("/-/healthy", pages.healthy),
            Route("/-/ready", pages.ready),
            Route("/-/reload", pages.reload, methods=["POST"]),
            *site.pages,
        ]
    )
    # A redirect from /metrics/ would lead where the request's Host header says.
    app.router.redirect_slashes = False
    # Around the application, not a middleware of it: its answer to an unexpected error passes none.
    return SecurityHeaders(app)


class _Pages:
    """The answers. These are not coroutines, so that each runs in a thread: they may wait for a lock."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def healthy(self, _: Request) -> Response:
        trouble = self._site.trouble()
        return PlainTextResponse(f"{trouble}\n" if trouble else "healthy\n", 503 if trouble else 200)

    def ready(self, _: Request) -> Response:
        if self._site.ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the first poll of some target has not ended yet\n", 503)

    def reload(self, _: Request) -> Response:
        if self._site.reload is None:
            return PlainTextResponse("reloading over HTTP is off: see --web.enable-lifecycle\n", 403)
        problems = self._site.reload()
        if problems:
            return PlainTextResponse("\n".join(["keeping the previous configuration:", *problems, ""]), 500)
        return PlainTextResponse("reloaded\n")


class _Metrics:
    """Sends a scrape chunk by chunk.

    An endpoint below Starlette's requests and responses: these, its StreamingResponse above all, which asks a
    thread for each chunk, took longer than all the rest of a scrape with gzip.
    """

    def __init__(self, scrape: Callable[[str | None, str | None], Scrape]) -> None:
        self._scrape = scrape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # On the event loop: it joins what is at hand, which takes less time than to wake a thread up.
        asked = Headers(scope=scope)
        scrape = self._scrape(asked.get("accept"), asked.get("accept-encoding"))
        headers = [
            (b"vary", b"Accept, Accept-Encoding"),
            (b"content-type", scrape.content_type.encode()),
            (b"content-length", b"%d" % scrape.length),
        ]
        if scrape.content_encoding:
            headers.append((b"content-encoding", scrape.content_encoding.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            pass  # the server would drop what had been made for nothing
        elif scrape.content_encoding:
            for chunk in scrape.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        else:
            await self._send_plain(scrape, Request(scope, receive), send)
        await send({"type": "http.response.body", "body": b""})

    async def _send_plain(self, scrape: Scrape, request: Request, send: Send) -> None:
        async for chunk in iterate_in_threadpool(scrape.chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if await request.is_disconnected():
                break


class SecurityHeaders:
    """Adds the security headers to every answer, errors included; what an answer sets itself stays."""

    def __init__(self, app: ASGIApp, configured: Callable[[], Mapping[str, str]] = dict) -> None:
        """Add ``configured`` headers, too, which replace all others of their names."""
        self._app = app
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, _with_headers(send, self._configured()))


def _with_headers(send: Send, configured: Mapping[str, str]) -> Callable[[Message], Awaitable[None]]:
    replacing = {name.lower().encode(): value.encode() for name, value in configured.items()}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [one for one in message.get("headers", ()) if one[0].lower() not in replacing]
            headers += replacing.items()
            # The status page has a policy of its own, and its files may be kept for a while.
            own = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in SECURITY_HEADERS.items() if name not in own]
            message["headers"] = headers
        await send(message)

    return send_with_headers
