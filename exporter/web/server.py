"""Runs the application on a listening socket until it is told to stop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.web.acceptor import Acceptor
from exporter.web.basic_auth import BasicAuth
from exporter.web.connection import Connection
from exporter.web.limits import Limits
from exporter.web.lobby import Lobby
from exporter.web.security import LiveSecurity

GRACE_PERIOD = 2
"""Seconds that answers under way get when the server stops."""
LOOK_EVERY = 1.0
"""Seconds between looks at the files of TLS and users while nobody connects."""

log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn without its signal handlers and its way to accept connections: the program has its own."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        security: LiveSecurity | None = None,
        limits: Limits | None = None,
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """``security``: TLS and users; None: plain HTTP for everybody.

        ``around``: what sees every request, those without a password included.
        """
        self._security = security
        self._limits = limits or Limits()
        self._lobby = Lobby(self._limits)
        self._acceptors: list[Acceptor] = []
        self._tasks: list[asyncio.Task[None]] = []
        super().__init__(
            uvicorn.Config(
                around(BasicAuth(app, self._users) if security else app),
                # h11, not httptools: that one accepts heads of any size.
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Any client on this machine could otherwise claim to be another one.
                proxy_headers=False,
                timeout_keep_alive=self._limits.idle_seconds,
                timeout_graceful_shutdown=GRACE_PERIOD + 1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program."""
        yield

    async def run_on(self, listener: socket.socket) -> None:
        """Serve on this socket until :meth:`stop`; closes it."""
        await self.serve(sockets=[listener])

    def stop(self) -> None:
        """Let the server finish the answers under way and return."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections from the sockets."""
        await super().startup(sockets=[])
        for listener in sockets or ():
            acceptor = Acceptor(listener, self._make_connection, self._context, self._lobby, self._limits)
            self._acceptors.append(acceptor)
            self._begin(acceptor.run())
        if self._security:
            self._begin(self._renew(self._security))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 (uvicorn's)
        """Accept no more, finish the answers under way, close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for acceptor in self._acceptors:
            await acceptor.stop()
        # Before uvicorn cancels what is left, with a traceback for each client that takes its time.
        cut_off = asyncio.get_running_loop().call_later(GRACE_PERIOD, self._lobby.dismiss_all)
        await super().shutdown(sockets=[])
        cut_off.cancel()
        self._lobby.dismiss_all()
        await asyncio.sleep(0)  # for the transports to close their sockets

    def _make_connection(self) -> Connection:
        return Connection(self._lobby, self._limits, self.config, self.server_state)

    def _context(self) -> ssl.SSLContext | None:
        return self._security.refresh().context if self._security else None

    def _users(self) -> Mapping[str, str]:
        return self._security.refresh().settings.users if self._security else {}

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Neither task ends by itself: without them the server would look alive, and not be."""
        if not task.cancelled():
            log.error("the web server failed", exc_info=task.exception())
            self.should_exit = True

    async def _renew(self, security: LiveSecurity) -> None:
        """Close the connections that were let in under what is no longer valid."""
        generation = security.generation
        while True:
            await asyncio.sleep(LOOK_EVERY)
            security.refresh()
            if security.generation != generation:
                generation = security.generation
                for acceptor in self._acceptors:
                    acceptor.give_up_outdated()
                for connection in list(self.server_state.connections):
                    if isinstance(connection, Connection):
                        connection.retire()
