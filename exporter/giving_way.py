"""Lets scrapes go first: long work waits a moment while an answer is made and handed to the socket.

The interpreter runs one thread at a time. Without this, a poll of many runs that falls between two chunks of
a large answer costs that answer several times what it takes alone.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

LONGEST = 0.05
"""Seconds that one wait may take: a scraper may read slowly."""
AT_ONCE = 50
"""Items (runs, series) between two looks: some milliseconds of work."""


class Traffic:
    """The scrapes that are under way: each is a ``with`` block."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, clear: threading.Event | None = None
    ) -> None:
        """``clear``: what is set while no scrape is under way."""
        self._monotonic = monotonic
        self._clear = clear or threading.Event()
        self._clear.set()
        self._scrapes = 0
        self._not_before = 0.0

    def __enter__(self) -> None:
        """Have others wait while a scrape is under way. For one thread alone: the event loop's."""
        self._scrapes += 1
        self._clear.clear()

    def __exit__(self, *_: object) -> None:
        self._scrapes -= 1
        if not self._scrapes:
            self._clear.set()

    def give_way(self) -> None:
        """Wait for the scrapes under way, but for no more than half the time: polls must go on, too."""
        if not self._scrapes:
            return
        begun = self._monotonic()
        if begun >= self._not_before:
            self._clear.wait(LONGEST)
            ended = self._monotonic()
            self._not_before = ended + (ended - begun)

    def giving_way(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and give way now and then."""
        items = iter(items)
        while some := list(islice(items, AT_ONCE)):
            self.give_way()
            yield from some


TRAFFIC = Traffic()
"""Of the whole process, like the lock of the interpreter that it is about."""
