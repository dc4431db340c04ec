"""Polls let scrapes go first, and go on all the same."""

import threading

import pytest

from exporter.giving_way import AT_ONCE, LONGEST, Traffic
from tests.support.clock import ManualClock


class Waiting(threading.Event):
    """Notes who waits, and lets the clock pass meanwhile."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Let the scrape take its time, or the wait be over before."""
        assert timeout is not None
        self.waits += 1
        self._clock.advance(min(timeout, self._seconds))
        return self.is_set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def waiting(clock: ManualClock, seconds: float = 0.02) -> tuple[Traffic, Waiting]:
    """Return traffic in which a scrape takes so long."""
    event = Waiting(clock, seconds)
    return Traffic(clock.monotonic, event), event


def test_nobody_waits_while_nobody_scrapes(clock: ManualClock) -> None:
    traffic, event = waiting(clock)
    traffic.give_way()
    with traffic:
        pass
    traffic.give_way()
    assert event.waits == 0


def test_work_waits_until_the_last_scrape_has_ended(clock: ManualClock) -> None:
    traffic, event = waiting(clock)
    with traffic:
        with traffic:
            pass
        traffic.give_way()
        assert (event.waits, event.is_set()) == (1, False)
    assert event.is_set()


def test_a_scrape_that_fails_holds_nobody_up(clock: ManualClock) -> None:
    traffic, event = waiting(clock)
    with pytest.raises(ConnectionError), traffic:
        raise ConnectionError
    traffic.give_way()
    assert (event.waits, event.is_set()) == (0, True)


def test_under_scrapes_without_end_half_of_the_time_is_left_for_work(clock: ManualClock) -> None:
    """Else a slow reader would stop the polls."""
    traffic, event = waiting(clock, seconds=3600.0)
    with traffic:
        begun = clock.monotonic()
        for _ in range(1000):
            traffic.give_way()
            clock.advance(0.005)
    waited = event.waits * LONGEST
    assert waited == pytest.approx((clock.monotonic() - begun) / 2, rel=0.05)


def test_long_work_looks_for_scrapes_now_and_then(clock: ManualClock) -> None:
    traffic, event = waiting(clock, seconds=0.0)
    with traffic:
        assert list(traffic.giving_way(range(10 * AT_ONCE))) == list(range(10 * AT_ONCE))
    assert event.waits == 10
