"""One target with everything around it: a catalog in memory, a real store, and a clock that stands still."""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exporter.model.run import Page, Run
from exporter.model.settings import Settings, Target
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.store.store import Store
from exporter.store.targets import TargetState
from tests.support.clock import START, ManualClock
from tests.support.reader import MemoryReader
from tests.support.store_bench import DAY, Shown, target, view

watching = partial(target, "prod")


def watch(*targets: Target, **settings: Any) -> Settings:
    return Settings(targets=targets, **settings)


def run(run_id: str, age: float = 0.0, *, of: str = "sales.orders", status: str | None = "SUCCEEDED") -> Run:
    """Return a run that was created so many seconds before the clock's start, and ended a minute later."""
    database, table = of.split(".")
    over = status in {"SUCCEEDED", "FAILED", "STOPPED"}
    return Run(
        run_id=run_id,
        database=database,
        table=table,
        status=status,
        creation_time=START - age,
        start_time=START - age,
        end_time=START - age + 60.0 if over else None,
        last_updated=START - age,
        dpu_seconds=120.0 if over else None,
    )


running = partial(run, status="RUNNING")


def old(count: int) -> list[Run]:
    """Return runs that have long been settled, one an hour, newest first."""
    return [run(f"old-{number}", DAY + 3600.0 * number) for number in range(count)]


class SmallPages(MemoryReader):
    """Two runs a page."""

    runs_a_page = 2

    def list_runs(self, **parameters: Any) -> Page[Run]:
        return super().list_runs(**{"max_results": self.runs_a_page, **parameters})


def nothing() -> None:
    """Stand in for a heartbeat where nobody listens."""


@dataclass
class Bench:
    """One target, polled when a test says so."""

    target: Target
    reader: MemoryReader = field(default_factory=MemoryReader)
    poll_interval: float = 30.0
    clock: ManualClock = field(default_factory=ManualClock)
    shown: Shown = field(default_factory=Shown)
    stop: threading.Event = field(default_factory=threading.Event)
    make_store: Callable[..., Store] = Store

    def __post_init__(self) -> None:
        self.store = self.make_store(self.clock, [self.shown])
        self.store.configure(watch(self.target, poll_interval=self.poll_interval))
        self.poll = TargetPoll(Polling(self.target, self.reader, self.store, self.clock, self.stop))

    def has(self, *runs: Run, views: Iterable[str] = ("sales.orders",)) -> None:
        """Have Glue list these runs, in this order, and these views."""
        errors = {call: a for call, a in self.reader.answers.items() if isinstance(a, BaseException)}
        self.reader.answers = {**errors, **{run.run_id: run for run in runs}}
        self.reader.views = [view(name) for name in views]

    def run(self, beat: Callable[[], None] = nothing) -> list[str]:
        """Poll once, then let a resync that this began come to its end. Return all calls, sorted."""
        self.reader.forget_calls()
        resync = self.reader.hang("resync")
        if not self.reader.resync_deadlines:
            resync.set()  # a poll waits for the first one
        self.poll.run(beat)
        resync.set()
        self.await_resync()
        return sorted(self.reader.calls)

    def later(self, seconds: float = 30.0) -> list[str]:
        """Poll once more, so much later."""
        self.clock.advance(seconds)
        return self.run()

    def await_resync(self) -> None:
        """Wait, in real time, until no resync runs."""
        self.poll.resync.wait(math.inf, nothing)

    @property
    def state(self) -> TargetState:
        return next(self.store.watched())[0]

    @property
    def up(self) -> bool | None:
        """``target_up``."""
        return self.shown.targets["prod"].up

    @property
    def error(self) -> str | None:
        return self.state.error
