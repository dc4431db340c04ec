"""Time as an argument: a test has a clock of its own."""

import threading
import time


class Clock:
    """The clock of this machine, from which every part of the exporter gets its time."""

    def time(self) -> float:
        """Return the wall clock: Unix time in seconds. It may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, ``seconds`` at most; return whether it is set."""
        return event.wait(seconds)
