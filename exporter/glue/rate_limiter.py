"""Keeps the requests to Glue below a rate, urgent ones first and the others in order of arrival."""

import itertools
import math
import threading
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from typing import Final

from exporter.clock import Clock
from exporter.errors import PollInterrupted

MARGIN: Final = 0.06
"""Seconds by which a window is longer: requests reach Glue later than they leave here, by a varying delay."""
LONGEST_WINDOW: Final = 2.0 + MARGIN
"""Seconds, of rates from 1 on. To lower rates, only the last request matters."""
LONGEST_WAIT: Final = 1.0
"""Seconds after which a turn is computed anew: it comes sooner once a rate is raised or others give up."""
LEAST_SHARE: Final = 5
"""One turn in this many goes to a caller that is not urgent: polls alone must not stop a resync for good."""


@dataclass(frozen=True, slots=True)
class Caller:
    """How long a caller waits for its turn, and whether it is served before others."""

    interrupted: threading.Event
    """Set when the program stops, or the target is dropped."""
    deadline: float = math.inf
    """Monotonic seconds."""
    first: bool = False
    """Whether its turn comes before that of callers without it, whenever they arrived."""

    def check(self, now: float) -> None:
        """Raise PollInterrupted if there is nothing left to wait for."""
        if self.interrupted.is_set() or now >= self.deadline:
            raise PollInterrupted


class RateLimiter:
    """Lets no more than ``requests_per_second`` pass: of 5 five in a second, of 2.5 three in 1.2 seconds.

    No turn is reserved: each caller computes its own from what was sent and how many are ahead of it, and
    again when it wakes. So a changed rate is in force at once, and a poll overtakes a long resync.
    """

    def __init__(self, clock: Clock, requests_per_second: float) -> None:
        self.requests_per_second = requests_per_second
        """May be changed at any time."""
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._queue: list[tuple[bool, int]] = []
        self._urgent_in_a_row = 0
        self._sent: deque[float] = deque()
        """When requests passed, from the oldest that still counts."""

    def acquire(self, caller: Caller) -> None:
        """Return once a request may be sent.

        Raises PollInterrupted at the caller's interruption, or as soon as its turn is certain to be too late.
        """
        with self._lock:
            ticket = (not caller.first, next(self._numbers))
            insort(self._queue, ticket)
        try:
            while seconds := self._seconds_left(ticket, caller):
                self._clock.wait(caller.interrupted, min(seconds, LONGEST_WAIT))
        except BaseException:
            with self._lock:
                self._queue.remove(ticket)
            raise

    def _seconds_left(self, ticket: tuple[bool, int], caller: Caller) -> float:
        """Return the seconds until the turn; with 0 the caller has left the queue, and sends now."""
        with self._lock:
            now = self._clock.monotonic()
            caller.check(now)
            ahead = bisect_left(self._queue, ticket)
            urgent = bisect_left(self._queue, (True, 0))
            if ahead == urgent and not caller.first and self._urgent_in_a_row >= LEAST_SHARE - 1:
                ahead = 0
            turn = self._turn(ahead, now)
            if turn >= caller.deadline:
                raise PollInterrupted
            if turn > now:
                return turn - now
            self._queue.remove(ticket)
            self._sent.append(now)
            self._urgent_in_a_row = self._urgent_in_a_row + 1 if caller.first else 0
            while self._sent[0] < now - LONGEST_WINDOW:
                self._sent.popleft()
            return 0.0

    def _turn(self, ahead: int, now: float) -> float:
        """Return when a caller may send with ``ahead`` others before it, who all send as soon as they may."""
        rate = self.requests_per_second
        limit = math.ceil(rate)
        window = limit / rate + MARGIN
        rounds, place = divmod(ahead, limit)
        free = limit - len(self._sent)
        turn = now if place < free else max(now, self._sent[place - free] + window)
        return turn + rounds * window
