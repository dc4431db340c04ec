"""A Glue in memory that lives through days: views that refresh on their schedules, and what goes wrong.

It keeps its own ledger of all that ended, which the exporter's counters are held against.
"""

import heapq
import random
import uuid
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from exporter.errors import GlueError, Reason
from exporter.model.run import Run
from exporter.model.view import SourceTable, View
from exporter.store.series import RequestStats
from tests.support.reader import ACCOUNT, MemoryReader, operation_of

HOUR = 3600.0
DAY = 24 * HOUR
ATTEMPTS = 2
"""Of the client, for one call."""
RETENTION = 12 * HOUR
"""For so long after its creation Glue lists a run."""
INTERVALS = (HOUR, 2 * HOUR, 6 * HOUR)
WEEK = 7 * DAY
WEEKEND = (DAY, 3 * DAY)
"""Of every week: its first day, at whose noon all begins, is a Friday here."""
LANDING = "landing"
"""The database of the source tables."""
SOURCES = 12
"""Of one catalog."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source table: something is committed to it at even times, or not on weekends."""

    table: str
    every: float
    first: float
    rests: bool
    """Over the weekend."""

    def updated(self, now: float) -> float:
        """Return when something was last committed to it."""
        weekend, monday = WEEKEND
        if self.rests and weekend <= now % WEEK < monday:
            return self.updated(now - now % WEEK + weekend - 1.0)
        commit = now - (now - self.first) % self.every
        rested = self.rests and weekend <= commit % WEEK < monday
        return self.updated(commit) if rested else commit


@dataclass(slots=True)
class SoakView:
    """One view, how it usually refreshes, and what will be different."""

    database: str
    table: str
    interval: float
    duration: float
    dpu_seconds: float
    source: Source
    refreshed: float = 0.0
    """When the newest refresh that succeeded began: it holds what its source held then."""
    updated: float = 0.0
    """When that refresh ended."""
    version: int = 0
    incidents: list[tuple[str, float, float]] = field(default_factory=list)
    """Kind, beginning and end in simulated seconds."""

    def suffers(self, kind: str, now: float) -> bool:
        return any(k == kind and begin <= now < end for k, begin, end in self.incidents)


class Counted(NamedTuple):
    """A counter of a view."""

    name: str
    """Of the metric, without ``glue_mv_refresh_view_``."""
    table: str
    refresh_type: str = ""
    status: str = ""


