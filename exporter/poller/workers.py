"""Calls that may hang, made by threads that the program does not wait for; and when a job gives up."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import structlog

from exporter.clock import Clock
from exporter.errors import ExporterError, GlueError, PollInterrupted, Reason

K = TypeVar("K")
V = TypeVar("V")

TICK = 0.2
"""Seconds between two checks of the clock and the stop event while calls are going on."""
CALLS_AT_ONCE = 8
"""Of one job; the rate limit decides how fast they follow each other."""
GIVE_UP_AFTER = 3
"""Calls in a row that do not reach Glue, after which the job ends: the next one tries again."""
UNREACHABLE = frozenset({Reason.TIMEOUT, Reason.UNAVAILABLE, Reason.CREDENTIALS})
"""Failures that the next call would meet, too."""

_Results = queue.SimpleQueue[tuple[K, V | GlueError | PollInterrupted]]

log = structlog.get_logger()


class GlueUnreachableError(ExporterError):
    """GIVE_UP_AFTER calls in a row did not reach Glue: the job leaves out the rest."""

    def __init__(self, failure: GlueError) -> None:
        """``failure``: of the last of these calls."""
        super().__init__(failure)
        self.failure = failure


class WorkerPool:
    """At most ``size`` daemon threads at a time, those that still hang from an earlier job included.

    Not a ThreadPoolExecutor: that joins its threads at exit, and so waits for calls that hang.
    """

    def __init__(self, name: str, clock: Clock, size: int = CALLS_AT_ONCE) -> None:
        self.name = name
        self.clock = clock
        self.size = size
        self._slots = threading.BoundedSemaphore(size)

    def begin(self, call: Callable[[K], V], key: K, results: "_Results[K, V]") -> bool:
        """Call in a thread of its own, if there is room for one; the result comes into the queue."""
        if not self._slots.acquire(blocking=False):
            return False

        def work() -> None:
            try:
                result = _attempt(call, key)
            finally:
                self._slots.release()  # before the result: the next call finds room when it is there
            results.put((key, result))

        try:
            threading.Thread(target=work, name=f"{self.name} call", daemon=True).start()
        except RuntimeError:  # no more threads at the moment
            self._slots.release()
            raise
        return True


class Calls:
    """What one job asks. Every method raises PollInterrupted when time is over or the program stops."""

    def __init__(
        self, pool: WorkerPool, *, deadline: float, stop: threading.Event, heartbeat: Callable[[], None]
    ) -> None:
        """``deadline`` is in monotonic seconds; ``heartbeat`` is called while calls are waited for."""
        self._pool = pool
        self._deadline = deadline
        self._stop = stop
        self._heartbeat = heartbeat
        self._unreachable_in_a_row = 0

    def one(self, call: Callable[[], V]) -> V:
        """Make one call. Raises its GlueError, or GlueUnreachableError."""
        results = [result for _, result in self.each([None], lambda _: call())]
        if isinstance(results[0], GlueError):
            raise results[0]
        return results[0]

    def each(self, keys: Iterable[K], call: Callable[[K], V]) -> Iterator[tuple[K, V | GlueError]]:
        """Make a call for each key, several at once; yield each result as it comes.

        Leaving the iteration early lets no further call begin. Calls that hang at the deadline are left to
        themselves. A call that was interrupted itself (the rate limit left no time, say) is not repeated:
        PollInterrupted is raised after the last result. Raises GlueUnreachableError after the result that was
        one too many.
        """
        waiting = deque(keys)
        results: _Results[K, V] = queue.SimpleQueue()
        going_on = 0
        interrupted = False
        while waiting or going_on:
            while waiting and going_on < self._pool.size and self._pool.begin(call, waiting[0], results):
                waiting.popleft()
                going_on += 1
            self._heartbeat()
            if self._stop.is_set() or self._pool.clock.monotonic() >= self._deadline:
                raise PollInterrupted(self._pool.name)
            try:
                key, result = results.get(timeout=TICK)
            except queue.Empty:
                continue
            going_on -= 1
            if isinstance(result, PollInterrupted):
                interrupted = True
                continue
            yield key, result
            unreachable = isinstance(result, GlueError) and result.reason in UNREACHABLE
            self._unreachable_in_a_row = self._unreachable_in_a_row + 1 if unreachable else 0
            if isinstance(result, GlueError) and self._unreachable_in_a_row >= GIVE_UP_AFTER:
                raise GlueUnreachableError(result)
        if interrupted:
            raise PollInterrupted(self._pool.name)


def _attempt(call: Callable[[K], V], key: K) -> V | GlueError | PollInterrupted:
    try:
        return call(key)
    except (GlueError, PollInterrupted) as error:
        # It may be kept until the part is read: its frames would keep connections and whole answers.
        error.__traceback__ = error.__context__ = None
        return error
    except Exception as error:
        # A fault of this program must cost one read, not the thread and the job with it.
        log.exception("unexpected error in a call")
        return internal_error(error)


def internal_error(error: Exception) -> GlueError:
    """Return a fault of this program as the failure of a read."""
    return GlueError(Reason.UNEXPECTED, f"internal error: {type(error).__name__}", operation="internal")
