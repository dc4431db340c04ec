"""Calls by threads that the program does not wait for, and when a job gives up."""

import threading
from collections.abc import Callable, Generator, Iterator

import pytest
from structlog.testing import capture_logs

from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.poller.workers import UNREACHABLE, Calls, GlueUnreachableError, WorkerPool
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


def calls(
    clock: ManualClock,
    size: int,
    *,
    pool: WorkerPool | None = None,
    deadline: float = SOON,
    stop: threading.Event | None = None,
    heartbeat: Callable[[], None] = nothing,
) -> Calls:
    """Return the calls of one job."""
    pool = pool or WorkerPool("prod", size=size, clock=clock)
    return Calls(pool, deadline=deadline, stop=stop or threading.Event(), heartbeat=heartbeat)


def test_calls_for_every_key_and_yields_each_result_with_its_key(clock: ManualClock) -> None:
    results = calls(clock, 3).each(list("abcdefgh"), str.upper)
    assert dict(results) == {key: key.upper() for key in "abcdefgh"}


def test_begins_calls_in_the_order_of_the_keys(clock: ManualClock) -> None:
    begun: list[int] = []
    list(calls(clock, 1).each(range(20), begun.append))
    assert begun == list(range(20))


def test_no_more_calls_at_once_than_its_size(clock: ManualClock, gate: Gate) -> None:
    seen: list[int] = []

    def heartbeat() -> None:
        if not gate.open.is_set():
            gate.until(lambda: gate.inside == 3)
            gate.open.set()

    def call(key: str) -> str:
        result = gate(key)
        seen.append(gate.inside)
        return result

    results = dict(calls(clock, 3, heartbeat=heartbeat).each(list("abcdefgh"), call))
    assert len(results) == 8
    assert max(seen) <= 3


def test_an_error_of_glue_is_a_result_of_each_and_raised_by_one(clock: ManualClock) -> None:
    error = glue_error(Reason.THROTTLED)

    def call(key: str = "bad") -> str:
        if key == "bad":
            raise error
        return key

    job = calls(clock, 2)
    assert dict(job.each(["good", "bad", "fine"], call)) == {"good": "good", "bad": error, "fine": "fine"}
    with pytest.raises(GlueError) as caught:
        job.one(call)
    assert caught.value is error
    assert job.one(lambda: 7) == 7


@pytest.mark.parametrize("kind", [RecursionError, MemoryError])
def test_an_unexpected_error_costs_one_result_and_names_its_kind_alone(
    clock: ManualClock, kind: type[Exception]
) -> None:
    def call(key: str) -> str:
        if key == "bad":
            raise kind("secret of the innards")
        return key

    with capture_logs() as lines:
        results = dict(calls(clock, 1).each(["bad", "good"], call))
    assert [(line["log_level"], line["event"]) for line in lines] == [("error", "unexpected error in a call")]
    error = results["bad"]
    assert isinstance(error, GlueError)
    assert (error.reason, error.message) == (Reason.UNEXPECTED, f"internal error: {kind.__name__}")
    assert results["good"] == "good"


def test_is_interrupted_at_the_deadline_and_leaves_hung_calls_alone(clock: ManualClock, gate: Gate) -> None:
    job = calls(clock, 2, heartbeat=lambda: clock.advance(1000))
    with pytest.raises(PollInterrupted, match=r"^prod$"):
        list(job.each(["a", "b", "c"], gate))
    assert clock.monotonic() >= SOON


def test_is_interrupted_once_it_is_to_stop_and_has_yielded_what_came_before(
    clock: ManualClock, gate: Gate
) -> None:
    stop = threading.Event()
    got: list[str] = []
    results = calls(clock, 2, stop=stop).each(
        ["quick", "slow"], lambda key: gate(key) if key == "slow" else key
    )

    def drain() -> None:
        for key, _ in results:
            got.append(key)
            stop.set()

    with pytest.raises(PollInterrupted):
        drain()
    assert got == ["quick"]


def test_a_call_that_was_interrupted_interrupts_the_job_after_the_last_result(clock: ManualClock) -> None:
    """Else a poll that ran out of time in the rate limiter would pass for a finished one."""

    def call(key: str) -> str:
        if key == "late":
            raise PollInterrupted("the rate limit leaves no time")
        return key

    got: list[str] = []
    results = calls(clock, 1).each(["late", "good"], call)
    with pytest.raises(PollInterrupted, match=r"^prod$"):
        got.extend(key for key, _ in results)
    assert got == ["good"]


