"""uvicorn on listening sockets, with limits, and with a TLS context that can be replaced while it runs."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.web.app import HEAD_BYTES
from exporter.web.tls import is_allowed

CONNECTIONS = 512
"""Of all clients: beyond it, the one that has waited longest for a request is closed."""
GRACE_PERIOD = 2
"""Seconds that answers under way get when the server stops."""

log = structlog.get_logger()
_uvicorn_log = logging.getLogger("uvicorn.error.connection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds until a connection is closed."""

    handshake: float = 10.0
    """For a TLS handshake; asyncio's own minute is long for something that holds 256 KiB."""
    request: float = 10.0
    """For a whole request: from the start of the connection, or from a later request's first byte."""
    answer: float = 120.0
    """For the client to take an answer: longer than scrape timeouts."""
    idle: int = 65
    """Between two requests: longer than most scrape intervals, so that one connection serves all scrapes."""
    handover: float = 2.0
    """After the TLS context has been replaced: for requests that are on their way."""


class Server:
    """Serves an application until it is stopped. ``replace_context`` and ``stop`` are for any thread.

    asyncio gives a listening socket one TLS context for good, and a context can forget neither the CAs of
    clients nor sessions to resume. So each context gets a uvicorn server of its own, on a duplicate of the
    listening socket, and the one before ends once its answers are sent.
    """

    def __init__(
        self, app: ASGIApp, context: ssl.SSLContext | None = None, timeouts: Timeouts = Timeouts()
    ) -> None:
        """``context``: None for plain HTTP."""
        self._app = app
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
        _uvicorn_log.setLevel(logging.ERROR)
        # All duplicates share the mode, and each takes over what this one has: while it is blocking, an
        # accept of the server before would wait for a connection that the next one has taken.
        for listener in listeners:
            listener.setblocking(False)
        servers: dict[asyncio.Task[None], _UvicornServer] = {}
        while not self._stopping:
            self._changed.clear()
            server = _UvicornServer(self._app, self._context, self._timeouts)
            task = asyncio.create_task(server.serve(sockets=[one.dup() for one in listeners]))
            await server.listening.wait()
            for previous in servers.values():
                previous.hand_over()
            servers[task] = server
            task.add_done_callback(servers.pop)
            task.add_done_callback(self._ended)
            await self._changed.wait()
        for listener in listeners:
            listener.close()
        for server in servers.values():
            server.should_exit = True
        for seconds in (GRACE_PERIOD, 1):
            if servers:
                await asyncio.wait(servers, timeout=seconds)
            for connection in [one for server in servers.values() for one in server.connections()]:
                connection.transport.abort()
        if servers:
            # What still runs is cancelled with the event loop: not an error, but uvicorn logs a traceback.
            _uvicorn_log.setLevel(logging.CRITICAL)

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

    def __init__(self, app: ASGIApp, context: ssl.SSLContext | None, timeouts: Timeouts) -> None:
        super().__init__(
            uvicorn.Config(
                app,
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
        self.timeouts = timeouts
        self.listening = asyncio.Event()
        self.waiting: dict[_Connection, None] = {}
        """Connections that wait for a request, in the order in which they began to."""
        self._context = context

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
                    lambda: _Connection(self),
                    sock=listener,
                    ssl=self._context,
                    backlog=self.config.backlog,
                    ssl_handshake_timeout=self.timeouts.handshake if self._context else None,
                )
                self.servers.append(server)
        finally:
            self.listening.set()

    def connections(self) -> list["_Connection"]:
        """Return all connections, those in TLS handshakes aside."""
        return [one for one in self.server_state.connections if isinstance(one, _Connection)]

    def make_room(self) -> None:
        """Close the connection that has waited longest for a request; none if all are being answered."""
        longest = next(iter(self.waiting), None)
        if longest is not None:
            # Now, not when the event loop says that it is lost: the next one counts before that.
            del self.waiting[longest]
            self.server_state.connections.discard(longest)
            longest.transport.abort()

    def hand_over(self) -> None:
        """Accept no more, give connections that were just accepted time for their request, then end.

        asyncio's servers are closed only then: they would leave a connection that was accepted in this round
        of the event loop without an answer.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        loop.call_later(self.timeouts.handover, self._end)

    def _end(self) -> None:
        self.should_exit = True


class _Connection(H11Protocol):
    """uvicorn's HTTP/1.1 with a deadline for each thing that a client may leave undone (slowloris).

    Not by httptools, which accepts heads of any size.
    """

    def __init__(self, server: _UvicornServer) -> None:
        super().__init__(server.config, server.server_state, {})
        self.logger = _uvicorn_log
        self._server = server
        self._phase = ""
        """What it waits for: ``request``, ``answer`` (until the client has taken it), or ``idle``."""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Wait for a request, if the client may send one."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        # Where another server has taken over, the handshake began under a context that has been replaced.
        if self._server.should_exit or (tls is not None and not is_allowed(tls)):
            transport.abort()
            return
        if len(self.connections) >= CONNECTIONS:
            self._server.make_room()
        self._review()

    def data_received(self, data: bytes) -> None:
        """Read a request, or a part of one."""
        super().data_received(data)
        self._review()

    def on_response_complete(self) -> None:
        """Wait for the next request, or begin with one that was sent ahead."""
        super().on_response_complete()
        self._review()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; hang up where its head was valid, for its answer has begun."""
        if self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
            return
        self.cycle.disconnected = True  # what the application still sends has no place any more
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._leave_phase()

    def _review(self) -> None:
        """Start the deadline of a new phase. Within a phase nothing that a client sends moves it."""
        phase = self._current_phase()
        if phase == self._phase or self not in self.connections:
            return
        self._leave_phase()
        self._phase = phase
        if phase != "answer":
            self._server.waiting[self] = None
        timeouts = self._server.timeouts
        # uvicorn closes an idle connection; this ends one whose client does not let it, for it takes nothing.
        limits = {
            "request": timeouts.request,
            "answer": timeouts.answer,
            "idle": timeouts.idle + timeouts.request,
        }
        self._deadline = self.loop.call_later(limits[phase], self.transport.abort)

    def _current_phase(self) -> str:
        begun = self.cycle is not None
        if self.conn.their_state is h11.SEND_BODY or not begun:
            return "request"
        if not self.cycle.response_complete:
            return "answer"
        return "request" if self.conn.trailing_data[0] else "idle"

    def _leave_phase(self) -> None:
        self._server.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
