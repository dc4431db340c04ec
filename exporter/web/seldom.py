"""What strangers can cause at any rate is logged once in a while, with how often it happened."""

from collections.abc import Callable
from time import monotonic

import structlog

_EVERY = 60.0
"""Seconds."""

log = structlog.get_logger()


class SeldomWarning:
    """One warning, logged at its first occurrence and then once a minute at most."""

    def __init__(self, message: str, now: Callable[[], float] = monotonic) -> None:
        self._message = message
        self._now = now
        self._next = 0.0
        self._times = 0

    def happened(self, **details: object) -> None:
        """Count one occurrence; log if the last line is old enough. ``details`` must hold no secret."""
        self._times += 1
        now = self._now()
        if now >= self._next:
            log.warning(self._message, times=self._times, **details)
            self._next, self._times = now + _EVERY, 0
