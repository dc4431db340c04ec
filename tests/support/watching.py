"""Targets, runs and a store's listener, for tests that poll and commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.errors import GlueError
from exporter.model.run import Run, RunKey
from exporter.model.settings import Access, Settings, Target
from exporter.store.log_lines import Line
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries
from exporter.store.store import Store
from tests.support.clock import START, ManualClock
from tests.support.log import Log
from tests.support.outcome import Outcome
from tests.support.reader import ACCOUNT

REGION = "eu-west-1"

K = TypeVar("K")
V = TypeVar("V")


def target(name: str, *run_ids: str, catalog_id: str | None = ACCOUNT, region: str | None = REGION) -> Target:
    return Target(name=name, access=Access(aws_region=region), catalog_id=catalog_id, run_ids=run_ids)


def watch(*targets: Target, poll_interval: float = 30.0, resync_interval: float = 900.0) -> Settings:
    return Settings(targets=targets, poll_interval=poll_interval, resync_interval=resync_interval)


def running(run_id: str, *, status: str | None = "RUNNING") -> Run:
    """Return a run that started when the clock did."""
    return Run(
        run_id=run_id,
        database="sales",
        table="daily_orders",
        status=status,
        creation_time=START - 10.0,
        start_time=START,
        last_updated=START,
    )


def ended(
    run_id: str,
    *,
    status: str = "SUCCEEDED",
    end_time: float | None = START + 60.0,
    dpu_seconds: float | None = 120.0,
) -> Run:
    """Return a run that is over; by default with all that it takes to settle."""
    return running(run_id)._replace(
        status=status, end_time=end_time, dpu_seconds=dpu_seconds, last_updated=end_time
    )


@dataclass
class Recorder:
    """Listens to a store: what is shown now, and what each commit changed."""

    runs: dict[RunKey, RunSeries] = field(default_factory=dict)
    targets: dict[str, TargetSeries] = field(default_factory=dict)
    commits: list[SeriesChanges] = field(default_factory=list)

    def __call__(self, changes: SeriesChanges) -> None:
        """Note one commit."""
        self.commits.append(changes)
        if changes.everything:
            self.forget()
        _apply(changes.runs, self.runs)
        _apply(changes.targets, self.targets)

    def forget(self) -> None:
        """Drop all that is shown: the store is about to hand over everything anew."""
        self.runs.clear()
        self.targets.clear()

    @property
    def last(self) -> SeriesChanges:
        return self.commits[-1]

    @property
    def ups(self) -> dict[str, bool | None]:
        """``run_up`` by run ID; a run ID that is shown under two keys fails."""
        assert len({key.run_id for key in self.runs}) == len(self.runs), self.runs.keys()
        return {key.run_id: series.up for key, series in self.runs.items()}

    def run(self, run_id: str, catalog_id: str = ACCOUNT) -> RunSeries:
        return self.runs[RunKey(REGION, catalog_id, run_id)]


def _apply(changes: Mapping[K, V | None], shown: dict[K, V]) -> None:
    for key, series in changes.items():
        if series is None:
            shown.pop(key, None)  # it may never have had any
        else:
            shown[key] = series


@dataclass
class StoreBench:
    """A store, its clock and its only listener."""

    clock: ManualClock = field(default_factory=ManualClock)
    shown: Recorder = field(default_factory=Recorder)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.store = Store(self.clock, [self.shown], log=self.log)

    def configure(self, settings: Settings) -> list[Line]:
        """Watch what these settings ask for; return what is logged."""
        self.store.configure(settings)
        return self.log.take()

    def commit(
        self,
        target: str,
        *runs: Run,
        errors: dict[str, GlueError] | None = None,
        unread: tuple[str, ...] = (),
        error: GlueError | None = None,
        finished: bool = True,
    ) -> list[Line]:
        """Commit a poll that read these runs and met these errors, by run ID; return what is logged."""
        outcome = Outcome(
            target=target,
            runs={**{run.run_id: run for run in runs}, **(errors or {})},
            unread=unread,
            error=error,
            finished=finished,
        )
        outcome.apply(self.store, self.clock.time())
        return self.log.take()

    def due(self, target: str = "prod") -> list[str]:
        """Return what a poll of the target should read now."""
        watched = self.store.watch(target)
        return list(watched.due) if watched else []
