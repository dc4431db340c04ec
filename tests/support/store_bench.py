"""A store with one listener, for tests that poll and commit; its state is in memory, or in a folder."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from exporter.errors import GlueError, StorageError
from exporter.model.run import Run, RunKey, run_key
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import View, ViewKey
from exporter.store.catalog import CatalogRows, Place
from exporter.store.log_lines import Line
from exporter.store.results import Listing, RunsListed, Scope, TablesRead
from exporter.store.series import (
    ExporterSeries,
    RunSeries,
    SeriesChanges,
    TargetSeries,
    ViewFacts,
    ViewSeries,
)
from exporter.store.storage import FILE_NAME, LOCK_NAME, Storage, load
from exporter.store.store import Store
from tests.support.clock import START, ManualClock
from tests.support.log import Log
from tests.support.outcome import Listed, Outcome, malformed
from tests.support.reader import ACCOUNT

REGION = "eu-west-1"
DAY = 86400.0
DAILY = "sales.daily_orders"
"""The view to which runs belong by default."""
EVERYTHING = Scope()

K = TypeVar("K")
V = TypeVar("V")


# What is watched


def views(*names: str, expected_interval: float | None = None) -> tuple[ViewPattern, ...]:
    split = (name.split(".") for name in names)
    return tuple(ViewPattern(database=d, table=t, expected_interval=expected_interval) for d, t in split)


def target(
    name: str,
    *watched: str,
    exclude: Iterable[str] = (),
    catalog_id: str | None = ACCOUNT,
    region: str | None = REGION,
) -> Target:
    """Return a target that watches these views (their names have a dot) and runs."""
    return Target(
        name=name,
        access=Access(aws_region=region),
        catalog_id=catalog_id,
        run_ids=tuple(one for one in watched if "." not in one),
        views=views(*(one for one in watched if "." in one)),
        exclude_views=views(*exclude),
    )


# What Glue holds


def view(name: str = DAILY, *, created: float | None = START - DAY, every: float | None = 3600.0) -> View:
    database, table = name.split(".")
    return View(database=database, table=table, creation_time=created, refresh_seconds=every)


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


def started(run: Run, seconds: float) -> Run:
    """Return the run as it is if created so many seconds after the clock's start."""
    return run._replace(creation_time=START + seconds)


def failed(run_id: str, seconds: float) -> Run:
    """Return a failed run that was created so many seconds after the clock's start."""
    return started(ended(run_id, status="FAILED"), seconds)


def of(name: str, run: Run) -> Run:
    database, table = name.split(".")
    return run._replace(database=database, table=table)


def found(
    *views: View, databases: Sequence[str] = ("sales",), by_name: Sequence[str] = (), target: str = "prod"
) -> TablesRead:
    """Return what it says of views that all tables of these databases were read."""
    named = frozenset((database, table) for database, table in (name.split(".") for name in by_name))
    return TablesRead(target=target, views=views, databases=frozenset(databases), named=named)


# What is shown


@dataclass
class Shown:
    """Listens to a store: what is shown now, and what each commit changed."""

    runs: dict[RunKey, RunSeries] = field(default_factory=dict)
    views: dict[ViewKey, ViewSeries] = field(default_factory=dict)
    targets: dict[str, TargetSeries] = field(default_factory=dict)
    exporter: ExporterSeries | None = None
    commits: list[SeriesChanges] = field(default_factory=list)
    failures: int = 0
    """So many of the next commits raise MemoryError before they are shown."""

    def __call__(self, changes: SeriesChanges) -> None:
        self.commits.append(changes)
        if self.failures:
            self.failures -= 1
            raise MemoryError
        if changes.everything:
            self.runs, self.views, self.targets = {}, {}, {}
        self.runs = _changed(self.runs, changes.runs)
        self.views = _changed(self.views, changes.views)
        self.targets = _changed(self.targets, changes.targets)
        self.exporter = changes.exporter or self.exporter

    @property
    def last(self) -> SeriesChanges:
        return self.commits[-1]

    @property
    def ups(self) -> dict[str, bool | None]:
        """``run_up`` by run ID; a run ID that is shown under two keys fails."""
        ups = {series.key.run_id: series.up for series in self.runs.values()}
        assert len(ups) == len(self.runs), self.runs.keys()
        return ups

    @property
    def view_ups(self) -> dict[str, bool]:
        """``view_up`` by ``database.table``, of every view that has series."""
        return {f"{key.database}.{key.table}": series.up for key, series in self.views.items()}

    @property
    def shown_runs(self) -> set[str]:
        """The IDs of the runs that have value series."""
        return {series.key.run_id for series in self.runs.values() if series.run is not None}

    def run(self, run_id: str) -> RunSeries:
        return self.runs[RunKey(REGION, ACCOUNT, run_key(run_id))]

    def view(self, name: str = DAILY) -> ViewSeries:
        return self.views[ViewKey(REGION, ACCOUNT, *name.split("."))]

    def facts(self, name: str = DAILY) -> ViewFacts:
        """Return the value series of a view that Glue knows."""
        facts = self.view(name).facts
        assert facts is not None, name
        return facts

    def last_run(self, name: str = DAILY) -> str | None:
        """Return the ID of a view's newest run."""
        newest = self.facts(name).last_run
        return newest.run_id if newest else None

    def runs_total(self, name: str = DAILY) -> dict[str, int]:
        """Return how many ended runs of a view are counted, by status."""
        totals: dict[str, int] = {}
        for (status, _), number in self.facts(name).counters.runs.items():
            if number:
                totals[status] = totals.get(status, 0) + number
        return totals


