"""The state of all targets. Polls and resyncs apply results to it, listeners get what changed, pages read it.

A commit is always the same: apply one result, write what changed to disk, publish what changed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from exporter.clock import Clock
from exporter.errors import StorageError
from exporter.model.run import Run
from exporter.model.settings import Settings
from exporter.store import apply, retention
from exporter.store.catalog import Catalog, CatalogRows, Place
from exporter.store.log_lines import Line, LogLines, write
from exporter.store.results import Listing, PollEnded, Result, RunsListed, Scope, SourcesRead, TablesRead
from exporter.store.runs import Moment
from exporter.store.series import ExporterSeries, RequestStats, SeriesChanges, SeriesListener, TargetSeries
from exporter.store.storage import Storage
from exporter.store.targets import TargetState, Watch

EARLY_SLACK = 0.5
"""A run that waits for a later poll is asked for this part of a poll interval early, at most."""
TIDY_EVERY = 86400.0
"""Seconds between two searches for what no configuration has watched for long."""


class Store:
    """Every method may be called from any thread.

    ``listeners`` are called with each commit's changes while the lock is held, so that they see all
    changes in order; they must be quick and must not call back.
    """

    def __init__(
        self,
        clock: Clock,
        listeners: Sequence[SeriesListener] = (),
        storage: Storage | None = None,
        rows: Mapping[Place, CatalogRows] | None = None,
        log: Callable[[Line], object] = write,
        *,
        exporter: ExporterSeries | None = None,
    ) -> None:
        """``storage``, ``rows``: what :meth:`Storage.open` returns; None: the state ends with the process.

        ``log`` is called with each line for the log, once the lock is free again. ``exporter``: what the
        command line says of the exporter.
        """
        self._clock = clock
        self._listeners = tuple(listeners)
        self._storage = storage
        self.lock = threading.RLock()
        """Held for one commit. Who holds it reads what is of one moment, and must be quick."""
        self._log = LogLines()
        self._write_line = log
        self.started = clock.time()
        """When the program started, as Unix time of this machine's clock."""
        self._started_monotonic = clock.monotonic()
        self.settings = Settings(targets=())
        """What is watched now."""
        self._targets: dict[str, TargetState] = {}
        self._catalogs = {place: Catalog(place, self._log, one) for place, one in (rows or {}).items()}
        self.exporter = replace(
            exporter or ExporterSeries(),
            last_reload_success_time=self.started,
            storage_last_write_successful=None if storage is None else True,
            storage_write_failures=None if storage is None else 0,
        )
        """What is known of the exporter itself."""
        self._published: tuple[dict[str, TargetSeries], ExporterSeries | None] | None = {}, None
        """What the listeners have of targets and exporter; None: one failed, and gets everything anew."""
        self._next_tidying = 0.0
        self._ready = False

    # The configuration

    def configure(self, settings: Settings) -> None:
        """Watch what these settings ask for, from now on. What stays keeps its state; the rest goes at once.

        Every target's region must be known by now (``access.aws_region``).
        """
        with self._commit():
            old, self.settings = self._targets, settings
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
            self._log.forget(old.keys() - self._targets.keys())
            self._claim()
            self.exporter = replace(self.exporter, poll_interval=settings.poll_interval)
            self._save_and_publish()

    def catalog_known(self, target: str, catalog_id: str, stop: threading.Event | None = None) -> None:
        """Note the catalog of a target that asked for its account's default one.

        Once ``stop`` is set nothing changes: the target may have another access by now.
        """
        with self._commit():
            state = self._targets.get(target)
            if state is None or (stop and stop.is_set()) or state.series.catalog_id == catalog_id:
                return
            before, state.series = state.series, replace(state.series, catalog_id=catalog_id)
            self._next_tidying = 0.0  # what nobody watches is known now, also where the program soon ends
            # Once the last one of a region is known, all catalogs there know what no target wants any more.
            settled = before.catalog_id is not None or before.aws_region not in self._unknown_regions()
            self._claim(None if settled else (before.aws_region, catalog_id))
            self._save_and_publish()

    def _claim(self, one: Place | None = None) -> None:
        """Share out the runs and views of this catalog, or of all, again."""
        unknown = self._unknown_regions()
        everywhere = [*self._catalogs, *(state.place for state in self._targets.values() if state.place)]
        for place in [one] if one else dict.fromkeys(everywhere):
            targets = [state.target for state in self._targets.values() if state.place == place]
            catalog = self._catalogs.setdefault(place, Catalog(place, self._log, CatalogRows()))
            catalog.claim(targets, self._clock.monotonic(), all_known=place[0] not in unknown)

    def _unknown_regions(self) -> set[str]:
        """Return the regions where a target may still turn out to watch any catalog."""
        return {state.series.aws_region for state in self._targets.values() if state.place is None}

    # What polls and resyncs do

    def watch(self, target: str) -> Watch | None:
        """Return what a poll of this target has to read; None for a target that is gone."""
        with self.lock:
            if (catalog := self._catalog(target)) is None:
                return None
            state = self._targets[target]
            slack = self.settings.poll_interval * EARLY_SLACK
            views = list(catalog.of_target(target))
            return Watch(
                target=state.target,
                views=frozenset(view.record.name for view in views),
                unlisted=not all(view.listed for view in views),
                unsettled=tuple(catalog.unsettled_runs(target)),
                due=tuple(catalog.due(target, self._clock.monotonic() + slack)),
            )

    def source_tables(self, target: str) -> dict[str, bool]:
        """Return the source tables of a target's views, as :func:`exporter.model.view.source_tables`."""
        with self.lock:
            catalog = self._catalog(target)
            return catalog.source_tables(target) if catalog else {}

    def open_listing(self, target: str, scope: Scope) -> Listing | None:
        """Begin a listing of runs, to be handed in page by page; None for a target that is gone."""
        with self.lock:
            catalog = self._catalog(target)
            return catalog.open_listing(target, scope) if catalog else None

    def apply(self, result: Result, stop: threading.Event | None = None) -> None:
        """Apply what a poll or resync has read, save and publish it.

        Once ``stop`` is set nothing changes: the result is one of an older configuration.
        """
        with self._commit():
            state = self._targets.get(result.target)
            if state is None or (stop and stop.is_set()):
                return
            at = self._moment(state)
            dated = _holds_an_answer(result) or state.series.requests.glue_time_ahead is not None
            for one in self._catalogs.values() if dated else ():
                one.date_patterns(at)
            catalog = self._catalog(result.target)
            first = state.series.up is None
            self._apply(result, state, catalog, at)
            if catalog and first and state.series.up is not None:
                catalog.mark_all(result.target)  # nothing of it was published before its first poll
            if dated and at.now >= self._next_tidying:
                self._tidy(at)
            self._save_and_publish()

    def _apply(self, result: Result, state: TargetState, catalog: Catalog | None, at: Moment) -> None:
        if isinstance(result, PollEnded):
            if catalog:
                apply.note_read(catalog, result, apply.apply_fetched(catalog, result, at))
            state.poll_ended(result, catalog, self._log)
        elif catalog is None:
            return
        elif isinstance(result, TablesRead):
            state.tables_read(result)
            self._log.malformed(result.target, result.malformed)
            apply.apply_tables(catalog, result, at)
        elif isinstance(result, SourcesRead):
            self._log.sources(result.target, result.tables)
            apply.apply_sources(catalog, result, at)
        elif isinstance(result, RunsListed):
            lines = (f"run {r.name}: {r.message}" if r.name else r.message for r in result.malformed)
            self._log.malformed(result.target, lines)
            apply.apply_page(catalog, result, at)
            if result.last:
                covered = [view for view in result.listing.covered.values() if view.owner == result.target]
                retention.forget_unlisted(catalog, covered, at)
        else:
            apply.note_read(catalog, result, set())
            apply.compare_with_sources(catalog, result.target)
            state.resync_ended(result, catalog, self._log)

    def requests(self, target: str) -> RequestStats:
        """Return the live request counters of a target."""
        return self._targets[target].series.requests

    def _moment(self, state: TargetState) -> Moment:
        """Return now by Glue's clock, as its last answer's Date header says; without one, by ours."""
        monotonic = self._clock.monotonic()
        ahead = state.series.requests.glue_time_ahead
        if ahead is None:
            ahead = self._clock.time() - monotonic
        return Moment(monotonic + ahead, monotonic, self._started_monotonic + ahead, self.settings)

    def _tidy(self, at: Moment) -> None:
        """Forget what no configuration has watched for long, in every catalog."""
        self._next_tidying = at.now + TIDY_EVERY
        unknown = self._unknown_regions()
        for catalog in self._catalogs.values():
            retention.forget_unwatched(catalog, at.now, all_known=catalog.place[0] not in unknown)

    # What others read

    def note_reload(self, *, successful: bool) -> None:
        """Publish whether the configuration could be reloaded."""
        with self.lock:
            at = self._clock.time() if successful else self.exporter.last_reload_success_time
            self.exporter = replace(
                self.exporter, last_reload_successful=successful, last_reload_success_time=at
            )
            self._publish()

    def watched(self) -> Iterator[tuple[TargetState, Catalog | None]]:
        """Yield every target with its catalog, in the order of the file. For those who hold the lock."""
        return ((state, self._catalog(name)) for name, state in self._targets.items())

    def ready(self) -> bool:
        """Return whether every target's first poll has ended, however it ended."""
        return self._ready  # without the lock: a probe must not wait for a long commit

    def close(self) -> None:
        """Write what is left to write, and close the state."""
        with self._commit():
            self._save(last=True)
            if self._storage:
                self._storage.close()

    def _catalog(self, target: str) -> Catalog | None:
        state = self._targets.get(target)
        return self._catalogs.get(state.place) if state and state.place else None

    # Saving and publishing

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """Hold the lock, and write what there is to log once it is free again."""
        lines: list[Line] = []
        try:
            with self.lock:
                try:
                    yield
                finally:
                    lines = self._log.take()
        finally:
            for line in lines:
                self._write_line(line)

    def _save_and_publish(self) -> None:
        """Write the state to disk, then call the listeners: counters are published once they are safe."""
        self._save()
        self._publish()
        # After the series: a probe that finds the exporter ready finds them.
        self._ready = all(state.series.up is not None for state in self._targets.values())

    def _save(self, *, last: bool = False) -> None:
        """Write to disk. ``last``: what cannot be written now is lost, and worth a line in any case."""
        unsaved = {place: one.unsaved for place, one in self._catalogs.items() if one.unsaved}
        failing = self.exporter.storage_last_write_successful is False
        if self._storage and unsaved:
            try:
                self._storage.save(unsaved)
            except StorageError as error:
                failures = (self.exporter.storage_write_failures or 0) + 1
                self.exporter = replace(
                    self.exporter, storage_last_write_successful=False, storage_write_failures=failures
                )
                if last or not failing:
                    message = "the state cannot be written; counters stand still until it can"
                    self._log.add("error", message, error=str(error))
                return
            if failing:
                self.exporter = replace(self.exporter, storage_last_write_successful=True)
                self._log.add("info", "the state can be written again")
        for catalog in self._catalogs.values():
            catalog.saved()

    def _publish(self) -> None:
        """Call the listeners with what has changed since they were called last."""
        before, self._published = self._published, None
        targets = {name: state.series for name, state in self._targets.items()}
        if before is None:
            # A listener failed half way: what it has is not known, so it gets all that there is.
            for name in targets:
                if catalog := self._catalog(name):
                    catalog.mark_all(name)
        known, exporter = before or ({}, None)
        polled = {name for name, series in targets.items() if series.up is not None}
        taken = [one.take_changes(polled, self.settings.runs_per_view) for one in self._catalogs.values()]
        changes = SeriesChanges(
            everything=before is None,
            runs={key: series for runs, _ in taken for key, series in runs.items()},
            views={key: series for _, views in taken for key, series in views.items()},
            targets=dict.fromkeys(known.keys() - targets.keys())
            | {name: series for name, series in targets.items() if series is not known.get(name)},
            exporter=None if self.exporter is exporter else self.exporter,
        )
        for listener in self._listeners:
            listener(changes)
        self._published = targets, self.exporter


def _holds_an_answer(result: Result) -> bool:
    """Return whether Glue has answered; a wrong clock of ours must date nothing before that."""
    if not isinstance(result, PollEnded) or result.error is None:
        return True
    return any(isinstance(answer, Run) for answer in result.runs.values())