class World:
    """One catalog: its events happen while time is advanced."""

    def __init__(self, name: str, region: str, views: int, now: float, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 (a seeded course of events)
        self.region = region
        self.now = now
        # Every other view of prod reads a table that rests over the weekend.
        self.sources = [
            Source(
                table=f"{name}_source_{number}",
                every=self.dice.uniform(600.0, 1800.0),
                first=self.dice.uniform(0.0, 1800.0),
                rests=name == "prod" and number % 2 == 0,
            )
            for number in range(SOURCES)
        ]
        self.views: list[SoakView] = []
        self.dropped: set[str] = set()
        self.ledger: defaultdict[Counted, float] = defaultdict(float)
        """What the counters have to be: of all that has ended since the beginning."""
        self.stopped: list[tuple[SoakView, float]] = []
        """Runs that somebody stopped, and when: the next success comes late."""
        self.resting = False
        """No new run starts meanwhile."""
        self._runs: dict[str, Run] = {}
        self._order: deque[str] = deque()
        self._events: list[tuple[float, int, str, SoakView, str]] = []
        self._number = 0
        self._late: dict[str, float] = {}
        for number in range(views):
            view = SoakView(
                database=f"database_{number % 5}",
                table=f"{name}_{number}",
                interval=INTERVALS[number % len(INTERVALS)] if name == "prod" else HOUR,
                duration=self.dice.uniform(200.0, 900.0),
                dpu_seconds=self.dice.uniform(2000.0, 5000.0),
                source=self.sources[number % SOURCES],
            )
            self.views.append(view)
            # Its history before the first start: a success within its interval.
            ago = self.dice.uniform(0.1, 0.9) * view.interval
            self._ended_before(view, now - ago)
            self._plan(now - ago + view.interval, "start", view)

    def advance(self, to: float) -> None:
        while self._events and self._events[0][0] <= to:
            self.now, _, what, view, run_id = heapq.heappop(self._events)
            getattr(self, f"_{what}")(view, run_id)
        self.now = to
        while self._order and (self._runs[self._order[0]].creation_time or 0.0) < to - RETENTION:
            if not self._runs[self._order[0]].ended:
                break
            del self._runs[self._order.popleft()]

    def newest_first(self) -> Sequence[Run]:
        return [self._runs[run_id] for run_id in reversed(self._order)]

    def _plan(self, when: float, what: str, view: SoakView, run_id: str = "") -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what, view, run_id))

    def _new(self, view: SoakView, created: float) -> Run:
        run_id = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        return Run(
            run_id=run_id, database=view.database, table=view.table, status="STARTING", creation_time=created
        )

    def _ended_before(self, view: SoakView, ended: float) -> None:
        run = self._new(view, ended - view.duration)._replace(
            status="SUCCEEDED",
            refresh_type="INCREMENTAL",
            start_time=ended - view.duration,
            end_time=ended,
            last_updated=ended,
            dpu_seconds=view.dpu_seconds,
            processed_bytes=1000,
        )
        self._runs[run.run_id] = run
        self._order.appendleft(run.run_id)
        view.refreshed, view.updated = ended - view.duration, ended

    def _start(self, view: SoakView, _: str) -> None:
        self._plan(self.now + view.interval, "start", view)
        if self.resting or view.table in self.dropped or view.suffers("overdue", self.now):
            return
        if view.source.updated(self.now) <= view.refreshed:  # Glue skips it
            return
        run = self._new(view, self.now)
        self._runs[run.run_id] = run
        self._order.append(run.run_id)
        self._plan(self.now + self.dice.uniform(5.0, 90.0), "begin", view, run.run_id)

    def _begin(self, view: SoakView, run_id: str) -> None:
        full = view.suffers("full", self.now)
        self._runs[run_id] = self._runs[run_id]._replace(
            status="RUNNING",
            refresh_type="FULL" if full else "INCREMENTAL",
            start_time=self.now,
            last_updated=self.now,
        )
        takes = view.duration * self.dice.uniform(0.85, 1.15)
        self._plan(self.now + (5 * HOUR if view.suffers("stuck", self.now) else takes), "end", view, run_id)

    def _end(self, view: SoakView, run_id: str) -> None:
        failed = view.suffers("failing", self.now)
        status = "FAILED" if failed else "STOPPED" if self.dice.random() < 0.01 else "SUCCEEDED"
        if status == "STOPPED":
            self.stopped.append((view, self.now))
        factor = 8.0 if view.suffers("cost", self.now) else self.dice.uniform(0.85, 1.15)
        cost = round(view.dpu_seconds * factor, 1)
        late = self.dice.random() < 0.2
        run = self._runs[run_id]._replace(
            status=status,
            end_time=self.now,
            last_updated=self.now,
            dpu_seconds=None if late else cost,
            processed_bytes=None if late else int(cost) * 1000,
        )
        self._runs[run_id] = run
        if status == "SUCCEEDED":
            view.refreshed, view.updated = run.start_time or self.now, self.now
            view.version += 1
        kind = run.refresh_type or ""
        self.ledger[Counted("runs_total", view.table, kind, status)] += 1
        self.ledger[Counted("dpu_seconds_total", view.table, kind)] += cost
        self.ledger[Counted("processed_bytes_total", view.table, kind)] += int(cost) * 1000
        self.ledger[Counted("run_duration_seconds_count", view.table)] += status == "SUCCEEDED"
        if late:
            self._late[run_id] = cost
            self._plan(self.now + self.dice.uniform(60.0, 500.0), "report", view, run_id)

    def _report(self, _view: SoakView, run_id: str) -> None:
        cost = self._late.pop(run_id)
        self._runs[run_id] = self._runs[run_id]._replace(
            last_updated=self.now, dpu_seconds=cost, processed_bytes=int(cost) * 1000
        )


class WorldReader(MemoryReader):
    """Reads the part of the world that one target watches; fails as the course of events says."""

    def __init__(self, world: World, stats: RequestStats) -> None:
        super().__init__()
        self.failing: Reason | None = None
        """All calls fail so."""
        self.share = 1.0
        """With ``failing``: this share of the calls fails, by chance."""
        self._world = world
        self._stats = stats

    def until(self, deadline: float, *, first: bool = True) -> Self:
        """Hold what the world holds now: it stands still while a poll goes on."""
        world = self._world
        self.answers = {run.run_id: run for run in world.newest_first()}
        self.views = [
            View(
                database=view.database,
                table=view.table,
                creation_time=0.0,
                refresh_seconds=view.interval,
                update_time=view.updated,
                version_id=str(view.version),
                sources=(f"arn:aws:glue:{world.region}:{ACCOUNT}:table/{LANDING}/{view.source.table}",),
            )
            for view in world.views
            if view.table not in world.dropped
        ]
        self.sources[ACCOUNT, LANDING] = [
            SourceTable(table=source.table, update_time=source.updated(world.now), iceberg=True)
            for source in world.sources
        ]
        return super().until(deadline, first=first)

    def _note(self, call: str) -> None:
        """Count one call, and fail it where that is its fate. It is tried twice, as the client does."""
        operation = operation_of(call)
        for _ in range(ATTEMPTS):
            self._stats.attempt(operation, 0.05)
            if not self.failing or self._world.dice.random() >= self.share:
                return
            self._stats.failure(operation, self.failing)
        if self.failing:
            raise GlueError(self.failing, "as the course of events has it", operation=operation)
