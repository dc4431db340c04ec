"""One connection: uvicorn's HTTP/1.1, with a deadline for whatever a client might never do."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.web.limits import Limits
from exporter.web.lobby import Lobby, Phase
from exporter.web.requests import BoundedRequests

_LOGGER = logging.getLogger("uvicorn.error.connection")
# Below there is a warning for each malformed request, at whatever rate they come.
_LOGGER.setLevel(logging.ERROR)


class Connection(H11Protocol):
    """Counts itself in the lobby, and closes itself when its phase has lasted too long."""

    def __init__(self, lobby: Lobby, limits: Limits, config: uvicorn.Config, state: ServerState) -> None:
        super().__init__(config, state, {})
        self.logger = _LOGGER
        self.conn: BoundedRequests = BoundedRequests(limits)
        self._lobby = lobby
        self._limits = limits
        self._asked = False
        """Whether a first request has come."""
        self._refused = False
        """Whether nothing that still comes in counts."""
        self.watched = Phase.RECEIVING
        """The phase that the timer is for."""
        self.since = self.loop.time()
        """When that phase began."""
        self._timer: asyncio.TimerHandle | None = None
        self._take_until: float | None = None
        """When the client must have taken the answer that it is behind with."""

    # What the lobby sees

    @property
    def phase(self) -> Phase:
        """What it is doing now."""
        cycle = self._under_way
        if self._refused or self.transport.is_closing():
            return Phase.LEAVING
        if self.flow.write_paused or (cycle is None and self._unsent()):
            return Phase.BEHIND
        incomplete = self.conn.their_state is h11.SEND_BODY
        if cycle is not None:
            return Phase.RECEIVING if incomplete and not cycle.response_started else Phase.ANSWERING
        if not self._asked or incomplete or self.conn.trailing_data[0]:
            return Phase.RECEIVING
        return Phase.IDLE

    def abort(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def retire(self) -> None:
        """Close it as soon as the answer under way, if there is one, has been sent."""
        if self.phase is not Phase.LEAVING:
            self.shutdown()

    # What asyncio and uvicorn call

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Begin; a first request is awaited."""
        super().connection_made(transport)
        self._lobby.enter(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._lobby.leave(self)
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        if self.phase is Phase.LEAVING:
            return
        super().data_received(data)
        self._review()

    def handle_events(self) -> None:
        """Handle what has been received; called anew for pipelined requests."""
        super().handle_events()
        self._asked = self._asked or bool(self.cycle)

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        if not self.flow.write_paused:
            self._take_until = None
        super().on_response_complete()
        self._review()

    def pause_writing(self) -> None:
        """Wait: the client does not take in what is sent."""
        super().pause_writing()
        self._review()
        self._lobby.fell_behind()

    def resume_writing(self) -> None:
        """Go on: the client has taken most of it."""
        super().resume_writing()
        if self._under_way is None:
            self._take_until = None
        self._review()

    def timeout_keep_alive_handler(self) -> None:
        """Leave it to the deadlines here: uvicorn's own timer forgets clients that finish a body late."""

    def shutdown(self) -> None:
        """Leave after the answer under way: the server stops, or its certificate is another one."""
        if self.phase is Phase.LEAVING:
            self.abort()
            return
        super().shutdown()
        self._review()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (h11's words; ours are the status's)
        """Refuse what is malformed or too large."""
        self._refuse(HTTPStatus(self.conn.refused_with))

    @property
    def _under_way(self) -> RequestResponseCycle | None:
        """The request that is being answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first one
        return None if cycle is None or cycle.response_complete else cycle

    # Deadlines

    def _review(self) -> None:
        """Watch the phase of now, if it is another than before."""
        if self.phase is not self.watched:
            self.since = self.loop.time()
            self._watch()

    def _watch(self) -> None:
        self._stop_timer()
        self.watched = self.phase
        deadline = self._deadline()
        if deadline is not None:
            self._timer = self.loop.call_at(deadline, self._overdue)

    def _deadline(self) -> float | None:
        """Return until when the phase may last; None for an answer, which is ours to end."""
        match self.watched:
            case Phase.LEAVING:
                seconds = self._limits.farewell_seconds if self._refused else self._limits.answer_seconds
                return self.since + seconds
            case Phase.BEHIND:
                if self._take_until is None:
                    self._take_until = self.since + self._limits.answer_seconds
                return self._take_until
            case Phase.RECEIVING:
                self._take_until = None
                return self.since + self._limits.request_seconds
            case Phase.IDLE:
                self._take_until = None
                return self.since + self._limits.idle_seconds
            case Phase.ANSWERING:
                return None

    def _overdue(self) -> None:
        if self.phase is not self.watched:  # asyncio does not tell when the last bytes have been taken
            self._review()
        elif self.watched is Phase.RECEIVING and self._has_begun():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self.watched is Phase.IDLE:
            self.shutdown()
        else:
            self.abort()

    def _has_begun(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unsent(self) -> int:
        return self.transport.get_write_buffer_size()

    # Refusals

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why if that can still be said, and leave."""
        cycle = self._under_way
        if cycle is not None:
            cycle.disconnected = True  # what the application still sends would come in between
            cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = f"{status.phrase}\n".encode()
            headers = [
                *self.server_state.default_headers,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            for event in (
                h11.Response(status_code=status, headers=headers, reason=status.phrase.encode()),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(cast("Any", self.conn.send(event)))
        self._refused = True
        if self.transport.can_write_eof():
            # To close now would reset the connection if more comes in, and the client would not read why.
            self.flow.resume_reading()
            self.transport.write_eof()
        else:
            self.transport.close()
        self._review()