def test_leaving_early_lets_no_further_call_begin(clock: ManualClock, gate: Gate) -> None:
    results = calls(clock, 2).each(
        ["first", "second", "third"], lambda key: key if key == "first" else gate(key)
    )
    assert isinstance(results, Generator)
    next(results)
    gate.until(lambda: gate.begun == ["second"])
    results.close()
    gate.open.set()
    gate.until(lambda: gate.inside == 0)
    assert gate.begun == ["second"]


def test_hung_calls_of_an_earlier_job_count_against_the_size_until_they_return(
    clock: ManualClock, gate: Gate
) -> None:
    """However often a dead endpoint is polled, it never costs more threads than the size."""
    pool = WorkerPool("prod", size=2, clock=clock)
    with pytest.raises(PollInterrupted):
        list(calls(clock, 2, pool=pool, heartbeat=lambda: clock.advance(1000)).each(["a", "b"], gate))
    gate.until(lambda: gate.inside == 2)
    for _ in range(5):
        with pytest.raises(PollInterrupted):
            list(calls(clock, 2, pool=pool, deadline=clock.monotonic()).each(["c"], gate))
    assert gate.begun == ["a", "b"]
    later = calls(clock, 2, pool=pool, deadline=SOON * 9, heartbeat=gate.open.set)
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
    pool = WorkerPool("prod", size=1, clock=clock)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="thread"):
            calls(clock, 1, pool=pool).one(nothing)


def test_begins_no_more_calls_than_have_been_yielded(clock: ManualClock) -> None:
    """Calls that fail at once must not all have been made before the first failure is looked at."""
    begun: list[str] = []
    results = calls(clock, 2).each(list("abcdefghij"), begun.append)
    for _ in range(3):
        next(results)
    assert len(begun) <= 4


# Giving up


def failing(reason: Reason, made: list[str]) -> Callable[[str], str]:
    """Return a call that fails and is noted; a key in upper case is answered."""

    def call(key: str) -> str:
        made.append(key)
        if key.isupper():
            return key
        raise glue_error(reason)

    return call


def one_by_one(job: Calls, call: Callable[[str], str], keys: str) -> None:
    """Call for each key by itself."""
    for key in keys:
        try:
            job.one(lambda key=key: call(key))  # type: ignore[misc]  # binds it now
        except GlueError:
            continue


def all_at_once(job: Calls, call: Callable[[str], str], keys: str) -> None:
    """Call for all keys."""
    for _ in job.each(keys, call):
        pass


@pytest.mark.parametrize("ask", [one_by_one, all_at_once])
@pytest.mark.parametrize("reason", sorted(UNREACHABLE))
def test_twelve_calls_that_do_not_reach_glue_are_three(
    clock: ManualClock, reason: Reason, ask: Callable[[Calls, Callable[[str], str], str], None]
) -> None:
    made: list[str] = []
    with pytest.raises(GlueUnreachableError) as caught:
        ask(calls(clock, 1), failing(reason, made), "abcdefghijkl")
    assert made == ["a", "b", "c"]
    assert caught.value.failure.reason is reason


@pytest.mark.parametrize("ask", [one_by_one, all_at_once])
@pytest.mark.parametrize(("reason", "keys"), [(Reason.THROTTLED, "abcdef"), (Reason.TIMEOUT, "abCdeFgh")])
def test_goes_on_past_answers(
    clock: ManualClock,
    reason: Reason,
    keys: str,
    ask: Callable[[Calls, Callable[[str], str], str], None],
) -> None:
    """A failure that Glue itself answered is one, and an answer in between begins the count anew."""
    made: list[str] = []
    ask(calls(clock, 1), failing(reason, made), keys)
    assert "".join(made) == keys


def test_a_failure_keeps_nothing_of_the_call_that_it_ended() -> None:
    """It may be remembered for long: its frames would keep connections and whole answers."""

    def call(_: str) -> str:
        try:
            return {"the connection": "and all that it read"}["gone"]
        except KeyError:
            raise glue_error(Reason.TIMEOUT) from None

    pool = WorkerPool("test", size=1, clock=ManualClock())
    ((_, failure),) = Calls(pool, deadline=SOON, stop=threading.Event(), heartbeat=nothing).each(["a"], call)
    assert isinstance(failure, GlueError)
    assert (failure.__traceback__, failure.__context__, failure.__cause__) == (None, None, None)
