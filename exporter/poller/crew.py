"""Calls that may hang, made by threads that nobody has to wait for."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import structlog

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason

K = TypeVar("K")
V = TypeVar("V")

TICK = 0.2
"""Seconds between two looks at the clock and the stop event while calls are under way."""

log = structlog.get_logger()


class Crew:
    """At most ``size`` daemon threads at a time, those that still hang from an earlier run included.

    Not a ThreadPoolExecutor: that joins its threads at exit, and so waits for calls that hang.
    """

    def __init__(self, name: str, *, size: int, clock: Clock) -> None:
        self._name = name
        self._clock = clock
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
        work = _Work(keys, call)
        interrupted = False
        try:
            while work.missing:
                # Again at every turn: threads that hung when this run began may be free by now.
                while work.waiting() and self._slots.acquire(blocking=False):
                    threading.Thread(
                        target=self._help, args=(work,), name=f"{self._name} call", daemon=True
                    ).start()
                    work.helpers += 1
                    if work.helpers >= len(keys):
                        break
                beat()
                if stop.is_set() or self._clock.monotonic() >= deadline:
                    raise PollInterrupted(self._name)
                try:
                    key, result = work.results.get(timeout=TICK)
                except queue.Empty:
                    continue
                work.missing -= 1
                if isinstance(result, PollInterrupted):
                    interrupted = True
                else:
                    yield key, result
            if interrupted:
                raise PollInterrupted(self._name)
        finally:
            work.abandoned = True

    def _help(self, work: "_Work[K, V]") -> None:
        try:
            while not work.abandoned:
                try:
                    key = work.keys.get_nowait()
                except queue.Empty:
                    return
                work.results.put((key, _attempt(work.call, key)))
        finally:
            self._slots.release()


class _Work(Generic[K, V]):
    """What one run shares with its threads."""

    def __init__(self, keys: Sequence[K], call: Callable[[K], V]) -> None:
        self.call = call
        self.keys: queue.SimpleQueue[K] = queue.SimpleQueue()
        for key in keys:
            self.keys.put(key)
        self.results: queue.SimpleQueue[tuple[K, V | GlueError | PollInterrupted]] = queue.SimpleQueue()
        self.missing = len(keys)
        self.helpers = 0
        self.abandoned = False

    def waiting(self) -> bool:
        """Tell whether any key has not been taken up yet."""
        return not self.keys.empty()


def _attempt(call: Callable[[K], V], key: K) -> V | GlueError | PollInterrupted:
    try:
        return call(key)
    except (GlueError, PollInterrupted) as error:
        return error
    except Exception as error:
        # A fault of this program must cost one read, not the thread and the poll with it.
        log.exception("a call failed in a way that nobody foresaw")
        return GlueError(Reason.UNEXPECTED, f"internal error: {type(error).__name__}", operation="internal")
