"""Errors of the program itself: the target is down with a reason, nothing is lost, the next poll recovers."""

import threading
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from exporter.store.results import PollEnded, Result, ResyncEnded, RunsListed, TablesRead
from exporter.store.store import Store
from tests.poller.bench import Bench, old, run, watching

VIEWS = ("finance.ledger", "sales.orders")
INTERNAL = "internal: internal error: MemoryError"


class FailingStore(Store):
    """A store without memory for a certain result, once; before it has applied it."""

    fails_at: type | None = None
    passes: int = 0
    """So many results of this kind are applied before."""

    def apply(self, result: Result, stop: threading.Event | None = None) -> None:
        if self.fails_at is type(result):
            if not self.passes:
                self.fails_at = None
                raise MemoryError
            self.passes -= 1
        super().apply(result, stop)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep tracebacks from being rendered, which takes long."""
    with capture_logs():
        yield


def bench() -> Bench:
    """Return a target that watches everything."""
    ready = Bench(watching("*.*"), make_store=FailingStore)
    ready.has(run("b", 7200.0, of=VIEWS[0]), *old(3), views=VIEWS)
    return ready


Strike = Callable[[Bench], None]
"""Lets the program run out of memory somewhere."""


def applying(result: type, passes: int = 0) -> Strike:
    """Strike while the store applies such a result, after so many of them."""

    def strike(bench: Bench) -> None:
        assert isinstance(bench.store, FailingStore)
        bench.store.fails_at, bench.store.passes = result, passes

    return strike


def calling(call: str) -> Strike:

    def strike(bench: Bench) -> None:
        bench.reader.answers[call] = MemoryError()

    return strike


def publishing(bench: Bench) -> None:
    bench.shown.failures = 1


def beginning(bench: Bench) -> None:
    """Strike before a poll has read anything."""
    bench.reader.trouble = MemoryError()


def recover(bench: Bench) -> None:
    """Let there be memory again, and two polls."""
    bench.reader.trouble = None
    bench.reader.answers = {
        call: answer for call, answer in bench.reader.answers.items() if not isinstance(answer, MemoryError)
    }
    bench.later()
    bench.later()
    assert (bench.up, bench.error) == (True, None)


everywhere = pytest.mark.parametrize(
    "strike",
    [
        *(pytest.param(applying(kind), id=kind.__name__) for kind in (TablesRead, RunsListed, PollEnded)),
        pytest.param(applying(TablesRead, 1), id="the second TablesRead"),
        *(pytest.param(calling(c), id=c) for c in ("get_databases", "get_tables sales", "list_runs *.*")),
        pytest.param(publishing, id="a listener"),
        pytest.param(beginning, id="the first step"),
        # Then the poll goes on, and the target is not up for want of a resync.
        pytest.param(applying(ResyncEnded), id="ResyncEnded"),
    ],
)


@everywhere
def test_the_first_poll(strike: Strike, request: pytest.FixtureRequest) -> None:
    """It has ended, however it ended: the exporter is ready. Nothing is counted that was there before."""
    ready = bench()
    strike(ready)
    ready.run()
    assert ready.up is False
    assert ready.error == INTERNAL or "ResyncEnded" in request.node.name
    assert ready.store.ready()
    recover(ready)
    assert ready.shown.view_ups == dict.fromkeys(VIEWS, True)
    assert [ready.shown.last_run(name) for name in VIEWS] == ["b", "old-0"]
    assert [ready.shown.runs_total(name) for name in VIEWS] == [{}, {}]


@everywhere
def test_a_later_resync(strike: Strike, request: pytest.FixtureRequest) -> None:
    """What it was about to find is found by the next polls, and not only by the next resync."""
    ready = bench()
    ready.run()
    ready.has(run("new", -900.0, of="sales.returns"), *old(3), views=[*VIEWS, "sales.returns"])
    strike(ready)
    ready.later(900.0)
    assert ready.up is False or "ResyncEnded" in request.node.name
    recover(ready)
    assert ready.shown.view_ups == dict.fromkeys([*VIEWS, "sales.returns"], True)
    assert ready.shown.last_run("sales.returns") == "new"
    assert ready.shown.last_run("sales.orders") == "old-0"