def _changed(shown: dict[K, V], changes: Mapping[K, V | None]) -> dict[K, V]:
    """Return another dictionary: threads of the test may be reading this one."""
    if not changes:
        return shown
    return {key: series for key, series in {**shown, **changes}.items() if series is not None}


class FullDisk(Storage):
    """A state on a disk that can be full; counts the rows that it takes."""

    full = False
    saved = 0

    def save(self, changes: Mapping[Place, CatalogRows]) -> None:
        if self.full:
            raise StorageError("the state cannot be written: database or disk is full")
        self.saved += sum(len(rows.runs) + len(rows.views) for rows in changes.values())
        super().save(changes)


@dataclass
class StoreBench:
    """One exporter after another on the same state. ``folder`` None: the state ends with each of them."""

    folder: Path | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    make_shown: Callable[[], Shown] = Shown
    lives: int = 0
    storage: FullDisk | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a life of the program."""
        self.lives += 1
        self.shown = self.make_shown()
        rows = None
        if self.folder is not None:
            self.storage, rows = FullDisk.open(self.folder)
        self.log = Log()
        self.store = Store(self.clock, [self.shown], self.storage, rows, self.log)

    # What happens. All of it returns what is logged

    def configure(self, *targets: Target, **settings: Any) -> list[Line]:
        """Load or reload a configuration."""
        self.store.configure(Settings(targets=targets, **settings))
        return self.log.take()

    def watch(self, *names: str, **settings: Any) -> list[Line]:
        """Have one target, ``prod``, watch these views and runs."""
        return self.configure(target("prod", *names), **settings)

    def commit(self, outcome: Outcome) -> list[Line]:
        """Commit a poll, and the resync that has ended before it."""
        outcome.apply(self.store, self.clock.time())
        return self.log.take()

    def poll(
        self,
        *listed: Run,
        tables: Sequence[View] | None = (view(),),
        by_name: Sequence[str] = (),
        complete: bool = True,
        scope: Scope = EVERYTHING,
        unreadable: Sequence[str | None] = (),
        cut: int | None = None,
        read: Mapping[str, Run | GlueError] | None = None,
        denied: bool = False,
        target: str = "prod",
    ) -> list[Line]:
        """Commit a resync and a poll that listed these runs and found these views in the database ``sales``.

        ``tables`` None: they were not looked through. ``by_name``: views that were asked for by name.
        ``cut``: after so many runs comes another page. ``read``: what reading runs by themselves returned.
        """
        listing = Listed(scope=scope, runs=listed, complete=complete, unreadable=tuple(unreadable), cut=cut)
        looked = None if tables is None else found(*tables, by_name=by_name, target=target)
        return self.commit(
            Outcome(target=target, tables=looked, denied=denied, listings=(listing,), runs=read or {})
        )

    def read(
        self,
        *runs: Run,
        errors: Mapping[str, GlueError] | None = None,
        unread: Sequence[str] = (),
        error: GlueError | None = None,
        finished: bool = True,
        target: str = "prod",
    ) -> list[Line]:
        """Commit a poll that read runs by their IDs alone, and met these errors, by run ID."""
        answers: dict[str, Run | GlueError] = {**{run.run_id: run for run in runs}, **(errors or {})}
        return self.commit(
            Outcome(target=target, runs=answers, unread=unread, error=error, finished=finished)
        )

    def open_listing(self, target: str = "prod") -> Listing:
        """Begin a listing of the whole catalog."""
        listing = self.store.open_listing(target, EVERYTHING)
        assert listing
        return listing

    def hand_in(
        self,
        listing: Listing,
        *runs: Run,
        unreadable: Sequence[str | None] = (),
        last: bool = False,
        denied: bool = False,
    ) -> None:
        """Have the store apply one page of a listing that goes on for a while."""
        page = RunsListed(
            target=listing.target,
            listing=listing,
            runs=runs,
            malformed=malformed(unreadable),
            last=last,
            tables_denied={""} if denied else frozenset(),
        )
        self.store.apply(page)

    def due(self, target: str = "prod") -> list[str]:
        """Return the run IDs that a poll of the target should ask for now."""
        watched = self.store.watch(target)
        return list(watched.due) if watched else []

    # The state on disk

    @property
    def disk(self) -> FullDisk:
        assert self.storage is not None
        return self.storage

    @property
    def saved(self) -> CatalogRows:
        """What the folder holds of all catalogs at this moment."""
        assert self.folder is not None
        saved = CatalogRows()
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as connection:
            catalogs = load(connection)
        for rows in catalogs.values():
            for member in fields(rows):
                getattr(saved, member.name).update(getattr(rows, member.name))
        return saved

    @property
    def saved_runs(self) -> set[str]:
        return {record.run.run_id for record in self.saved.runs.values() if record}

    @property
    def saved_views(self) -> set[str]:
        """The tables of the views that are saved."""
        return {table for _, table in self.saved.views}

    def stop(self) -> None:
        """End as on SIGTERM."""
        self.store.close()

    def restart(self) -> None:
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
