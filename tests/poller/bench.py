"""One target with everything around it: a catalog in memory, a real store, and a clock that stands still."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.model.run import Run, RunKey, RunListing
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import View, ViewKey
from exporter.poller.poll import TargetPoll
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries, ViewFacts, ViewSeries
from exporter.store.store import Store
from exporter.store.targets import TargetState
from tests.support.clock import START, ManualClock
from tests.support.reader import ACCOUNT, MemoryReader

REGION = "eu-west-1"
DAY = 86_400.0

K = TypeVar("K")
V = TypeVar("V")


def patterns(*names: str) -> tuple[ViewPattern, ...]:
    """Return patterns as a configuration writes them."""
    pairs = (name.split(".") for name in names)
    return tuple(ViewPattern(database=database, table=table) for database, table in pairs)


def target(name: str, *run_ids: str, catalog_id: str | None = ACCOUNT, region: str | None = REGION) -> Target:
    """Return a target that watches these runs."""
    return Target(name=name, access=Access(aws_region=region), catalog_id=catalog_id, run_ids=run_ids)


def watching(*names: str, exclude: Iterable[str] = (), run_ids: tuple[str, ...] = ()) -> Target:
    """Return a target that watches these views."""
    return replace(target("prod", *run_ids), views=patterns(*names), exclude_views=patterns(*exclude))


def watch(*targets: Target, poll_interval: float = 30.0, resync_interval: float = 900.0) -> Settings:
    """Return settings for these targets."""
    return Settings(targets=targets, poll_interval=poll_interval, resync_interval=resync_interval)


def view(name: str) -> View:
    """Return a view that was created long ago."""
    database, table = name.split(".")
    return View(database=database, table=table, creation_time=START - 90 * DAY, refresh_seconds=3600.0)


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


def running(run_id: str, age: float = 0.0, *, of: str = "sales.orders") -> Run:
    """Return a run that goes on."""
    return run(run_id, age, of=of, status="RUNNING")


def old(count: int, *, of: str = "sales.orders", name: str = "old") -> list[Run]:
    """Return runs that have long been settled, one an hour, newest first."""
    return [run(f"{name}-{number}", DAY + 3600.0 * number, of=of) for number in range(count)]


class SmallPages(MemoryReader):
    """Two runs a page."""

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 2,
    ) -> RunListing:
        """Return a small page."""
        return super().list_runs(
            database=database, table=table, next_token=next_token, max_results=max_results
        )


@dataclass
class Shown:
    """Listens to a store: what is shown now."""

    runs: dict[RunKey, RunSeries] = field(default_factory=dict)
    views: dict[ViewKey, ViewSeries] = field(default_factory=dict)
    targets: dict[str, TargetSeries] = field(default_factory=dict)
    commits: int = 0
    trouble: BaseException | None = None
    """What the next change of a view raises, once."""

    def __call__(self, changes: SeriesChanges) -> None:
        """Take in one commit."""
        self.commits += 1
        if self.trouble and changes.views:
            trouble, self.trouble = self.trouble, None
            raise trouble
        self.runs = _changed({} if changes.everything else self.runs, changes.runs)
        self.views = _changed({} if changes.everything else self.views, changes.views)
        self.targets = _changed(self.targets, changes.targets)

    @property
    def ups(self) -> dict[str, bool | None]:
        """``run_up`` by run ID."""
        return {key.run_id: series.up for key, series in self.runs.items()}

    @property
    def view_ups(self) -> dict[str, bool]:
        """``view_up`` by ``database.table``."""
        return {f"{key.database}.{key.table}": series.up for key, series in self.views.items()}

    def facts(self, name: str) -> ViewFacts:
        """Return the value series of a view that Glue knows."""
        facts = self.views[ViewKey(REGION, ACCOUNT, *name.split("."))].facts
        assert facts is not None, name
        return facts

    def last_run(self, name: str) -> str | None:
        """Return the ID of a view's newest run."""
        newest = self.facts(name).last_run
        return newest.run_id if newest else None

    def counted(self, name: str) -> int:
        """Return how many ended runs of a view are counted."""
        return sum(self.facts(name).counters.runs.values())


def _changed(shown: Mapping[K, V], changes: Mapping[K, V | None]) -> dict[K, V]:
    return {key: series for key, series in {**shown, **changes}.items() if series is not None}


def nothing() -> None:
    """Stand in for a heartbeat where nobody listens."""


@dataclass
class Bench:
    """One target, polled when a test says so."""

    target: Target
    reader: MemoryReader = field(default_factory=MemoryReader)
    poll_interval: float = 30.0
    resync_interval: float = 900.0
    clock: ManualClock = field(default_factory=ManualClock)
    shown: Shown = field(default_factory=Shown)
    stop: threading.Event = field(default_factory=threading.Event)
    make_store: Callable[..., Store] = Store

    def __post_init__(self) -> None:
        self.store = self.make_store(self.clock, [self.shown])
        self.configure(self.target)
        self.polled = False
        self.poll = TargetPoll(self.target, self.reader, self.store, self.clock, self.stop)

    def configure(self, target: Target) -> None:
        """Put another configuration in force, as the program does."""
        settings = watch(target, poll_interval=self.poll_interval, resync_interval=self.resync_interval)
        self.store.configure(settings)

    def has(self, *runs: Run, views: Iterable[str] = ("sales.orders",)) -> None:
        """Have Glue list these runs, in this order, and these views."""
        errors = {call: a for call, a in self.reader.answers.items() if isinstance(a, BaseException)}
        self.reader.answers = {**errors, **{run.run_id: run for run in runs}}
        self.reader.views = [view(name) for name in views]

    def run(self, beat: Callable[[], None] = nothing) -> list[str]:
        """Poll once, then let a resync that this began come to its end. Return all calls, sorted."""
        self.reader.forget_calls()
        resync = self.reader.hang("resync")
        if not self.polled:
            resync.set()  # the first poll waits for it
        self.polled = True
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
        """What the store knows of the target."""
        return self.store.targets()[0]

    @property
    def up(self) -> bool | None:
        """``target_up``."""
        return self.shown.targets["prod"].up

    @property
    def error(self) -> str | None:
        """Why it is not up."""
        return self.state.error
