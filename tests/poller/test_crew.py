"""Calls by threads that nobody has to wait for."""

import threading
from collections.abc import Callable, Generator, Iterator

import pytest
from structlog.testing import capture_logs

from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.poller.crew import Crew
from tests.support.clock import SAFETY_NET, ManualClock
from tests.support.reader import glue_error

SOON = 2000.0
"""A deadline far enough ahead of the clock's 1000."""


def nothing() -> None:
    """Beat where nobody listens."""


class Gate:
    """A call that hangs until it is let through, and counts who waits at it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = 0
        self.begun: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, key: str) -> str:
        """Hang."""
        with self._changed:
            self.inside += 1
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
        """Return once the condition, looked at whenever a call begins or ends, is met."""
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


def drain(results: Iterator[tuple[str, object]], into: list[str], then: Callable[[], None] = nothing) -> None:
    """Note the key of every result as it comes."""
    for key, _ in results:
        into.append(key)
        then()


def crew(clock: ManualClock, size: int) -> Crew:
    return Crew("prod", size=size, clock=clock)


def test_calls_for_every_key_and_yields_each_result_with_its_key(clock: ManualClock) -> None:
    results = crew(clock, 3).run(
        list("abcdefgh"), str.upper, deadline=SOON, stop=threading.Event(), beat=nothing
    )
    assert dict(results) == {key: key.upper() for key in "abcdefgh"}


def test_begins_calls_in_the_order_of_the_keys(clock: ManualClock) -> None:
    begun: list[int] = []
    list(crew(clock, 1).run(range(20), begun.append, deadline=SOON, stop=threading.Event(), beat=nothing))
    assert begun == list(range(20))


def test_no_keys_need_no_threads(clock: ManualClock) -> None:
    before = threading.active_count()
    no_keys: list[str] = []
    results = crew(clock, 3).run(no_keys, str.upper, deadline=SOON, stop=threading.Event(), beat=nothing)
    assert list(results) == []
    assert threading.active_count() == before


def test_no_more_calls_at_once_than_its_size(clock: ManualClock, gate: Gate) -> None:
    seen: list[int] = []

    def beat() -> None:
        if not gate.open.is_set():
            gate.until(lambda: gate.inside == 3)
            gate.open.set()

    def call(key: str) -> str:
        result = gate(key)
        seen.append(gate.inside)
        return result

    results = dict(
        crew(clock, 3).run(list("abcdefgh"), call, deadline=SOON, stop=threading.Event(), beat=beat)
    )
    assert len(results) == 8
    assert max(seen) <= 3


def test_an_error_of_glue_is_a_result(clock: ManualClock) -> None:
    error = glue_error(Reason.THROTTLED)

    def call(key: str) -> str:
        if key == "bad":
            raise error
        return key

    results = dict(
        crew(clock, 2).run(["good", "bad", "fine"], call, deadline=SOON, stop=threading.Event(), beat=nothing)
    )
    assert results == {"good": "good", "bad": error, "fine": "fine"}


def test_an_unforeseen_exception_costs_one_result_and_names_its_kind_alone(clock: ManualClock) -> None:
    def call(key: str) -> str:
        if key == "bad":
            raise RecursionError("secret of the innards")
        return key

    with capture_logs() as lines:
        results = dict(
            crew(clock, 1).run(["bad", "good"], call, deadline=SOON, stop=threading.Event(), beat=nothing)
        )
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("error", "a call failed in a way that nobody foresaw")
    ]
    error = results["bad"]
    assert isinstance(error, GlueError)
    assert (error.reason, error.message) == (Reason.UNEXPECTED, "internal error: RecursionError")
    assert results["good"] == "good"


def test_its_threads_keep_nobody_from_leaving_and_are_named_after_it(clock: ManualClock) -> None:
    def call(_: str) -> tuple[str, bool]:
        thread = threading.current_thread()
        return thread.name, thread.daemon

    results = crew(clock, 1).run(["a"], call, deadline=SOON, stop=threading.Event(), beat=nothing)
    assert list(results) == [("a", ("prod call", True))]


def test_is_interrupted_at_the_deadline_and_leaves_hung_calls_alone(clock: ManualClock, gate: Gate) -> None:
    results = crew(clock, 2).run(
        ["a", "b", "c"], gate, deadline=SOON, stop=threading.Event(), beat=lambda: clock.advance(1000)
    )
    with pytest.raises(PollInterrupted, match=r"^prod$"):
        list(results)
    assert clock.monotonic() >= SOON


def test_is_interrupted_once_it_is_to_stop(clock: ManualClock, gate: Gate) -> None:
    stop = threading.Event()
    with pytest.raises(PollInterrupted):
        list(crew(clock, 2).run(["a", "b"], gate, deadline=SOON, stop=stop, beat=stop.set))


def test_results_that_came_before_the_interruption_are_yielded(clock: ManualClock, gate: Gate) -> None:
    stop = threading.Event()
    got: list[str] = []
    results = crew(clock, 2).run(
        ["quick", "slow"],
        lambda key: gate(key) if key == "slow" else key,
        deadline=SOON,
        stop=stop,
        beat=nothing,
    )
    with pytest.raises(PollInterrupted):
        drain(results, got, then=stop.set)
    assert got == ["quick"]


def test_a_call_that_was_interrupted_interrupts_the_whole_once_the_others_are_in(
    clock: ManualClock,
) -> None:
    """Else a poll that ran out of time in the rate limiter would pass for a finished one."""

    def call(key: str) -> str:
        if key == "late":
            raise PollInterrupted("the rate limit leaves no time")
        return key

    got: list[str] = []
    results = crew(clock, 1).run(["late", "good"], call, deadline=SOON, stop=threading.Event(), beat=nothing)
    with pytest.raises(PollInterrupted, match=r"^prod$"):
        drain(results, got)
    assert got == ["good"]


def test_leaving_early_lets_no_further_call_begin(clock: ManualClock, gate: Gate) -> None:
    def call(key: str) -> str:
        return key if key == "first" else gate(key)

    results = crew(clock, 2).run(
        ["first", "second", "third"], call, deadline=SOON, stop=threading.Event(), beat=nothing
    )
    assert isinstance(results, Generator)
    next(results)
    gate.until(lambda: gate.begun == ["second"])
    results.close()
    gate.open.set()
    gate.until(lambda: gate.inside == 0)
    assert gate.begun == ["second"]


def test_hung_calls_of_an_earlier_run_count_against_the_size(clock: ManualClock, gate: Gate) -> None:
    """However often a dead endpoint is polled, it never costs more threads than the size."""
    both = crew(clock, 2)
    with pytest.raises(PollInterrupted):
        list(
            both.run(
                ["a", "b"], gate, deadline=SOON, stop=threading.Event(), beat=lambda: clock.advance(1000)
            )
        )
    gate.until(lambda: gate.inside == 2)
    for _ in range(5):
        with pytest.raises(PollInterrupted):
            list(both.run(["c"], gate, deadline=clock.monotonic(), stop=threading.Event(), beat=nothing))
    assert gate.begun == ["a", "b"]


def test_goes_on_as_soon_as_hung_calls_of_an_earlier_run_return(clock: ManualClock, gate: Gate) -> None:
    one = crew(clock, 1)
    with pytest.raises(PollInterrupted):
        list(one.run(["hung"], gate, deadline=SOON, stop=threading.Event(), beat=lambda: clock.advance(1000)))
    results = dict(
        one.run(["next"], str.upper, deadline=SOON * 9, stop=threading.Event(), beat=gate.open.set)
    )
    assert results == {"next": "NEXT"}


def test_beats_while_it_waits(clock: ManualClock, gate: Gate) -> None:
    beats: list[float] = []

    def beat() -> None:
        beats.append(clock.monotonic())
        clock.advance(1)
        if len(beats) == 2:
            gate.open.set()

    list(crew(clock, 1).run(["a"], gate, deadline=SOON, stop=threading.Event(), beat=beat))
    assert len(beats) >= 2


@pytest.fixture
def no_memory_for_threads() -> Iterator[None]:
    """Let the start of every thread fail: no machine has room for such stacks."""
    before = threading.stack_size(1 << 47)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("no_memory_for_threads")
def test_a_thread_that_cannot_be_started_takes_up_no_place(clock: ManualClock) -> None:
    """Else a machine that was short of threads for a while would silence the target for ever."""
    one = crew(clock, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="thread"):
            list(one.run(["a"], str.upper, deadline=SOON, stop=threading.Event(), beat=nothing))


def test_begins_no_more_calls_than_it_can_look_at(clock: ManualClock) -> None:
    """Calls that fail at once must not all have been made before the first failure is looked at."""
    begun: list[str] = []
    results = crew(clock, 2).run(
        list("abcdefghij"), begun.append, deadline=SOON, stop=threading.Event(), beat=nothing
    )
    for _ in range(3):
        next(results)
    assert len(begun) <= 4
