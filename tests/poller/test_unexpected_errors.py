"""Errors of the program itself: the target is down with a reason, nothing is lost, the next poll recovers."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from exporter.store.results import PollEnded, Result, ResyncEnded, RunsListed, TablesRead
from exporter.store.series import SeriesChanges
from exporter.store.store import Store
from tests.poller.bench import Bench, old, run, watching
from tests.support.store_bench import Shown

VIEWS = ("finance.ledger", "sales.orders")
INTERNAL = "internal: internal error: MemoryError"


class FailingStore(Store):
    """A store without memory for a certain result, once; before it has applied it."""

    fails_at: type | None = None
    passes: int = 0
    """So many results of this kind are applied before."""

    def apply(self, result: Result, stop: threading.Event | None = None) -> None:
        """Apply the result, or raise."""
        if self.fails_at is type(result):
            if not self.passes:
                self.fails_at = None
                raise MemoryError
            self.passes -= 1
        super().apply(result, stop)


@dataclass
class Fragile(Shown):
    """Runs out of memory at the next change of a view, once."""

    strike: bool = False

    def __call__(self, changes: SeriesChanges) -> None:
        """Note one commit, or raise."""
        if self.strike and changes.views:
            self.strike = False
            raise MemoryError
        super().__call__(changes)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep tracebacks from being rendered, which takes long."""
    with capture_logs():
        yield


def bench() -> Bench:
    """Return a target that watches everything."""
    ready = Bench(watching("*.*"), make_store=FailingStore, shown=Fragile())
    ready.has(run("b", 7200.0, of=VIEWS[0]), *old(3), views=VIEWS)
    return ready


@dataclass(frozen=True)
class Where:
    """Where the program runs out of memory."""

    result: type | None = None
    """While the store applies this."""
    passes: int = 0
    """So many of them are applied before."""
    call: str | None = None

    def strike(self, bench: Bench) -> None:
        """Let it happen; None for both: in a listener."""
        if self.result:
            assert isinstance(bench.store, FailingStore)
            bench.store.fails_at, bench.store.passes = self.result, self.passes
        elif self.call:
            bench.reader.answers[self.call] = MemoryError()
        else:
            assert isinstance(bench.shown, Fragile)
            bench.shown.strike = True

    def pass_by(self, bench: Bench) -> None:
        """Let there be memory again."""
        bench.reader.answers.pop(self.call or "", None)


EVERYWHERE = [
    *(Where(result=kind) for kind in (TablesRead, RunsListed, ResyncEnded, PollEnded)),
    Where(result=TablesRead, passes=1),
    *(Where(call=call) for call in ("get_databases", "get_tables sales", "list_runs *.*")),
    Where(),
]


def named(where: Where) -> str:
    result = where.result and f"{where.passes + 1}. {where.result.__name__}"
    return result or where.call or "a listener"


@pytest.mark.parametrize("where", EVERYWHERE, ids=named)
def test_the_first_poll(where: Where) -> None:
    """It has ended, however it ended: the exporter is ready. Nothing is counted that was there before."""
    ready = bench()
    where.strike(ready)
    ready.run()
    assert ready.up is False
    assert ready.error == INTERNAL or where.result is ResyncEnded
    assert ready.store.ready()
    where.pass_by(ready)
    ready.later()
    ready.later()
    assert (ready.up, ready.error) == (True, None)
    assert ready.shown.view_ups == dict.fromkeys(VIEWS, True)
    assert [ready.shown.last_run(name) for name in VIEWS] == ["b", "old-0"]
    assert [ready.shown.runs_total(name) for name in VIEWS] == [{}, {}]


@pytest.mark.parametrize("where", EVERYWHERE, ids=named)
def test_a_later_resync(where: Where) -> None:
    """What it was about to find is found by the next polls, and not only by the next resync."""
    ready = bench()
    ready.run()
    ready.has(run("new", -900.0, of="sales.returns"), *old(3), views=[*VIEWS, "sales.returns"])
    where.strike(ready)
    ready.later(900.0)
    assert ready.up is False or where.result is ResyncEnded
    where.pass_by(ready)
    ready.later()
    ready.later()
    assert (ready.up, ready.error) == (True, None)
    assert ready.shown.view_ups == dict.fromkeys([*VIEWS, "sales.returns"], True)
    assert ready.shown.last_run("sales.returns") == "new"
    assert ready.shown.last_run("sales.orders") == "old-0"
