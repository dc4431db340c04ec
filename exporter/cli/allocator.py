"""What becomes of memory that is let go: the first poll of a large account must not be paid for ever after.

glibc keeps what was freed unless it lies at the end of a heap. With another C library nothing is done.
"""

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.store.series import SeriesChanges

LARGE = 2000
"""Changed runs of a commit whose leftovers are worth giving back: some megabytes."""
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BLOCK = 320 << 10
"""Bytes. glibc begins with 128 KiB, and goes up to 32 MiB with each such block that is freed. asyncio makes
room for 256 KiB whenever it receives: mapped anew each time, that took a twentieth of a small scrape."""
_KEPT = 1 << 20
"""Bytes at the end of the heap that are not given back at once."""


def give_large_blocks_back() -> None:
    """Have large blocks given back as soon as they are freed, now and later, and one heap for all threads.

    With a heap for each thread, what one of them has freed is no use to the others.
    """
    if mallopt := _c_function("mallopt"):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_ARENA_MAX, 1)


class LeftoversGivenBack:
    """Listens to the store. Gives back what a large commit has left, at the next one: then it is free."""

    def __init__(self, trim: Callable[[int], int] | None = None) -> None:
        """``trim``: glibc's ``malloc_trim``, by default."""
        self._trim = trim or _c_function("malloc_trim")
        self._due = False

    def __call__(self, changes: "SeriesChanges") -> None:
        """Take note of a commit."""
        if self._due and self._trim:
            self._trim(0)
        self._due = len(changes.runs) >= LARGE


def _c_function(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return function
