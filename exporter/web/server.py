"""uvicorn on listening sockets, with limits, and with a TLS context that can be replaced while it runs."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.app import SecurityHeaders
from exporter.web.connection import CONNECTIONS, LOGGER, Connection, Connections, Timeouts

HEAD_BYTES = 16 * 1024
"""Of a request's line and headers."""
GRACE_PERIOD = 2
"""Seconds that answers under way get when the server stops."""

log = structlog.get_logger()


class Server:
    """Serves an application until it is stopped. ``replace_context`` and ``stop`` are for any thread.

    asyncio gives a listening socket one TLS context for good, and a context can forget neither the CAs of
    clients nor sessions to resume. So each context gets a uvicorn server of its own, on a duplicate of the
    listening socket, and the one before ends once its answers are sent.
    """

    def __init__(
        self,
        app: ASGIApp,
        context: ssl.SSLContext | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen, so one for all calls does)
    ) -> None:
        """``context``: None for plain HTTP."""
        self._app = _HeadLimit(app)
        self._context = context
        self._timeouts = timeouts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._stopping = False

    def replace_context(self, context: ssl.SSLContext | None) -> None:
        """Use this TLS context for new connections; None for plain HTTP."""
        self._context = context
        self._wake()

    def stop(self) -> None:
        """Let the server finish the answers under way and return."""
        self._stopping = True
        self._wake()

    async def run_on(self, *listeners: socket.socket) -> None:
        """Serve on these sockets until :meth:`stop`; closes them."""
        self._loop = asyncio.get_running_loop()
        # Below there is a warning for each malformed request, at whatever rate they come.
        LOGGER.setLevel(logging.ERROR)
        # All duplicates share the mode, and each takes over what this one has: while it is blocking, an
        # accept of the server before would wait for a connection that the next one has taken.
        for listener in listeners:
            listener.setblocking(False)
        servers: dict[asyncio.Task[None], _UvicornServer] = {}
        current: _UvicornServer | None = None
        with contextlib.ExitStack() as opened:
            for listener in listeners:
                opened.enter_context(listener)
            while not self._stopping:
                self._changed.clear()
                previous, current = current, _UvicornServer(self._app, self._context, self._timeouts)
                task = asyncio.create_task(current.serve(sockets=[one.dup() for one in listeners]))
                servers[task] = current
                task.add_done_callback(servers.pop)
                task.add_done_callback(self._ended)
                await current.listening.wait()
                if previous is not None:
                    previous.hand_over()
                await self._changed.wait()
        for server in servers.values():
            server.should_exit = True
        for seconds in (GRACE_PERIOD, 1):
            if servers:
                await asyncio.wait(servers, timeout=seconds)
            for server in servers.values():
                server.close_connections()
        if servers:
            # What still runs is cancelled with the event loop: not an error, but uvicorn logs a traceback.
            LOGGER.setLevel(logging.CRITICAL)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("the web server failed", exc_info=error)
            self.stop()

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: there is nothing left to do
                self._loop.call_soon_threadsafe(self._changed.set)


class _UvicornServer(uvicorn.Server):
    """uvicorn with one TLS context, and without its signal handlers: the program has its own."""

    server_state: Connections

    def __init__(self, app: ASGIApp, context: ssl.SSLContext | None, timeouts: Timeouts) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # Not httptools: that accepts heads of any size.
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Any client on this machine could otherwise claim to be another one.
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                h11_max_incomplete_event_size=HEAD_BYTES,
                timeout_keep_alive=timeouts.idle,
            )
        )
        self.server_state = Connections(timeouts)
        self.listening = asyncio.Event()
        self._context = context
        self._timeouts = timeouts

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as uvicorn does, but with a shorter limit for handshakes, which it does not offer."""
        await super().startup(sockets=[])
        try:
            for listener in sockets or ():
                server = await asyncio.get_running_loop().create_server(
                    lambda: Connection(self.config, self.server_state),
                    sock=listener,
                    ssl=self._context,
                    backlog=self.config.backlog,
                    ssl_handshake_timeout=self._timeouts.handshake if self._context else None,
                )
                self.servers.append(server)
        finally:
            self.listening.set()

    def hand_over(self) -> None:
        """Accept no more, give connections that were just accepted time for their request, then end.

        asyncio's servers are closed only then: they would leave a connection that was accepted in this round
        of the event loop without an answer.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        loop.call_later(self._timeouts.handover, self._end)

    def close_connections(self) -> None:
        """Close every connection, whatever it is doing."""
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.transport.abort()

    def _end(self) -> None:
        self.server_state.replaced = True
        self.should_exit = True


class _HeadLimit:
    """Refuses heads that are too large and arrive at once: h11 bounds those that are incomplete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refusal = SecurityHeaders(PlainTextResponse("the request's headers are too large\n", 431))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
        headers = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
        allowed = line + headers + len("  HTTP/1.1\r\n\r\n") <= HEAD_BYTES
        await (self._app if allowed else self._refusal)(scope, receive, send)
