"""The rate limit holds in every window, whatever changes meanwhile, and every wait can be ended."""

import math
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PollInterrupted
from exporter.glue.rate_limiter import Caller, RateLimiter
from tests.support.clock import ManualClock, eventually

RATES = st.integers(min_value=1, max_value=20)
PAUSES = st.lists(st.floats(min_value=0, max_value=2.5), min_size=1, max_size=60)


def caller(*, deadline: float = math.inf, first: bool = False) -> Caller:
    return Caller(threading.Event(), deadline, first)


def turns(limiter: RateLimiter, clock: ManualClock, pauses: Sequence[float]) -> list[float]:
    times: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        limiter.acquire(caller())
        times.append(clock.monotonic())
    return times


class Callers:
    """Callers in threads of their own. Each step ends when all have passed, or wait for a later time."""

    def __init__(self, requests_per_second: float) -> None:
        self.clock = ManualClock(held=True)
        self.limiter = RateLimiter(self.clock, requests_per_second)
        self.passed: list[tuple[str, float]] = []
        """Who passed, and how many seconds after the start."""
        self._started = 0

    def add(self, name: str, *, deadline: float = math.inf, first: bool = False) -> threading.Event:
        """Begin to wait; return what interrupts it."""
        waits = caller(deadline=deadline, first=first)

        def wait() -> None:
            outcome = name
            try:
                self.limiter.acquire(waits)
            except PollInterrupted:
                outcome = f"{name} interrupted"
            self.passed.append((outcome, round(self.clock.monotonic() - 1000.0, 1)))

        self._started += 1
        threading.Thread(target=wait, daemon=True).start()
        self._settle()
        return waits.interrupted

    def advance(self, seconds: float) -> None:
        """Let the time pass in tenths of a second; each time everything goes on that may."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self._settle()

    def _settle(self) -> None:
        eventually(lambda: len(self.passed) + len(self.clock._ahead()) == self._started)


@given(before=RATES, rate=RATES | st.sampled_from([0.5, 1.5, 2.5]), early=PAUSES, late=PAUSES)
def test_no_second_sees_more_than_the_rate(
    before: int, rate: float, early: list[float], late: list[float]
) -> None:
    """Nor any window a little longer, for the network brings requests closer together; nor after a change."""
    clock = ManualClock()
    limiter = RateLimiter(clock, before)
    times = turns(limiter, clock, early)
    limiter.requests_per_second = rate
    new = turns(limiter, clock, late)
    for time in new:
        assert sum(time - 1.05 <= sent <= time for sent in [*times, *new]) <= math.ceil(rate)


@pytest.mark.parametrize(
    ("rate", "most", "seconds"), [(5, 5, 1.0), (0.5, 1, 2.0), (2.5, 3, 1.2), (0.1, 1, 10.0), (1.5, 2, 4 / 3)]
)
def test_a_rate_may_be_used_up_in_one_go(rate: float, most: int, seconds: float) -> None:
    """The first requests of a poll do not wait. 0.5 is one each two seconds, not one and then one."""
    clock = ManualClock()
    times = turns(RateLimiter(clock, rate), clock, [0.0] * (most + 1))
    assert times[most - 1] == times[0]
    assert seconds + 0.05 < times[most] - times[0] < seconds + 0.1


def test_the_rate_is_nearly_reached() -> None:
    clock = ManualClock()
    times = turns(RateLimiter(clock, 10), clock, [0.0] * 101)
    assert times[-1] - times[0] < 11.1


def test_callers_pass_in_order_of_arrival_and_urgent_ones_before_the_others() -> None:
    callers = Callers(1)
    for name in ("resync 1", "resync 2", "resync 3"):
        callers.add(name)
    for name in ("poll 1", "poll 2"):
        callers.add(name, first=True)
    callers.advance(6)
    order = [name for name, _ in callers.passed]
    assert order == ["resync 1", "poll 1", "poll 2", "resync 2", "resync 3"]


@pytest.mark.parametrize(
    ("before", "after", "seconds", "more"), [(5, 1, 5, 4), (5, 0.5, 5, 2), (0.1, 5, 3.4, 15)]
)
def test_a_changed_rate_holds_for_callers_that_wait_already(
    before: float, after: float, seconds: float, more: int
) -> None:
    """A raised one within a second."""
    callers = Callers(before)
    for number in range(25):
        callers.add(str(number))
    sent = len(callers.passed)
    callers.limiter.requests_per_second = after
    callers.advance(seconds)
    assert len(callers.passed) - sent == more


def test_a_wait_ends_when_the_program_stops() -> None:
    callers = Callers(1)
    callers.add("sent")
    stop = callers.add("stopped")
    callers.add("next")
    stop.set()
    eventually(lambda: len(callers.passed) == 2)
    callers.advance(1.1)
    assert callers.passed == [("sent", 0), ("stopped interrupted", 0), ("next", 1.1)]


def test_a_turn_after_the_deadline_is_not_waited_for() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock, 1)
    limiter.acquire(caller())
    with pytest.raises(PollInterrupted):
        limiter.acquire(caller(deadline=clock.monotonic() + 1.0))
    assert clock.monotonic() == 1000.0
    limiter.acquire(caller(deadline=clock.monotonic() + 1.1))
    assert clock.monotonic() < 1001.2


def test_a_caller_that_is_overtaken_gives_up_once_it_is_certain_to_be_late() -> None:
    """Not at its deadline, but when it wakes and finds others before it."""
    callers = Callers(1)
    callers.add("sent")
    callers.add("resync", deadline=1002.0)
    callers.add("poll", first=True)
    callers.advance(3)
    assert callers.passed == [("sent", 0), ("resync interrupted", 1.0), ("poll", 1.1)]


def test_nothing_passes_once_it_is_over() -> None:
    clock = ManualClock()
    stopped = caller()
    stopped.interrupted.set()
    for over in (stopped, caller(deadline=clock.monotonic())):
        with pytest.raises(PollInterrupted):
            RateLimiter(clock, 5).acquire(over)
