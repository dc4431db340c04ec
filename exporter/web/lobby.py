"""Who is connected, and who has to go when there is no room for one more."""

import asyncio
from enum import IntEnum, auto
from typing import Protocol

from exporter.web.limits import Limits
from exporter.web.seldom import SeldomWarning


class Phase(IntEnum):
    """What a connection is doing; the lower, the less is lost by closing it."""

    LEAVING = auto()
    """It is being closed, and the client takes its time."""
    RECEIVING = auto()
    """A request, or the TLS handshake, is not complete."""
    IDLE = auto()
    """Between two requests."""
    BEHIND = auto()
    """The client does not take its answer as fast as it is sent."""
    ANSWERING = auto()
    """Never closed to make room."""


class Guest(Protocol):
    """One connection, as far as it matters here."""

    @property
    def watched(self) -> Phase:
        """What it was doing when it was last looked at: cheap, for all are asked at each new connection."""

    @property
    def since(self) -> float:
        """When that began, in the event loop's time."""

    def abort(self) -> None:
        """Close it at once."""


class Handshake:
    """A connection until its transport is there."""

    watched = Phase.RECEIVING

    def __init__(self, task: asyncio.Task[None], since: float) -> None:
        self._task = task
        self.since = since

    def abort(self) -> None:
        """Close it at once."""
        self._task.cancel()


class Lobby:
    """All connections, from their acceptance on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._guests: set[Guest] = set()
        self._crowded = SeldomWarning(
            "too many connections: the oldest without a complete request are closed"
        )
        self._slow = SeldomWarning("too many clients that do not take their answers: the slowest are closed")

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guest: Guest) -> None:
        """Count a connection in."""
        self._guests.add(guest)

    def leave(self, guest: Guest) -> None:
        """Count it out; no matter if it has left already."""
        self._guests.discard(guest)

    def make_room(self) -> bool:
        """Close what is least lost if the house is full; tell whether one more may enter.

        Oldest first: who is about to send a request has come a moment ago, who holds a place for
        nothing has been there for long.
        """
        if len(self._guests) < self._limits.connections:
            return True
        self._crowded.happened()
        return self.dismiss_one()

    def dismiss_one(self) -> bool:
        """Close the connection that is least lost; False if all are being answered."""
        victim = min(self._guests, key=lambda guest: (guest.watched, guest.since), default=None)
        if victim is None or victim.watched is Phase.ANSWERING:
            return False
        self._dismiss(victim)
        return True

    def fell_behind(self) -> None:
        """Close who has been behind for longest, if too many are: what waits for them fills the memory."""
        behind = [guest for guest in self._guests if guest.watched is Phase.BEHIND]
        if len(behind) > self._limits.clients_behind:
            self._slow.happened()
            self._dismiss(min(behind, key=lambda guest: guest.since))

    def dismiss_all(self) -> None:
        """Close every connection."""
        for guest in tuple(self._guests):
            self._dismiss(guest)

    def _dismiss(self, guest: Guest) -> None:
        self._guests.discard(guest)
        guest.abort()
