"""The state of all targets. Pollers commit to it, listeners are told what changed, pages read it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.clock import Clock
from exporter.errors import StorageError
from exporter.model.patterns import ViewMatcher
from exporter.model.run import PHASES, Run
from exporter.model.settings import Access, Settings, Target
from exporter.store.catalog import Catalog, Lost
from exporter.store.database import StateDatabase
from exporter.store.moment import Moment
from exporter.store.outcome import (
    Event,
    OwnedElsewhere,
    PatternMatchesNothing,
    PollOutcome,
    RecordMalformed,
    StorageFailing,
    StorageWorking,
    TargetDown,
    TargetUp,
)
from exporter.store.pruning import KEPT_UNWATCHED, forget_abandoned
from exporter.store.requests import RequestStats
from exporter.store.series import (
    ExporterSeries,
    RunSeries,
    SeriesChanges,
    SeriesListener,
    TargetSeries,
    ViewSeries,
)

T = TypeVar("T")

OUT_OF_TIME = "the poll ran out of time before everything was read; the next one goes on where it stopped"
TIDY_EVERY = 86400.0
"""Seconds between two searches for what nobody has watched for long."""
EARLY_SLACK = 0.5
"""A run that waits for a later poll is asked for this part of a poll interval early, at the most."""


@dataclass(slots=True)
class TargetState:
    """What is known of one target between its polls."""

    target: Target
    series: TargetSeries
    error: str | None = None
    """Of the last poll, for people."""
    unmatched: tuple[str, ...] = ()
    """Patterns that match no view."""
    reported: set[tuple[str, str]] = field(default_factory=set)
    """What has been logged once: (owner, name) of what another target watches, and the like."""

    @property
    def region(self) -> str:
        """The region that the target's series carry."""
        return self.series.aws_region


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a poll of a target has to look after."""

    target: Target
    views: frozenset[tuple[str, str]]
    """(database, table) of the views that it watches."""
    unsettled: tuple[Run, ...]
    """Runs of these views that may still change, as last seen."""
    due: tuple[str, ...]
    """IDs of configured runs that should be read now, the longest unread first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What a page reads while nothing changes."""

    now: float
    """Unix time, like the next."""
    started: float
    exporter: ExporterSeries | None
    targets: Sequence[tuple[TargetState, Catalog | None]]
    """Copies, in the order of the file; the catalog is None until it is known."""
    connection: sqlite3.Connection
    """To be read only; tables in ``temp`` may be written."""


class Store:
    """Every method may be called from any thread.

    ``listeners`` are called with each commit's changes while the lock is held, so that they see all
    changes in order; they must be quick and must not call back.
    """

    def __init__(
        self,
        clock: Clock,
        listeners: Sequence[SeriesListener] = (),
        database: StateDatabase | None = None,
    ) -> None:
        self._clock = clock
        self._listeners = tuple(listeners)
        self._lock = threading.RLock()
        self._database = database or StateDatabase.in_memory()
        self._started = clock.time()
        self._settings = Settings(targets=())
        self._targets: dict[str, TargetState] = {}
        self._catalogs: dict[tuple[str, str], Catalog] = {}
        self._exporter: ExporterSeries | None = None
        self._next_tidying = 0.0
        """Unix time."""

    def configure(self, settings: Settings) -> list[Event]:
        """Watch what these settings ask for, from now on. What stays keeps its state; the rest goes at once.

        Every target's region must be known by now (``access.aws_region``).
        """
        with self._lock:
            old = self._targets
            self._settings = settings
            # What the default catalog of an access is, another target may have found out.
            accounts = {
                state.target.access: state.series.catalog_id
                for state in old.values()
                if state.target.catalog_id is None
            }
            self._targets = {
                target.name: self._adopt(target, old.get(target.name), accounts)
                for target in settings.targets
            }
            with self._database.transaction():
                events = self._claim()
            gone = {name: None for name in old if name not in self._targets}
            kept = {name: state.series for name, state in self._targets.items()}
            events += self._save_and_publish(targets=gone | kept)
            return events

    @property
    def settings(self) -> Settings:
        """What is watched now."""
        return self._settings

    def describe(self, exporter: ExporterSeries) -> None:
        """Take in what is told of the exporter itself."""
        with self._lock:
            self._exporter = exporter
            self._publish(SeriesChanges(exporter=exporter))

    def note_reload(self, *, successful: bool) -> None:
        """Take in whether the configuration could be reloaded."""
        with self._lock:
            if self._exporter is None:
                return
            before = self._exporter
            time = self._clock.time() if successful else before.last_reload_success_time
            self.describe(replace(before, last_reload_successful=successful, last_reload_success_time=time))

    def requests(self, target: str) -> RequestStats:
        """Return the live request counters of a target."""
        return self._targets[target].series.requests

    def watch(self, target: str) -> Watch | None:
        """Return what a poll of this target has to look after; None for a target that is gone."""
        with self._lock:
            state = self._targets.get(target)
            catalog = state and self._catalog(state)
            if not state or not catalog:
                return None
            now = self._clock.monotonic()
            slack = self._settings.poll_interval * EARLY_SLACK
            order = {run_id: place for place, run_id in enumerate(state.target.run_ids)}
            due = [run for run in catalog.configured.unsettled(target) if run.due(now, slack=slack)]
            due.sort(key=lambda run: (run.last_attempt or float("-inf"), order.get(run.run_id, 0)))
            views = (watched.record for watched in catalog.views.of(target))
            return Watch(
                target=state.target,
                views=frozenset((view.database, view.table) for view in views),
                unsettled=tuple(record.run for record in catalog.unsettled_of_views(target)),
                due=tuple(run.run_id for run in due),
            )

    def catalog_known(self, target: str, catalog_id: str) -> list[Event]:
        """Take in the catalog of a target that asked for its account's default one."""
        with self._lock:
            state = self._targets.get(target)
            if state is None or state.series.catalog_id == catalog_id:
                return []
            before, state.series = state.series, replace(state.series, catalog_id=catalog_id)
            others = (other.series for other in self._targets.values() if other.region == state.region)
            # Once the last one of a region is known, all catalogs there know what nobody wants any more.
            settled = before.catalog_id is not None or all(series.catalog_id for series in others)
            with self._database.transaction():
                events = self._claim(None if settled else (state.region, catalog_id))
            return events + self._save_and_publish(targets={target: state.series})

    def commit(self, outcome: PollOutcome, stop: threading.Event | None = None) -> list[Event]:
        """Take in a poll's outcome and tell the listeners. Returns what is worth a line in the log.

        Once ``stop`` is set nothing is taken in: the poll was one of an older configuration.
        """
        with self._lock:
            state = self._targets.get(outcome.target)
            if state is None or (stop and stop.is_set()):
                return []
            at = self._moment()
            events: list[Event] = [RecordMalformed(outcome.target, line) for line in outcome.malformed]
            catalog = self._catalog(state)
            if catalog:
                events += self._take_in(catalog, outcome, at)
                if outcome.discovery:
                    events += _unmatched(state, catalog)
            events += self._close_poll(state, outcome, catalog)
            return events + self._save_and_publish(targets={outcome.target: state.series})

    def look(self, read: Callable[[StoreState], T]) -> T:
        """Call with all that is known, while nothing changes. It must be quick and change nothing."""
        with self._lock:
            return read(
                StoreState(
                    now=self._clock.time(),
                    started=self._started,
                    exporter=self._exporter,
                    targets=[(replace(state), self._catalog(state)) for state in self._targets.values()],
                    connection=self._database.connection,
                )
            )

    def targets(self) -> list[TargetState]:
        """Return a copy of every target's state, in the order of the file."""
        with self._lock:
            return [replace(state) for state in self._targets.values()]

    def runs(self) -> list[RunSeries]:
        """Return the last good values of every run that is configured by its ID, target by target."""
        with self._lock:
            return [
                RunSeries(catalog.key(run_id), record.run if record else None, catalog.configured.up(run_id))
                for state, catalog in self._watched()
                for run_ids in [list(catalog.configured.of(state.target.name))]
                for records in [catalog.records.get(run_ids)]
                for run_id in run_ids
                for record in [records.get(run_id)]
            ]

    def views(self) -> list[ViewSeries]:
        """Return what is known of every view, target by target."""
        with self._lock:
            return [
                watched.series(catalog.aws_region, catalog.catalog_id)
                for state, catalog in self._watched()
                for watched in catalog.views.of(state.target.name)
            ]

    def ready(self) -> bool:
        """Tell whether every target's first poll has ended, however it ended."""
        with self._lock:
            return len(self._polled()) == len(self._targets)

    def close(self) -> None:
        """Write what is left to write, and close the state."""
        with self._lock:
            self._save()
            self._database.close()

    def _moment(self) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic(), self._settings)

    def _polled(self) -> set[str]:
        return {name for name, state in self._targets.items() if state.series.up is not None}

    def _watched(self) -> Iterator[tuple[TargetState, Catalog]]:
        for state in self._targets.values():
            if catalog := self._catalog(state):
                yield state, catalog

    def _adopt(
        self, target: Target, old: TargetState | None, accounts: Mapping[Access, str | None]
    ) -> TargetState:
        if target.access.aws_region is None:
            raise ValueError(target.name)
        if old and (old.target.access, old.target.catalog_id) == (target.access, target.catalog_id):
            return replace(old, target=target)
        return TargetState(
            target=target,
            series=TargetSeries(
                target=target.name,
                aws_region=target.access.aws_region,
                catalog_id=target.catalog_id or accounts.get(target.access),
                # Counters of requests belong to the name: they go on, as a counter should.
                requests=old.series.requests if old else RequestStats(),
            ),
        )

    def _catalog(self, state: TargetState) -> Catalog | None:
        catalog_id = state.series.catalog_id
        return None if catalog_id is None else self._catalogs.get((state.region, catalog_id))

    def _claim(self, only: tuple[str, str] | None = None) -> list[Event]:
        """Share out a catalog's runs and views anew among the targets, in the order of the file.

        ``only``: the catalog's region and ID; None: every catalog.
        """
        wanted: dict[tuple[str, str], list[Target]] = {place: [] for place in self._remembered()}
        unknown = set()
        """Regions in which some target's catalog is still to be asked for."""
        for state in self._targets.values():
            if state.series.catalog_id is None:
                unknown.add(state.region)
            else:
                wanted.setdefault((state.region, state.series.catalog_id), []).append(state.target)
        at = self._moment()
        events: list[Event] = []
        for place, targets in wanted.items():
            if only not in (None, place):
                continue
            catalog = self._catalogs.get(place) or self._new_catalog(*place)
            events += self._report(catalog.claim(targets, at, all_known=catalog.aws_region not in unknown))
            catalog.summarise(self._polled(), at)
        self._forget_abandoned(at)
        return events

    def _remembered(self) -> list[tuple[str, str]]:
        """Return region and ID of every catalog that the state tells of, watched or not."""
        return self._database.connection.execute("SELECT aws_region, catalog_id FROM catalogs").fetchall()

    def _forget_abandoned(self, at: Moment) -> None:
        self._next_tidying = at.now + TIDY_EVERY
        watched = [catalog.row for catalog in self._catalogs.values() if catalog.watched]
        forget_abandoned(self._database.connection, watched, at.now - KEPT_UNWATCHED)

    def _new_catalog(self, aws_region: str, catalog_id: str) -> Catalog:
        connection = self._database.connection
        place = (aws_region, catalog_id)
        connection.execute("INSERT OR IGNORE INTO catalogs (aws_region, catalog_id) VALUES (?, ?)", place)
        query = "SELECT id FROM catalogs WHERE aws_region = ? AND catalog_id = ?"
        row = connection.execute(query, place).fetchone()[0]
        catalog = Catalog(self._database, row, aws_region, catalog_id, watched_since=self._started)
        self._catalogs[place] = catalog
        return catalog

    def _report(self, lost: Sequence[Lost]) -> list[Event]:
        """Return an event for what has not been reported before."""
        events: list[Event] = []
        for one in lost:
            reported = self._targets[one.target].reported
            news = tuple(name for name in one.names if (one.owner, name) not in reported)
            reported.update((one.owner, name) for name in news)
            if news:
                events.append(OwnedElsewhere(one.target, one.owner, news))
        return events

    def _take_in(self, catalog: Catalog, outcome: PollOutcome, at: Moment) -> list[Event]:
        """Change the catalog's state, all or nothing."""
        try:
            with self._database.transaction():
                events, lost = catalog.take_in(outcome, at)
                if any(listing.complete for listing in outcome.listings):
                    catalog.prune(outcome.target, at)
                if at.now >= self._next_tidying:
                    self._forget_abandoned(at)
                catalog.summarise(self._polled() | {outcome.target}, at)
        except Exception:
            # The tables are as they were; what is derived from them must not be ahead of them.
            with self._database.transaction():
                self._claim()
            raise
        return events + self._report(lost)

    def _close_poll(self, state: TargetState, outcome: PollOutcome, catalog: Catalog | None) -> list[Event]:
        """Write down how the target's poll went."""
        name, before = outcome.target, state.series
        up = outcome.finished and outcome.error is None
        ended = outcome.started + outcome.duration
        state.error = None if up else str(outcome.error or OUT_OF_TIME)
        unfetched = {**dict.fromkeys(PHASES, 0), "unfetched": len(state.target.run_ids)}
        looked = outcome.discovery is not None or outcome.tables_denied or before.views is not None
        state.series = replace(
            before,
            up=up,
            last_poll_time=ended,
            last_success_time=ended if up else before.last_success_time,
            last_poll_duration=outcome.duration,
            views=sum(1 for _ in catalog.views.of(name)) if catalog and looked else None,
            runs=catalog.phases(name) if catalog else unfetched,
        )
        if up == before.up:
            return []
        return [TargetUp(name, first=before.up is None)] if up else [TargetDown(name, state.error or "")]

    def _save_and_publish(self, targets: dict[str, TargetSeries | None]) -> list[Event]:
        """Write the state to disk, then tell the listeners: counters are published once they are safe."""
        events, exporter = self._save()
        polled = self._polled()
        runs = [catalog.run_changes(polled) for catalog in self._catalogs.values()]
        views = [catalog.view_changes(polled) for catalog in self._catalogs.values()]
        self._catalogs = {place: catalog for place, catalog in self._catalogs.items() if catalog.watched}
        self._publish(
            SeriesChanges(
                runs={key: series for changes in runs for key, series in changes.items()},
                views={key: series for changes in views for key, series in changes.items()},
                targets=targets,
                exporter=exporter,
            )
        )
        return events

    def _save(self) -> tuple[list[Event], ExporterSeries | None]:
        """Write to disk. Returns what to log, and the exporter's own series if they changed."""
        before = self._exporter
        try:
            self._database.save()
        except StorageError as error:
            if before and before.storage_write_failures is not None:
                self._exporter = replace(
                    before,
                    storage_last_write_successful=False,
                    storage_write_failures=before.storage_write_failures + 1,
                )
            news = not before or before.storage_last_write_successful is not False
            return [StorageFailing(str(error))] if news else [], self._exporter
        for catalog in self._catalogs.values():
            catalog.saved()
        if before and before.storage_last_write_successful is False:
            self._exporter = replace(before, storage_last_write_successful=True)
            return [StorageWorking()], self._exporter
        return [], None

    def _publish(self, changes: SeriesChanges) -> None:
        for listener in self._listeners:
            listener(changes)


def _unmatched(state: TargetState, catalog: Catalog) -> list[Event]:
    """Note which patterns match no view; return those that have not been reported before."""
    matcher = ViewMatcher(state.target)
    matched = {
        pattern
        for watched in catalog.views.watched()
        if watched.known
        for pattern in matcher.matching(watched.record.database, watched.record.table)
    }
    state.unmatched = tuple(
        f"{pattern.database}.{pattern.table}" for pattern in state.target.views if pattern not in matched
    )
    news = [text for text in state.unmatched if ("", text) not in state.reported]
    state.reported.update(("", text) for text in news)
    return [PatternMatchesNothing(state.target.name, text) for text in news]
