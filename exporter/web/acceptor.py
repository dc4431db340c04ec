"""Accepts connections: each gets the TLS context of its moment, and a place in the lobby."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog

from exporter.web.limits import Limits
from exporter.web.lobby import Handshake, Lobby
from exporter.web.seldom import SeldomWarning

_PAUSE = 0.2
"""Seconds before the next try when the system has no more files or memory for connections."""

log = structlog.get_logger()


class Acceptor:
    """Takes connections from a listening socket.

    asyncio's own server would keep one TLS context for good (and swapping it from its SNI callback
    leaves the old demands on clients in force), and would not tell of connections whose handshake
    never ends.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        context: Callable[[], ssl.SSLContext | None],
        lobby: Lobby,
        limits: Limits,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._context = context
        self._lobby = lobby
        self._limits = limits
        self._handshakes: dict[asyncio.Task[None], ssl.SSLContext | None] = {}
        """Connections without a transport as yet, and what each must comply with."""
        self._waiting: set[socket.socket] = set()
        """Those whose task has not taken its first step: if it is cancelled, it never will."""
        self._exhausted = SeldomWarning("no connection can be accepted")

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue  # gone before it was accepted
            except OSError as error:
                self._exhausted.happened(error=error.strerror)
                self._lobby.dismiss_one()
                await asyncio.sleep(_PAUSE)
                continue
            self._admit(connection)
            # Accepting does not wait while there is a queue: let everybody else have their turn.
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Close the listening socket, and give up the handshakes under way."""
        self._listener.close()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def give_up_outdated(self) -> None:
        """Close the connections whose handshake has begun under what is no longer valid.

        They would be let in by rules that are gone, once their handshake ends.
        """
        current = self._context()
        for task, context in tuple(self._handshakes.items()):
            if context is not current:
                task.cancel()

    def _admit(self, connection: socket.socket) -> None:
        if not self._lobby.make_room():
            connection.close()
            return
        context = self._context()
        task = asyncio.create_task(self._open(connection, context))
        handshake = Handshake(task, asyncio.get_running_loop().time())
        self._lobby.enter(handshake)
        self._handshakes[task] = context
        self._waiting.add(connection)

        def done(task: asyncio.Task[None]) -> None:
            if connection in self._waiting:
                self._waiting.discard(connection)
                connection.close()
            self._lobby.leave(handshake)
            self._handshakes.pop(task, None)

        task.add_done_callback(done)

    async def _open(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        """Make a transport of the socket, after the TLS handshake if there is to be one."""
        self._waiting.discard(connection)
        timeout = self._limits.handshake_seconds if context else None
        try:
            connection.setblocking(False)
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                # Else what follows the head waits 40 ms for the client to confirm that; asyncio itself sets
                # it only on sockets that were made with the protocol's number.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=context,
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=self._limits.farewell_seconds if context else None,
            )
        except OSError as error:  # TLS errors are of that kind, too
            log.debug("a connection came to nothing", reason=str(error))
