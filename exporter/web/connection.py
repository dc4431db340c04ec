"""One connection: uvicorn's HTTP/1.1 with a deadline for each thing that a client may leave undone."""

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum, auto

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.tls import is_allowed

LOGGER = logging.getLogger("uvicorn.error.connection")
"""What uvicorn logs of connections, and of errors in the application."""
CONNECTIONS = 512
"""Of all clients: beyond it, the one that has waited longest for a request is closed."""


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


class Phase(Enum):
    """What a connection waits for."""

    REQUEST = auto()
    """A whole request."""
    ANSWER = auto()
    """The answer, until the client has taken it."""
    IDLE = auto()
    """The next request."""


class Connections(ServerState):
    """What the connections of one uvicorn server share."""

    def __init__(self, timeouts: Timeouts) -> None:
        super().__init__()
        self.seconds = {
            Phase.REQUEST: timeouts.request,
            Phase.ANSWER: timeouts.answer,
            # uvicorn closes it first; this is for a client that does not let it.
            Phase.IDLE: timeouts.idle + timeouts.request,
        }
        self.without_request: dict[Connection, None] = {}
        """Those on which no answer is under way, in the order in which they began to wait."""
        self.replaced = False
        """Whether another server has taken over, with another TLS context."""

    def close_longest_waiting(self) -> None:
        """Close the connection that has waited longest for a request; none if all are being answered."""
        connection = next(iter(self.without_request), None)
        if connection is not None:
            # Now, not when the event loop says that it is lost: the next one counts before that.
            del self.without_request[connection]
            self.connections.discard(connection)
            connection.transport.abort()


class Connection(H11Protocol):
    """Closes itself when its phase has lasted too long (slowloris)."""

    server_state: Connections

    def __init__(self, config: uvicorn.Config, state: Connections) -> None:
        super().__init__(config, state, {})
        self.logger = LOGGER
        self._phase: Phase | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Wait for a request."""
        super().connection_made(transport)
        if self.server_state.replaced:
            transport.abort()  # its handshake began under a context that is no longer valid
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and not is_allowed(tls):
            transport.abort()
            return
        if len(self.connections) >= CONNECTIONS:
            self.server_state.close_longest_waiting()
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
        """Forget the connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.server_state.without_request.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()

    def _review(self) -> None:
        """Start the deadline of a new phase. Within a phase nothing that a client sends moves it."""
        phase = self._current_phase()
        if phase is self._phase or self not in self.connections:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.server_state.seconds[phase], self.transport.abort)
        self.server_state.without_request.pop(self, None)
        if phase is not Phase.ANSWER:
            self.server_state.without_request[self] = None

    def _current_phase(self) -> Phase:
        begun = self.cycle is not None
        if self.conn.their_state is h11.SEND_BODY or not begun:
            return Phase.REQUEST
        if not self.cycle.response_complete:
            return Phase.ANSWER
        return Phase.REQUEST if self.conn.trailing_data[0] else Phase.IDLE
