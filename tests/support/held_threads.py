"""Threads that wait on a clock which only the test moves."""

import threading
from collections.abc import Callable

from tests.support.clock import ManualClock, eventually


class HeldThreads:
    """Starts work in threads; each step ends when all have ended, or wait for a later time."""

    def __init__(self) -> None:
        self.clock = ManualClock(held=True)
        self._started = 0
        self._ended: list[Callable[[], object]] = []

    def start(self, work: Callable[[], object]) -> None:
        """Begin the work, and return once it has ended or waits."""

        def run() -> None:
            try:
                work()
            finally:
                self._ended.append(work)

        self._started += 1
        threading.Thread(target=run, daemon=True).start()
        self._settle()

    def advance(self, seconds: float) -> None:
        """Let the time pass in tenths of a second; each time everything goes on that may."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self._settle()

    def _settle(self) -> None:
        eventually(lambda: len(self._ended) + len(self.clock._ahead()) == self._started)
