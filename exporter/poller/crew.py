"""Calls that may hang, made by threads that nobody has to wait for."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason

K = TypeVar("K")
V = TypeVar("V")

TICK = 0.2
"""Seconds between two looks at the clock and the stop event while calls are under way."""

_Results = queue.SimpleQueue[tuple[K, V | GlueError | PollInterrupted]]

log = structlog.get_logger()


class Crew:
    """At most ``size`` daemon threads at a time, those that still hang from an earlier run included.

    Not a ThreadPoolExecutor: that joins its threads at exit, and so waits for calls that hang.
    """

    def __init__(self, name: str, *, size: int, clock: Clock) -> None:
        self._name = name
        self._size = size
        self.clock = clock
        self._slots = threading.BoundedSemaphore(size)

    def run(
        self,
        keys: Sequence[K],
        call: Callable[[K], V],
        *,
        deadline: float,
        stop: threading.Event,
        beat: Callable[[], None],
    ) -> Iterator[tuple[K, V | GlueError]]:
        """Call ``call`` for every key and yield each result as it comes.

        Leaving the iteration early lets no further call begin. ``beat`` is called while it waits.
        Raises PollInterrupted at ``deadline`` (monotonic seconds) or once ``stop`` is set; calls that
        hang then are left to themselves, their results are dropped. So it does after the last result
        where a call was itself interrupted (there was no time left at the rate limit, say).
        """
        waiting = deque(keys)
        results: _Results[K, V] = queue.SimpleQueue()
        under_way = 0
        interrupted = False
        while waiting or under_way:
            # Begun here alone, and never more than can be looked at: who leaves early wants no further call.
            while waiting and under_way < self._size and self._slots.acquire(blocking=False):
                self._begin(call, waiting.popleft(), results)
                under_way += 1
            beat()
            if stop.is_set() or self.clock.monotonic() >= deadline:
                raise PollInterrupted(self._name)
            try:
                key, result = results.get(timeout=TICK)
            except queue.Empty:
                continue
            under_way -= 1
            if isinstance(result, PollInterrupted):
                interrupted = True
            else:
                yield key, result
        if interrupted:
            raise PollInterrupted(self._name)

    def _begin(self, call: Callable[[K], V], key: K, results: "_Results[K, V]") -> None:
        def work() -> None:
            try:
                result = _attempt(call, key)
            finally:
                self._slots.release()  # before the result: who gets that finds the place free
            results.put((key, result))

        try:
            threading.Thread(target=work, name=f"{self._name} call", daemon=True).start()
        except RuntimeError:  # no more threads to be had: not for ever, it is hoped
            self._slots.release()
            raise


def _attempt(call: Callable[[K], V], key: K) -> V | GlueError | PollInterrupted:
    try:
        return call(key)
    except (GlueError, PollInterrupted) as error:
        return error
    except Exception as error:
        # A fault of this program must cost one read, not the thread and the poll with it.
        log.exception("a call failed in a way that nobody foresaw")
        return GlueError(Reason.UNEXPECTED, f"internal error: {type(error).__name__}", operation="internal")
