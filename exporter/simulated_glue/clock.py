"""The time that the simulation lives by: this machine's, or one that a test moves."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Where the simulated Glue gets its time from."""

    def time(self) -> float:
        """Return Unix time in seconds."""


class SystemClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Return Unix time in seconds."""
        return time.time()


class ManualClock:
    """A clock that stands still until it is told to move; safe to share between threads."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = start

    def time(self) -> float:
        """Return Unix time in seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> float:
        """Move on by so many seconds and return the new time."""
        with self._lock:
            self._now += seconds
            return self._now
