"""A clock that only a test moves, so that an hour passes in no time."""

import threading
import time
from collections.abc import Callable

from exporter.clock import Clock

START = 1_700_000_000.0
"""Unix time at which a :class:`ManualClock` begins: 2023-11-14 22:13:20 UTC."""
SAFETY_NET = 60.0
"""Real seconds after which a wait that should have ended long ago gives up, so that the test fails."""
_LOOK_AGAIN = 0.002


class ManualClock(Clock):
    """A clock for one test; any thread may ask or move it.

    ``wait`` advances the time itself, so that a single thread runs through its waits at once. With
    ``held=True`` it blocks instead until the event is set or the test has advanced the time far enough:
    for loops in threads of their own, which would otherwise spin.
    """

    def __init__(self, now: float = START, *, held: bool = False) -> None:
        self._held = held
        self._wall = now
        self._monotonic = 1000.0
        self._changed = threading.Condition()
        self._waiting: list[float] = []

    def time(self) -> float:
        with self._changed:
            return self._wall

    def monotonic(self) -> float:
        with self._changed:
            return self._monotonic

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not self._held:
            if not event.is_set():
                self.advance(seconds)
            return event.is_set()
        until = self.monotonic() + seconds
        with self._changed:
            self._waiting.append(until)
            self._changed.notify_all()
            try:
                while not event.is_set() and self._monotonic < until:
                    self._changed.wait(_LOOK_AGAIN)  # nobody tells this condition of the event
            finally:
                self._waiting.remove(until)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        with self._changed:
            self._wall += seconds
            self._monotonic += seconds
            self._changed.notify_all()

    def jump(self, seconds: float) -> None:
        with self._changed:
            self._wall += seconds

    def await_waiters(self, count: int = 1) -> list[float]:
        """Return once so many threads wait for a time to come: the monotonic seconds, sorted."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._ahead()) >= count, timeout=SAFETY_NET):
                raise TimeoutError(f"{len(self._ahead())} instead of {count} threads wait")
            return sorted(self._ahead())

    def _ahead(self) -> list[float]:
        return [until for until in self._waiting if until > self._monotonic]


class SteppedClock(Clock):
    """The machine's clock, which a test may set forward by any time: for calls that truly take their time."""

    def __init__(self) -> None:
        self._stepped = 0.0
        self._jumped = 0.0

    def time(self) -> float:
        return time.time() + self._stepped + self._jumped

    def monotonic(self) -> float:
        return time.monotonic() + self._stepped

    def advance(self, seconds: float) -> None:
        self._stepped += seconds

    def jump(self, seconds: float) -> None:
        self._jumped += seconds


def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds: for what other threads do in real time, as soon as they can."""
    patience = time.monotonic() + SAFETY_NET
    while not condition():
        if time.monotonic() > patience:
            raise TimeoutError("the condition never held")
        time.sleep(_LOOK_AGAIN)
