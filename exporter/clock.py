"""Time as an argument: the program uses :class:`SystemClock`, a test its own."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Where every part of the exporter gets its time from."""

    def time(self) -> float:
        """Return the wall clock: Unix time in seconds. It may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, ``seconds`` at most; tell whether it is set."""


class SystemClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Return the wall clock: Unix time in seconds. It may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, ``seconds`` at most; tell whether it is set."""
        return event.wait(seconds)
