"""The rate limit holds in every window, in turn, and every wait can be ended."""

import itertools
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PollInterrupted
from exporter.glue.limiter import Patience, RateLimiter
from tests.support.clock import ManualClock


def patience(**deadline: float) -> Patience:
    return Patience(threading.Event(), **deadline)


def most_in_a_window(times: Sequence[float], seconds: float = 1.0) -> int:
    return max(sum(start <= time <= start + seconds for time in times) for start in times)


def turns(limiter: RateLimiter, clock: ManualClock, pauses: Sequence[float]) -> list[float]:
    """Ask for a turn after each pause; return when they came."""
    times: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        limiter.wait_for_turn(patience())
        times.append(clock.monotonic())
    return times


@given(
    rate=st.integers(min_value=1, max_value=20),
    pauses=st.lists(st.floats(min_value=0, max_value=2.5), min_size=1, max_size=60),
)
def test_no_second_sees_more_than_the_rate(rate: int, pauses: list[float]) -> None:
    """Nor does any window a little longer: the network brings requests closer together."""
    clock = ManualClock()
    times = turns(RateLimiter(clock, rate), clock, pauses)
    assert most_in_a_window(times, 1.1) <= rate


@pytest.mark.parametrize(("rate", "apart"), [(0.5, 2.0), (2.5, 0.4), (0.1, 10.0), (1.5, 2 / 3)])
def test_a_fractional_rate_spaces_its_requests(rate: float, apart: float) -> None:
    """0.5 a second is one each two seconds, not one and then one."""
    clock = ManualClock()
    times = turns(RateLimiter(clock, rate), clock, [0.0] * 5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(apart < gap < apart + 0.2 for gap in gaps)


def test_a_whole_rate_may_be_used_up_in_one_go() -> None:
    """The first requests of a poll do not wait."""
    clock = ManualClock()
    begin = clock.monotonic()
    times = turns(RateLimiter(clock, 5), clock, [0.0] * 6)
    assert times[4] == begin
    assert 1.1 <= times[5] - begin < 1.2


def test_the_rate_is_nearly_reached() -> None:
    """The margin costs a tenth, not more."""
    clock = ManualClock()
    times = turns(RateLimiter(clock, 10), clock, [0.0] * 101)
    assert times[-1] - times[0] < 11.1


def test_threads_take_turns_in_the_order_they_came() -> None:
    """Those that wait keep their turns, and a window holds no more for their number."""
    clock = ManualClock(held=True)
    limiter = RateLimiter(clock, 2)
    threads = [threading.Thread(target=limiter.wait_for_turn, args=(patience(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    waiting = clock.await_waiters(4)
    assert [round(until - 1000.0, 1) for until in waiting] == [1.1, 1.1, 2.2, 2.2]
    clock.advance(3)
    for thread in threads:
        thread.join()


def test_a_wait_ends_when_the_program_stops() -> None:
    """At once, and not at the end of the wait."""
    clock = ManualClock(held=True)
    limiter = RateLimiter(clock, 1)
    limiter.wait_for_turn(patience())
    stop = threading.Event()
    ended: list[type] = []

    def wait() -> None:
        try:
            limiter.wait_for_turn(Patience(stop))
        except PollInterrupted as interruption:
            ended.append(type(interruption))

    thread = threading.Thread(target=wait)
    thread.start()
    clock.await_waiters()
    stop.set()
    thread.join()
    assert ended == [PollInterrupted]


def test_a_turn_after_the_deadline_is_not_waited_for() -> None:
    """It is certain that it comes too late; nor does it take the turn away from others."""
    clock = ManualClock()
    limiter = RateLimiter(clock, 1)
    limiter.wait_for_turn(patience())
    with pytest.raises(PollInterrupted):
        limiter.wait_for_turn(patience(deadline=clock.monotonic() + 1.0))
    assert clock.monotonic() == 1000.0
    limiter.wait_for_turn(patience(deadline=clock.monotonic() + 1.2))
    assert clock.monotonic() < 1001.2


@pytest.mark.parametrize("over", ["stopped", "late"])
def test_nothing_passes_once_the_patience_is_over(over: str) -> None:
    """Even where the rate would allow it."""
    clock = ManualClock()
    ended = patience(deadline=clock.monotonic()) if over == "late" else patience()
    if over == "stopped":
        ended.interrupted.set()
    with pytest.raises(PollInterrupted):
        RateLimiter(clock, 5).wait_for_turn(ended)


def test_a_changed_rate_holds_at_once_and_remembers() -> None:
    """A reload gives nobody a second burst."""
    clock = ManualClock()
    limiter = RateLimiter(clock, 5)
    times = turns(limiter, clock, [0.0] * 5)
    limiter.requests_per_second = 3
    times += turns(limiter, clock, [0.0] * 6)
    assert limiter.requests_per_second == 3
    assert most_in_a_window(times[:6]) == 5
    assert most_in_a_window(times[5:]) == 3
