"""Leaving in time: the first signal begins an orderly end, and nothing makes it late."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

LEAVE_WITHIN = 4.0
"""Seconds from the first signal to the end, whatever still hangs then."""
LAST_WORDS = 0.2
"""Seconds for the last line of the log: whoever reads it may hang, too."""

log = structlog.get_logger()


class Departure:
    """What SIGTERM and SIGINT do.

    The first one begins an orderly end. A second one, or :data:`LEAVE_WITHIN` seconds, end the program at
    once, with exit status 0: it did as it was told. Nothing is lost by that, for what was committed is on
    the disk, and a save that is cut short never was.
    """

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave
        # Not an Event: a signal handler may come in the middle of anything, and put() alone is made for that.
        self._told = queue.SimpleQueue[int]()
        self._begun = False

    def await_signals(self, begin: Callable[[str], None]) -> None:
        """Call ``begin`` with the name of the first signal, in the main thread, in the middle of anything."""

        def handle(number: int, _frame: FrameType | None) -> None:
            if self._begun:
                self._leave(0)
            self._begun = True
            self.hurry(0)
            begin(signal.Signals(number).name)

        # Begun now: in a signal handler, a thread cannot be started safely.
        threading.Thread(target=self._watch, name="departure", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)

    @property
    def begun(self) -> bool:
        """Whether a signal has come."""
        return self._begun

    def hurry(self, status: int) -> None:
        """End the program with this exit status, should it not have ended by itself in time.

        There is no way to call it off: the interpreter, too, waits for threads when all else is done.
        """
        self._told.put(status)

    def _watch(self) -> None:
        status = self._told.get()
        threading.Event().wait(LEAVE_WITHIN)
        words = threading.Thread(target=_say_what_is_left, daemon=True)
        words.start()
        words.join(LAST_WORDS)
        self._leave(status)


def _say_what_is_left() -> None:
    left = [thread.name for thread in threading.enumerate() if not thread.name.startswith("departure")]
    log.warning("stopped without waiting for what still hangs", threads=" ".join(left))
