"""What signals do, from the first moment on: stop in order and in time, or reload."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from exporter.cli import HANDLED_SIGNALS, accept_signals

LEAVE_WITHIN = 3.5
"""Seconds from the first signal to the end, whatever still hangs then."""
LAST_WORDS = 0.2
"""Seconds for the last line of the log: what reads it may hang, too."""


class Signals:
    """Handles SIGTERM, SIGINT and SIGHUP inside the ``with`` block.

    The first SIGTERM or SIGINT begins an orderly end. A second one, or :data:`LEAVE_WITHIN` seconds, end the
    program at once, with exit status 0: it did as it was told. Nothing is lost by that, for what was
    committed is on the disk, and a save that is cut short never was.

    Until :meth:`pass_on` the former end the program at once, and a SIGHUP waits.
    """

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave
        # Not an Event: a signal handler may come in the middle of anything, and put() alone is made for that.
        self._ending = queue.SimpleQueue[int | None]()
        self._stop: Callable[[str], None] | None = None
        self._reload: Callable[[], None] | None = None
        self._reload_waits = False
        self._before: dict[signal.Signals, Any] = {}
        self.stopping = False
        """Whether a signal has begun the end of the program."""

    def __enter__(self) -> Self:
        # Begun now: in a signal handler, a thread cannot be started safely.
        threading.Thread(target=self._watch, name="signals", daemon=True).start()
        for number in HANDLED_SIGNALS:
            handler = self._on_hangup if number is signal.SIGHUP else self._on_stop
            self._before[number] = signal.signal(number, handler)
        accept_signals()
        return self

    def __exit__(self, *_: object) -> None:
        if self.stopping:
            return  # the process is about to end, and until then a second signal must still end it
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._ending.put(None)

    def pass_on(self, stop: Callable[[str], None], reload: Callable[[], None]) -> None:
        """Call these from now on, ``stop`` with the signal's name: in the main thread, amid anything."""
        self._stop, self._reload = stop, reload
        if self._reload_waits:
            reload()

    def hurry(self, status: int) -> None:
        """End the program with this exit status if it has not ended by itself in time.

        There is no way to call it off: the interpreter, too, waits for threads when all else is done.
        """
        self._ending.put(status)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self.stopping or self._stop is None:
            self._leave(0)
            return
        self.stopping = True
        self.hurry(0)
        self._stop(signal.Signals(number).name)

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        if self._reload is None:
            self._reload_waits = True
        else:
            self._reload()

    def _watch(self) -> None:
        status = self._ending.get()
        if status is None:
            return
        threading.Event().wait(LEAVE_WITHIN)
        words = threading.Thread(target=_log_what_is_left, daemon=True)
        words.start()
        words.join(LAST_WORDS)
        self._leave(status)


def _log_what_is_left() -> None:
    import structlog  # noqa: PLC0415 (a tenth of a second, before which signals are to be handled)

    left = [thread.name for thread in threading.enumerate() if thread.name != "signals"]
    structlog.get_logger().warning("stopped without waiting for what still hangs", threads=" ".join(left))
