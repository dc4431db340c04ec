"""The state of all targets. Pollers commit to it, listeners are told what changed, pages read it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from exporter.clock import Clock
from exporter.errors import StorageError
from exporter.model.settings import Settings
from exporter.store.catalog import Catalog
from exporter.store.catalogs import Catalogs
from exporter.store.database import StateDatabase
from exporter.store.listings import ListingSummary
from exporter.store.moment import Moment
from exporter.store.outcome import (
    Event,
    Lost,
    PollOutcome,
    PollPart,
    StorageFailing,
    StorageWorking,
)
from exporter.store.requests import RequestStats
from exporter.store.run_changes import changed_runs
from exporter.store.series import (
    ExporterSeries,
    RunSeries,
    SeriesChanges,
    SeriesListener,
    TargetSeries,
    ViewSeries,
)
from exporter.store.target_state import TargetState
from exporter.store.watch import StoreState, Watch

T = TypeVar("T")

EARLY_SLACK = 0.5
"""A run that waits for a later poll is asked for this part of a poll interval early, at the most."""


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
        self._catalogs = Catalogs(self._database, watched_since=self._started)
        self._exporter: ExporterSeries | None = None
        self._ready = False

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
                target.name: TargetState.adopt(target, old.get(target.name), accounts)
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
            catalog = state and self._catalogs.of(state)
            if not state or not catalog:
                return None
            now = self._clock.monotonic()
            slack = self._settings.poll_interval * EARLY_SLACK
            views = [watched.record for watched in catalog.views.of(target)]
            return Watch(
                target=state.target,
                views=frozenset((view.database, view.table) for view in views),
                without_baseline=any(view.baseline_at is None for view in views),
                unsettled=tuple(record.run for record in catalog.unsettled_of_views(target)),
                due=tuple(catalog.configured.due(target, now, slack=slack)),
            )

    def catalog_known(self, target: str, catalog_id: str, stop: threading.Event | None = None) -> list[Event]:
        """Take in the catalog of a target that asked for its account's default one.

        Once ``stop`` is set nothing is taken in: the target may have another access by now.
        """
        with self._lock:
            state = self._targets.get(target)
            if state is None or (stop and stop.is_set()) or state.series.catalog_id == catalog_id:
                return []
            before, state.series = state.series, replace(state.series, catalog_id=catalog_id)
            others = (other.series for other in self._targets.values() if other.region == state.region)
            # Once the last one of a region is known, all catalogs there know what nobody wants any more.
            settled = before.catalog_id is not None or all(series.catalog_id for series in others)
            with self._database.transaction():
                events = self._claim(None if settled else (state.region, catalog_id))
            return events + self._save_and_publish(targets={target: state.series})

    def listing_summary(self, target: str, database: str | None, table: str | None) -> ListingSummary | None:
        """Return what was learnt of a listing when it was last read to its end for the target's views."""
        with self._lock:
            state = self._targets.get(target)
            catalog = state and self._catalogs.of(state)
            return catalog.listing_summary(target, database, table) if catalog else None

    def take_in(self, part: PollPart, stop: threading.Event | None = None) -> list[Event]:
        """Take in a part of what a poll reads; nothing of it is published before the next commit.

        Returns what is worth a line in the log. Once ``stop`` is set nothing is taken in.
        """
        with self._lock:
            state = self._targets.get(part.target)
            catalog = state and self._catalogs.of(state)
            if not catalog or (stop and stop.is_set()):
                return []
            at = self._moment()
            return self._change(lambda: catalog.take_in_part(part, at))

    def commit(self, outcome: PollOutcome, stop: threading.Event | None = None) -> list[Event]:
        """Take in a poll's outcome and tell the listeners. Returns what is worth a line in the log.

        Once ``stop`` is set nothing is taken in: the poll was one of an older configuration.
        """
        with self._lock:
            state = self._targets.get(outcome.target)
            if state is None or (stop and stop.is_set()):
                return []
            at = self._moment()
            events = state.malformed_records(outcome.malformed)
            catalog = self._catalogs.of(state)
            if catalog:
                events += self._take_in(catalog, outcome, at)
                # Only after a look that missed nothing: what could not be read may well match.
                if outcome.discovery and outcome.finished and outcome.error is None:
                    events += state.match_patterns(catalog, outcome.discovery)
            events += state.close_poll(outcome, catalog)
            return events + self._save_and_publish(targets={outcome.target: state.series})

    def look(self, read: Callable[[StoreState], T]) -> T:
        """Call with all that is known, while nothing changes. It must be quick and change nothing."""
        with self._lock:
            return read(
                StoreState(
                    now=self._clock.time(),
                    started=self._started,
                    exporter=self._exporter,
                    targets=[(replace(state), self._catalogs.of(state)) for state in self._targets.values()],
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
                RunSeries(
                    catalog.changes.run_key(run_id),
                    record.run if record else None,
                    catalog.configured.up(run_id),
                )
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
        return self._ready  # without the lock: who asks must not wait for a long commit

    def resting_runs(self) -> Mapping[tuple[str, str], AbstractSet[str]]:
        """Return the IDs of runs that nobody asks for again, and whose series are published.

        Those are the settled ones that are configured by their IDs. By region and ID of their catalog.
        """
        with self._lock:
            return {
                (catalog.aws_region, catalog.catalog_id): catalog.changes.published(
                    catalog.configured.resting()
                )
                for catalog in self._catalogs
            }

    def close(
        self, then: Callable[[Mapping[tuple[str, str], AbstractSet[str]], str], None] | None = None
    ) -> None:
        """Write what is left to write, and close the state.

        ``then``: called with :meth:`resting_runs` and the digest of the file, if all is on disk. The folder
        is still ours meanwhile, and no commit comes in between.
        """
        with self._lock:
            self._save()
            resting = self.resting_runs() if then else {}
            self._database.close((lambda digest: then(resting, digest)) if then else None)

    def _moment(self) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic(), self._settings)

    def _polled(self) -> set[str]:
        return {name for name, state in self._targets.items() if state.series.up is not None}

    def _watched(self) -> Iterator[tuple[TargetState, Catalog]]:
        for state in self._targets.values():
            if catalog := self._catalogs.of(state):
                yield state, catalog

    def _take_in(self, catalog: Catalog, outcome: PollOutcome, at: Moment) -> list[Event]:
        """Take in a poll's outcome, and forget what need not be remembered any longer."""

        def take_in() -> tuple[list[Event], list[Lost]]:
            told = catalog.take_in(outcome, at)
            if any(listing.complete for listing in outcome.listings):
                catalog.prune(outcome.target, at)
            self._catalogs.tidy(at)
            catalog.changes.summarise(self._polled() | {outcome.target}, at.settings.runs_per_view)
            return told

        return self._change(take_in)

    def _change(self, change: Callable[[], tuple[list[Event], list[Lost]]]) -> list[Event]:
        """Change the state, all or nothing."""
        try:
            with self._database.transaction():
                events, lost = change()
        except Exception:
            # The tables are as they were; what is derived from them must not be ahead of them.
            with self._database.transaction():
                self._claim()
            raise
        return events + self._report(lost)

    def _claim(self, only: tuple[str, str] | None = None) -> list[Event]:
        """Share out runs and views anew; return events for what targets ask for in vain."""
        return self._report(self._catalogs.claim(self._targets, self._polled(), self._moment(), only))

    def _report(self, lost: Sequence[Lost]) -> list[Event]:
        return [event for one in lost for event in self._targets[one.target].elsewhere(one.owner, one.names)]

    def _save_and_publish(self, targets: dict[str, TargetSeries | None]) -> list[Event]:
        """Write the state to disk, then tell the listeners: counters are published once they are safe."""
        events, exporter = self._save()
        polled = self._polled()
        runs = [catalog.changes.take_runs(polled) for catalog in self._catalogs]
        views = [catalog.changes.take_views(polled) for catalog in self._catalogs]
        self._catalogs.drop_unwatched()
        self._publish(
            SeriesChanges(
                runs=changed_runs(runs),
                views={key: series for changes in views for key, series in changes.items()},
                targets=targets,
                exporter=exporter,
            )
        )
        # After the series: who is told that all is ready finds them.
        self._ready = len(polled) == len(self._targets)
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
        for catalog in self._catalogs:
            catalog.saved()
        if before and before.storage_last_write_successful is False:
            self._exporter = replace(before, storage_last_write_successful=True)
            return [StorageWorking()], self._exporter
        return [], None

    def _publish(self, changes: SeriesChanges) -> None:
        for listener in self._listeners:
            listener(changes)
