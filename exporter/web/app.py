"""The routes and their answers, and what a request passes on its way to them.

A scrape never waits for AWS: it sends what is already encoded.
"""

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import structlog
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock
from exporter.model.settings import RateLimit, WebSettings
from exporter.web.auth import OPEN_PATHS, Passwords

HEAD_BYTES = 16 * 1024
"""Of a request's line and headers."""
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
_TOO_LARGE = PlainTextResponse("the request's headers are too large\n", 431)
_TOO_MANY = PlainTextResponse("too many requests: see rate_limit in the web configuration\n", 429)

log = structlog.get_logger()


Scrape = tuple[str, str | None, int, Iterable[bytes]]
"""Content type, content encoding (None: plain), length, and the body in chunks, to be read once.

Encoded chunks are quickly joined; plain ones are inflated one by one.
"""


def make_app(
    *,
    scrape: Callable[[str | None, str | None], Scrape],
    trouble: Callable[[], str | None],
    ready: Callable[[], bool],
    reload: Callable[[], Sequence[str]] | None = None,
    pages: Sequence[BaseRoute] = (),
    settings: Callable[[], WebSettings] = WebSettings,
) -> ASGIApp:
    """Return the ASGI application. It calls these functions from any thread, and expects them to be quick.

    ``scrape``: from the headers ``Accept`` and ``Accept-Encoding``. ``trouble``: why polling is not alive;
    None while it is. ``ready``: whether every target's first poll has ended. ``reload``: returns what is
    wrong with the configuration; None: not allowed over HTTP. ``settings``: the web configuration in use.
    """

    # These are not coroutines, so that each runs in a thread: they may wait for a lock.
    def answer_healthy(_: Request) -> Response:
        reason = trouble()
        return PlainTextResponse(f"{reason}\n" if reason else "healthy\n", 503 if reason else 200)

    def answer_ready(_: Request) -> Response:
        if ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the first poll of some target has not ended yet\n", 503)

    def answer_reload(_: Request) -> Response:
        if reload is None:
            return PlainTextResponse("reloading over HTTP is off: see --web.enable-lifecycle\n", 403)
        if problems := reload():
            return PlainTextResponse("\n".join(["keeping the previous configuration:", *problems, ""]), 500)
        return PlainTextResponse("reloaded\n")

    app = Starlette(
        routes=[
            Route("/metrics", _Metrics(scrape), methods=["GET"]),
            Route("/-/healthy", answer_healthy),
            Route("/-/ready", answer_ready),
            Route("/-/reload", answer_reload, methods=["POST"]),
            *pages,
        ]
    )
    # A redirect from /metrics/ would lead where the request's Host header says.
    app.router.redirect_slashes = False
    return guarded(app, settings, Clock())


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
        content_type, encoding, length, chunks = self._scrape(
            asked.get("accept"), asked.get("accept-encoding")
        )
        headers = [
            (b"vary", b"Accept, Accept-Encoding"),
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % length),
        ]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            pass  # the server would drop what had been made for nothing
        elif encoding:
            for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        else:
            request = Request(scope, receive)
            async for chunk in iterate_in_threadpool(chunks):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if await request.is_disconnected():
                    break
        await send({"type": "http.response.body", "body": b""})


def guarded(app: ASGIApp, settings: Callable[[], WebSettings], clock: Clock) -> ASGIApp:
    """Return the application behind headers, limits, passwords and a log of requests, at debug.

    Around all, not a middleware of the application: its answer to an unexpected error passes none. Neither
    a query nor a header is logged, for a secret might be in it.
    """
    tokens, passwords = _Tokens(clock), Passwords()

    async def refusal(scope: Scope, used: WebSettings) -> ASGIApp | None:
        if _head_length(scope) > HEAD_BYTES:
            return _TOO_LARGE
        if scope["path"] in OPEN_PATHS:
            return None
        if used.rate_limit and not tokens.take(used.rate_limit):
            return _TOO_MANY
        return await passwords.refusal(used.users, scope["headers"]) if used.users else None

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        begun, used = perf_counter(), settings()
        status: int | None = None
        configured = {name.lower().encode(): text.encode() for name, text in used.headers.items()}

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # What an answer sets itself comes between: the pages have policies of their own.
                message["headers"] = list(
                    {**SECURITY_HEADERS, **dict(message["headers"]), **configured}.items()
                )
            await send(message)

        try:
            answer = await refusal(scope, used) or app
            await answer(scope, receive, send_with_headers)
        finally:
            seconds = round(perf_counter() - begun, 4)
            log.debug("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)

    return call


def _head_length(scope: Scope) -> int:
    """Return the bytes of a request's head. Those that are incomplete, h11 bounds."""
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    return line + headers + len("  HTTP/1.1\r\n\r\n")


class _Tokens:
    """A token bucket for all clients together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._filled_for: RateLimit | None = None
        self._tokens = 0.0
        self._at = 0.0
        """When they were last counted, in monotonic seconds."""

    def take(self, limit: RateLimit) -> bool:
        """Take a token. Returns whether there was one."""
        now = self._clock.monotonic()
        if limit != self._filled_for:
            self._filled_for, self._tokens = limit, float(limit.burst)
        else:
            self._tokens = min(limit.burst, self._tokens + (now - self._at) / limit.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
