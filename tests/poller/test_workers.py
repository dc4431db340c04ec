"""Calls by threads that the program does not wait for. What a poll makes of them is told in ``test_poll``."""

import threading
from collections.abc import Callable, Iterator

import pytest

from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.poller.workers import Calls, GlueUnreachableError, WorkerPool
from tests.poller.bench import nothing
from tests.support.clock import SAFETY_NET, ManualClock
from tests.support.reader import glue_error

SOON = 2000.0
"""A deadline far enough ahead of the clock's 1000."""


class Gate:
    """A call that hangs until it is let through, and counts who waits at it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = 0
        self.most = 0
        self.begun: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, key: str) -> str:
        with self._changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.begun.append(key)
            self._changed.notify_all()
        try:
            assert self.open.wait(SAFETY_NET)
        finally:
            with self._changed:
                self.inside -= 1
                self._changed.notify_all()
        return key.upper()

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition, checked whenever a call begins or ends, is met."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout=SAFETY_NET)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()
    gate.until(lambda: gate.inside == 0)


def calls(pool: WorkerPool, *, deadline: float = SOON, heartbeat: Callable[[], None] = nothing) -> Calls:
    return Calls(pool, deadline=deadline, stop=threading.Event(), heartbeat=heartbeat)


def pool(clock: ManualClock, size: int) -> WorkerPool:
    return WorkerPool("prod", size=size, clock=clock)


def test_no_more_calls_at_once_than_its_size_in_the_order_of_the_keys(clock: ManualClock, gate: Gate) -> None:
    def heartbeat() -> None:
        if not gate.open.is_set():
            gate.until(lambda: gate.inside == 3)
            gate.open.set()

    results = dict(calls(pool(clock, 3), heartbeat=heartbeat).each(list("abcdefgh"), gate))
    assert results == {key: key.upper() for key in "abcdefgh"}
    assert gate.most == 3
    begun: list[str] = []
    list(calls(pool(clock, 1)).each("abcdefgh", begun.append))
    assert begun == list("abcdefgh")


def test_hung_calls_of_an_earlier_job_count_against_the_size_until_they_return(
    clock: ManualClock, gate: Gate
) -> None:
    """However often a dead endpoint is polled, it never costs more threads than the size."""
    shared = pool(clock, 2)
    with pytest.raises(PollInterrupted, match=r"^prod$"):
        list(calls(shared, heartbeat=lambda: clock.advance(1000)).each(["a", "b"], gate))
    gate.until(lambda: gate.inside == 2)
    for _ in range(5):
        with pytest.raises(PollInterrupted):
            list(calls(shared, deadline=clock.monotonic()).each(["c"], gate))
    assert gate.begun == ["a", "b"]
    later = calls(shared, deadline=SOON * 9, heartbeat=gate.open.set)
    assert dict(later.each(["next"], str.upper)) == {"next": "NEXT"}


@pytest.fixture
def no_memory_for_threads() -> Iterator[None]:
    """Let the start of every thread fail: no machine has room for such stacks."""
    before = threading.stack_size(1 << 47)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("no_memory_for_threads")
def test_a_thread_that_cannot_be_started_takes_up_no_room(clock: ManualClock) -> None:
    """Else a machine that was short of threads for a while would silence the target permanently."""
    small = pool(clock, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="thread"):
            calls(small).one(nothing)


def test_an_answer_in_between_begins_the_count_of_failures_anew(clock: ManualClock) -> None:
    made: list[str] = []

    def call(key: str) -> None:
        made.append(key)
        if key.islower():
            raise glue_error(Reason.TIMEOUT)

    with pytest.raises(GlueUnreachableError):
        list(calls(pool(clock, 1)).each("abCdeFghijk", call))
    assert "".join(made) == "abCdeFghi"


def test_a_failure_keeps_nothing_of_the_call_that_it_ended(clock: ManualClock) -> None:
    """It may be remembered for long: its frames would keep connections and whole answers."""

    def call(_: str) -> str:
        try:
            return {"the connection": "and all that it read"}["gone"]
        except KeyError:
            raise glue_error(Reason.TIMEOUT) from None

    ((_, failure),) = calls(pool(clock, 1)).each(["a"], call)
    assert isinstance(failure, GlueError)
    assert (failure.__traceback__, failure.__context__, failure.__cause__) == (None, None, None)
