"""A store with its state in a folder, for tests that crash it, restart it and fill its disk."""

import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.errors import StorageError
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import ViewKey
from exporter.store.catalog import CatalogRows, Place
from exporter.store.counters import ViewCounters
from exporter.store.log_lines import Line
from exporter.store.series import ExporterSeries, SeriesChanges, ViewFacts, ViewSeries
from exporter.store.storage import FILE_NAME, LOCK_NAME, Storage
from exporter.store.store import Store
from tests.state.naive_model import Counts
from tests.support.clock import ManualClock
from tests.support.log import Log
from tests.support.outcome import Outcome
from tests.support.reader import ACCOUNT
from tests.support.watching import REGION, Recorder

EXPORTER = ExporterSeries(
    version="1",
    python_version="3",
    boto3_version="1",
    last_reload_successful=True,
    last_reload_success_time=0.0,
    storage_last_write_successful=True,
    storage_write_failures=0,
)


class FullDisk(Storage):
    """A state on a disk that can be full."""

    full = False

    def save(self, changes: Mapping[Place, CatalogRows], gone: Iterable[Place] = ()) -> None:
        """Write, unless the disk is full."""
        if self.full:
            raise StorageError("the state cannot be written: database or disk is full")
        super().save(changes, gone)


def views(*patterns: str, expected_interval: float | None = None) -> tuple[ViewPattern, ...]:
    """Return patterns as they are written in the configuration."""
    split = (pattern.split(".") for pattern in patterns)
    return tuple(ViewPattern(database=d, table=t, expected_interval=expected_interval) for d, t in split)


def target(
    name: str,
    *patterns: str,
    run_ids: Sequence[str] = (),
    exclude: Sequence[str] = (),
    catalog_id: str | None = ACCOUNT,
) -> Target:
    """Return a target that watches these views and runs."""
    return Target(
        name=name,
        access=Access(aws_region=REGION),
        catalog_id=catalog_id,
        run_ids=tuple(run_ids),
        views=views(*patterns),
        exclude_views=views(*exclude),
    )


@dataclass
class Views(Recorder):
    """Listens to a store: which views are shown, too, and what the exporter tells of itself."""

    views: dict[ViewKey, ViewSeries] = field(default_factory=dict)
    exporter: ExporterSeries | None = None

    def __call__(self, changes: SeriesChanges) -> None:
        """Note one commit."""
        super().__call__(changes)
        self.exporter = changes.exporter or self.exporter
        for key, series in changes.views.items():
            if series is None:
                del self.views[key]
            else:
                self.views[key] = series

    def forget(self) -> None:
        """Drop all that is shown."""
        super().forget()
        self.views.clear()

    def view(self, name: str) -> ViewSeries:
        """Return what is shown of ``database.table``."""
        return self.views[_key(name)]

    def facts(self, name: str) -> ViewFacts:
        """Return the value series of a view that Glue knows."""
        facts = self.view(name).facts
        assert facts is not None, name
        return facts

    def counts(self, name: str) -> Counts:
        """Return the view's counters without their zeros."""
        return nonzero(self.facts(name).counters)

    def runs_total(self, name: str) -> dict[str, int]:
        """Return how many runs are counted, by status."""
        totals: dict[str, int] = {}
        for (status, _), number in self.counts(name).runs.items():
            totals[status] = totals.get(status, 0) + number
        return totals

    @property
    def shown_views(self) -> set[str]:
        """``database.table`` of every view that has series."""
        return {f"{key.database}.{key.table}" for key in self.views}

    @property
    def shown_runs(self) -> set[str]:
        """The IDs of the runs that have value series."""
        return {key.run_id for key, series in self.runs.items() if series.run is not None}


def _key(name: str) -> ViewKey:
    database, table = name.split(".")
    return ViewKey(REGION, ACCOUNT, database, table)


def nonzero(counters: ViewCounters) -> Counts:
    """Return counters in the naive model's words."""
    return Counts(
        runs={key: number for key, number in counters.runs.items() if number},
        dpu_seconds={kind: value for kind, value in counters.dpu_seconds.items() if value},
        processed_bytes={kind: value for kind, value in counters.processed_bytes.items() if value},
        durations=counters.durations,
        duration_sum=counters.duration_sum,
    )


@dataclass
class StateBench:
    """One exporter after another on the same state. ``folder`` None: the state ends with each of them."""

    folder: Path | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    lives: int = 0
    storage: FullDisk | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a life of the program."""
        self.lives += 1
        self.shown = Views()
        rows = None
        if self.folder is not None:
            self.storage, rows = FullDisk.open(self.folder)
        self.log = Log()
        self.store = Store(self.clock, [self.shown], self.storage, rows, self.log)
        if self.folder is not None:
            self.store.describe(EXPORTER)

    def configure(self, *targets: Target, runs_per_view: int = 1) -> list[Line]:
        """Load or reload a configuration; return what is logged."""
        self.store.configure(Settings(targets=targets, runs_per_view=runs_per_view))
        return self.log.take()

    def commit(self, outcome: Outcome) -> list[Line]:
        """Commit a poll, and the resync that has ended before it; return what is logged."""
        outcome.apply(self.store, self.clock.time())
        return self.log.take()

    @property
    def disk(self) -> FullDisk:
        """The state on disk."""
        assert self.storage is not None
        return self.storage

    def remembered(self, table: str = "runs", column: str = "run_id") -> set[Any]:
        """Return one column of a table of the state on disk."""
        return {row[0] for row in self.rows(f"SELECT {column} FROM {table}")}  # noqa: S608 (our own names)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what the state on disk answers."""
        assert self.folder is not None
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as connection:
            return connection.execute(query).fetchall()

    def stop(self) -> None:
        """End as on SIGTERM."""
        self.store.close()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def crash(self) -> None:
        """End as on ``kill -9``: what the folder holds at this moment is all that is left."""
        if self.folder is not None:
            left = self.folder.with_name(f"life{self.lives + 1}")
            shutil.copytree(self.folder, left, ignore=shutil.ignore_patterns(LOCK_NAME))
            self.folder = left
        self.abandon()
        self.start()

    def abandon(self) -> None:
        """End without saving what is left to save."""
        if self.storage:
            self.storage.close()
