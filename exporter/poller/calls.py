"""The calls of one poll: made by the crew, in time, and no more once Glue cannot be reached."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.errors import ExporterError, GlueError, Reason
from exporter.poller.crew import Crew

K = TypeVar("K")
V = TypeVar("V")

GIVE_UP_AFTER = 3
"""So many calls in a row that did not reach Glue end the poll: the next one tries again."""
UNREACHABLE = frozenset({Reason.TIMEOUT, Reason.UNAVAILABLE, Reason.CREDENTIALS})
"""Failures that the next call would meet, too."""


class GlueUnreachableError(ExporterError):
    """So many calls in a row did not reach Glue that the rest of the poll is left out."""

    def __init__(self, failure: GlueError) -> None:
        """``failure``: of the last of these calls."""
        super().__init__(str(failure))
        self.failure = failure


@dataclass(slots=True)
class Calls:
    """What one poll asks. Every method raises PollInterrupted when time is over or the program stops."""

    crew: Crew
    deadline: float
    """Monotonic seconds."""
    stop: threading.Event
    beat: Callable[[], None]
    _in_a_row: int = field(default=0, init=False)

    def time_left(self) -> float:
        """Return the seconds until the poll's time is over."""
        return self.deadline - self.crew.clock.monotonic()

    def one(self, call: Callable[[], V]) -> V:
        """Make one call. Raises its GlueError, or GlueUnreachableError."""
        for _, result in self.each([None], lambda _: call()):
            if isinstance(result, GlueError):
                raise result
            return result
        raise AssertionError  # each() yields a result for every key, or raises

    def each(self, keys: Sequence[K], call: Callable[[K], V]) -> Iterator[tuple[K, V | GlueError]]:
        """Make a call for every key, several at once; yield each result as it comes.

        Raises GlueUnreachableError after the result that was one too many.
        """
        for key, result in self.crew.run(keys, call, deadline=self.deadline, stop=self.stop, beat=self.beat):
            failure = result if isinstance(result, GlueError) and result.reason in UNREACHABLE else None
            self._in_a_row = self._in_a_row + 1 if failure else 0
            yield key, result
            if failure and self._in_a_row >= GIVE_UP_AFTER:
                raise GlueUnreachableError(failure)
