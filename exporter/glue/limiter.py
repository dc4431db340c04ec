"""Keeps the requests at Glue below a rate, in the order in which they were wanted."""

import math
import threading
from dataclasses import dataclass
from typing import Final, cast

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from exporter.clock import Clock
from exporter.errors import PollInterrupted

MARGIN_MS: Final = 100
"""Requests reach Glue later than they leave here, by a varying while: a window is longer by so much."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a poll may wait."""

    interrupted: threading.Event
    """Set when the program stops, or the target is dropped."""
    deadline: float = math.inf
    """Monotonic seconds."""

    def check(self, now: float) -> None:
        """Raise PollInterrupted where there is nothing left to wait for."""
        if self.interrupted.is_set() or now >= self.deadline:
            raise PollInterrupted


class RateLimiter:
    """Lets no more than ``requests_per_second`` pass in any second; callers take turns.

    Each caller gets the time of its turn at once and waits for it once, so that a target with many
    requests cannot starve its neighbour. The bucket is pyrate-limiter's; its ``Limiter`` is not used,
    for it sleeps where nobody can interrupt it, and on a clock of its own.
    """

    def __init__(self, clock: Clock, requests_per_second: float) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._requests_per_second = requests_per_second
        self._bucket = InMemoryBucket([_rate(requests_per_second)])
        self._latest_turn = 0

    @property
    def requests_per_second(self) -> float:
        """The limit."""
        return self._requests_per_second

    @requests_per_second.setter
    def requests_per_second(self, value: float) -> None:
        with self._lock:
            self._requests_per_second = value
            self._bucket.rates = [_rate(value)]

    def wait_for_turn(self, patience: Patience) -> None:
        """Return once a request may be sent.

        Raises PollInterrupted when the patience ends, or as soon as it is certain that it ends first.
        """
        turn = self._take_turn(patience)
        while (seconds := turn - self._clock.monotonic()) > 0:
            self._clock.wait(patience.interrupted, seconds)
            patience.check(self._clock.monotonic())

    def _take_turn(self, patience: Patience) -> float:
        with self._lock:
            now = self._clock.monotonic()
            patience.check(now)
            now_ms = math.ceil(now * 1000)
            self._bucket.leak(now_ms)
            # The turns that others wait for are in the bucket already, in the future.
            item = RateItem("request", max(now_ms, self._latest_turn))
            while item.timestamp < patience.deadline * 1000:
                if self._bucket.put(item):
                    self._latest_turn = item.timestamp
                    return now if item.timestamp == now_ms else item.timestamp / 1000
                # Typed as awaitable too, for buckets that live elsewhere; this one is in memory.
                item = RateItem("request", item.timestamp + cast("int", self._bucket.waiting(item)))
            raise PollInterrupted


def _rate(requests_per_second: float) -> Rate:
    # A whole rate may be used up in one go; of 2.5 there can only be one request each 0.4 s.
    whole = requests_per_second >= 1 and float(requests_per_second).is_integer()
    limit = int(requests_per_second) if whole else 1
    interval = 1000 * limit / requests_per_second
    return Rate(limit, math.ceil(interval + MARGIN_MS * min(1.0, interval / 1000)))
