"""The state of all targets. Pollers commit to it, listeners are told what changed, pages read it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from exporter.clock import Clock
from exporter.model.run import PHASES, RunKey
from exporter.model.settings import Settings, Target
from exporter.store.catalog import Catalog, Claim, Moment
from exporter.store.outcome import Event, OwnedElsewhere, PollOutcome, TargetDown, TargetUp
from exporter.store.requests import RequestStats
from exporter.store.series import RunSeries, SeriesChanges, SeriesListener, TargetSeries

OUT_OF_TIME = "the poll ran out of time before everything was read; the next one goes on where it stopped"
EARLY_SLACK = 0.5
"""A run that waits for a later poll is asked for this part of a poll interval early, at the most."""


@dataclass(slots=True)
class TargetState:
    """What is known of one target between its polls."""

    target: Target
    series: TargetSeries
    error: str | None = None
    """Of the last poll, for people."""
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    """(owner, run ID) pairs already reported as watched by another target."""

    @property
    def region(self) -> str:
        """The region that the target's series carry."""
        return self.series.aws_region


class Store:
    """Every method may be called from any thread.

    ``listeners`` are called with each commit's changes while the lock is held, so that they see all
    changes in order; they must be quick and must not call back.
    """

    def __init__(self, clock: Clock, listeners: Sequence[SeriesListener] = ()) -> None:
        self._clock = clock
        self._listeners = tuple(listeners)
        self._lock = threading.RLock()
        self._started = clock.time()
        self._settings = Settings(targets=())
        self._targets: dict[str, TargetState] = {}
        self._catalogs: dict[tuple[str, str], Catalog] = {}

    def configure(self, settings: Settings) -> list[Event]:
        """Watch what these settings ask for, from now on. What stays keeps its state; the rest goes at once.

        Every target's region must be known by now (``access.aws_region``).
        """
        with self._lock:
            old = self._targets
            self._settings = settings
            self._targets = {
                target.name: self._adopt(target, old.get(target.name)) for target in settings.targets
            }
            events = self._claim()
            gone = {name: None for name in old if name not in self._targets}
            self._publish(
                SeriesChanges(
                    runs=self._run_changes(),
                    targets=gone | {name: state.series for name, state in self._targets.items()},
                )
            )
            self._catalogs = {place: catalog for place, catalog in self._catalogs.items() if catalog.watched}
            return events

    @property
    def settings(self) -> Settings:
        """What is watched now."""
        return self._settings

    def requests(self, target: str) -> RequestStats:
        """Return the live request counters of a target."""
        return self._targets[target].series.requests

    def due_runs(self, target: str) -> list[str]:
        """Return the IDs of the runs that a poll of this target should read now, the longest unread first."""
        with self._lock:
            state = self._targets.get(target)
            catalog = state and self._catalog(state)
            if not state or not catalog:
                return []
            now = self._clock.monotonic()
            slack = self._settings.poll_interval * EARLY_SLACK
            order = {run_id: place for place, run_id in enumerate(state.target.run_ids)}
            due = [run for run in catalog.unsettled(target) if run.due(now, slack=slack)]
            due.sort(key=lambda run: (run.last_attempt or float("-inf"), order.get(run.run_id, 0)))
            return [run.run_id for run in due]

    def catalog_known(self, target: str, catalog_id: str) -> list[Event]:
        """Take in the catalog of a target that asked for its account's default one."""
        with self._lock:
            state = self._targets.get(target)
            if state is None or state.series.catalog_id == catalog_id:
                return []
            state.series = replace(state.series, catalog_id=catalog_id)
            events = self._claim()
            self._publish(SeriesChanges(runs=self._run_changes(), targets={target: state.series}))
            return events

    def commit(self, outcome: PollOutcome) -> list[Event]:
        """Take in a poll's outcome and tell the listeners. Returns what is worth a line in the log."""
        with self._lock:
            state = self._targets.get(outcome.target)
            if state is None:  # a reload took the target away while it was polled
                return []
            at = Moment(self._clock.time(), self._clock.monotonic(), self._settings)
            first = state.series.up is None
            events: list[Event] = []
            runs: dict[RunKey, RunSeries | None] = {}
            if catalog := self._catalog(state):
                for run_id, result in outcome.runs.items():
                    events += catalog.take_in(outcome.target, run_id, result, at)
                catalog.unreachable(outcome.target, outcome.unread)
                # At a target's first commit all its runs get their series, read or not.
                runs = catalog.changes(state.target.run_ids if first else [*outcome.runs, *outcome.unread])
            events += self._close_poll(state, outcome, catalog)
            self._publish(SeriesChanges(runs=runs, targets={outcome.target: state.series}))
            return events

    def targets(self) -> list[TargetState]:
        """Return a copy of every target's state, in the order of the file."""
        with self._lock:
            return [replace(state) for state in self._targets.values()]

    def runs(self) -> list[RunSeries]:
        """Return every run's last good values, target by target."""
        with self._lock:
            return [
                RunSeries(catalog.key(run.run_id), run.run, run.up)
                for state in self._targets.values()
                if (catalog := self._catalog(state))
                for run in catalog.runs(state.target.name)
            ]

    def ready(self) -> bool:
        """Tell whether every target's first poll has ended, however it ended."""
        with self._lock:
            return all(state.series.up is not None for state in self._targets.values())

    def _adopt(self, target: Target, old: TargetState | None) -> TargetState:
        if target.access.aws_region is None:
            raise ValueError(target.name)
        same = old is not None and (old.target.access, old.target.catalog_id) == (
            target.access,
            target.catalog_id,
        )
        if old is not None and same:
            return replace(old, target=target)
        return TargetState(
            target=target,
            series=TargetSeries(
                target=target.name,
                aws_region=target.access.aws_region,
                catalog_id=target.catalog_id,
                # Counters of requests belong to the name: they go on, as a counter should.
                requests=old.series.requests if old else RequestStats(),
            ),
        )

    def _catalog(self, state: TargetState) -> Catalog | None:
        catalog_id = state.series.catalog_id
        return None if catalog_id is None else self._catalogs.get((state.region, catalog_id))

    def _claim(self) -> list[Event]:
        """Share out the runs of every catalog anew among the targets, in the order of the file."""
        claims: dict[tuple[str, str], list[Claim]] = {place: [] for place in self._catalogs}
        for state in self._targets.values():
            if state.series.catalog_id is not None:
                place = (state.region, state.series.catalog_id)
                claims.setdefault(place, []).append(Claim(state.target.name, state.target.run_ids))
        events: list[Event] = []
        for place, wanted in claims.items():
            catalog = self._catalogs.setdefault(place, Catalog(*place, watched_since=self._started))
            for (target, owner), run_ids in catalog.claim(wanted).items():
                reported = self._targets[target].elsewhere
                news = tuple(run_id for run_id in run_ids if (owner, run_id) not in reported)
                reported.update((owner, run_id) for run_id in news)
                if news:
                    events.append(OwnedElsewhere(target, owner, news))
        return events

    def _close_poll(self, state: TargetState, outcome: PollOutcome, catalog: Catalog | None) -> list[Event]:
        """Write down how the target's poll went."""
        name, before = outcome.target, state.series
        up = outcome.finished and outcome.error is None
        ended = outcome.started + outcome.duration
        state.error = None if up else str(outcome.error or OUT_OF_TIME)
        state.series = replace(
            before,
            up=up,
            last_poll_time=ended,
            last_success_time=ended if up else before.last_success_time,
            last_poll_duration=outcome.duration,
            runs=catalog.phases(name)
            if catalog
            else {**dict.fromkeys(PHASES, 0), "unfetched": len(state.target.run_ids)},
        )
        if up == before.up:
            return []
        return [TargetUp(name, first=before.up is None)] if up else [TargetDown(name, state.error or "")]

    def _run_changes(self) -> dict[RunKey, RunSeries | None]:
        """Return what a new configuration changes in the series of runs.

        A target without a poll behind it has no series yet; its runs get them at its first commit.
        """
        changes: dict[RunKey, RunSeries | None] = {}
        polled = {name for name, state in self._targets.items() if state.series.up is not None}
        for catalog in self._catalogs.values():
            changes |= catalog.all_changes(polled)
        return changes

    def _publish(self, changes: SeriesChanges) -> None:
        for listener in self._listeners:
            listener(changes)
