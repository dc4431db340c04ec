"""What signals do: the daemon stops in order and in time, or reloads; other commands end at once."""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from exporter.cli import HANDLED_SIGNALS

LEAVE_WITHIN = 3.5
"""Seconds from the first signal to the end, whatever still hangs then."""
LAST_WORDS = 0.2
"""Seconds for the last line of the log."""


class Signals:
    """Handles SIGTERM, SIGINT and SIGHUP inside the ``with`` block, in a thread of its own.

    The first SIGTERM or SIGINT begins an orderly end. A second one, or :data:`LEAVE_WITHIN` seconds, end the
    program at once, with exit status 0: it did as it was told. Nothing is lost by that, for what was
    committed is on the disk, and a save that is cut short never was.

    Until :meth:`pass_on` the former end the program at once, and a SIGHUP waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[str], None] | None = None
        self._reload: Callable[[], None] | None = None
        self._reload_waits = False
        self._before: dict[signal.Signals, Any] = {}
        self.stopping = False
        """Whether a signal has begun the end of the program."""

    def __enter__(self) -> Self:
        # The interpreter writes each signal's number there, even while the main thread is busy elsewhere.
        reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        threading.Thread(target=self._handle, args=(reader,), name="signals", daemon=True).start()
        for number in HANDLED_SIGNALS:
            self._before[number] = signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED_SIGNALS)
        return self

    def __exit__(self, *_: object) -> None:
        if self.stopping:
            return  # the process is about to end, and until then a second signal must still end it
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._writer)

    def pass_on(self, stop: Callable[[str], None], reload: Callable[[], None]) -> None:
        """Call these from now on, ``stop`` with the signal's name and in a thread of its own: it may wait."""
        with self._lock:
            self._stop, self._reload = stop, reload
            if self._reload_waits:
                reload()

    def _handle(self, reader: int) -> None:
        while number := os.read(reader, 1):
            with self._lock:
                self._on(signal.Signals(number[0]))
        os.close(reader)

    def _on(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            if self._reload:
                self._reload()
            self._reload_waits = True
        elif self.stopping or self._stop is None:
            os._exit(0)
        else:
            self.stopping = True
            end_in_time(0)
            threading.Thread(target=self._stop, args=(number.name,), name="stop", daemon=True).start()


def end_in_time(status: int) -> None:
    """End the program with this exit status if it has not ended by itself after :data:`LEAVE_WITHIN` seconds.

    There is no way to call it off: the interpreter, too, waits for threads when all else is done.
    """
    end = partial(os._exit, status)
    # The log has a timer of its own: what reads it may hang, too.
    for seconds, do in ((LEAVE_WITHIN, _log_what_is_left), (LEAVE_WITHIN + LAST_WORDS, end)):
        timer = threading.Timer(seconds, do)
        timer.name, timer.daemon = "signals", True
        timer.start()


def _log_what_is_left() -> None:
    import structlog  # noqa: PLC0415 (a tenth of a second, before which signals are to be handled)

    left = [thread.name for thread in threading.enumerate() if thread.name != "signals"]
    structlog.get_logger().warning("stopped without waiting for what still hangs", threads=" ".join(left))


def accept_signals() -> None:
    """For a command that ends by itself: SIGTERM and SIGINT raise KeyboardInterrupt from now on."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED_SIGNALS)
