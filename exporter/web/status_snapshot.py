"""What the status page shows, read from the store at one moment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from exporter.model.run import UNKNOWN, Run, Status, run_key
from exporter.store.catalog import Catalog, Place
from exporter.store.series import ExporterSeries, TargetSeries, ViewSeries
from exporter.store.store import Store
from exporter.store.targets import TargetState
from exporter.store.views import Changes, ViewState
from exporter.web.view_state import State, judge, read_at

UNREAD = "UNREAD"
"""Stands for the status of a configured run that was never read, or that Glue does not know."""
RUN_STATUSES = (*Status, UNKNOWN, UNREAD)
"""What a page counts runs by."""


class ViewRow(NamedTuple):
    """One watched view."""

    series: ViewSeries
    applies: Mapping[State, bool | None]
    """Which states apply, the worst first; None: not known."""
    view: ViewState
    """A copy of what the store remembers of it."""
    source_changes: Changes
    """When its sources were seen to change; None unless all are known."""
    read_at: float | None
    """Unix time up to which it is known; None: not yet known."""

    @property
    def name(self) -> str:
        """The view as people write it."""
        return f"{self.series.key.database}.{self.series.key.table}"

    @property
    def state(self) -> State | None:
        """The first state that applies; None before the first poll."""
        return next((state for state, applies in self.applies.items() if applies), None)

    @property
    def last_run(self) -> Run | None:
        """The newest run."""
        return self.series.facts.last_run if self.series.facts else None


class RunRow(NamedTuple):
    """One run."""

    target: str
    """The target that watches it."""
    place: Place
    run_id: str
    run: Run | None
    """The last good values; None where there are none."""
    stuck: bool = False
    """Whether it is the newest run of a view that is stuck."""
    up: bool | None = None
    """Whether the last attempt to read it succeeded; None for a run that is not configured by its ID."""
    doubt: str | None = None
    """Why that attempt did not succeed: ``never_read``, ``not_found`` or ``failed``."""

    @property
    def status(self) -> str:
        """One of :data:`RUN_STATUSES`."""
        return self.run.status_label or UNKNOWN if self.run else UNREAD

    @property
    def name(self) -> str | None:
        """The view as people write it; None where it is not known."""
        return f"{self.run.database}.{self.run.table}" if self.run and self.run.database else None

    @property
    def view(self) -> tuple[str | None, ...]:
        """What its view is told by, as far as that is known: as in a ``ViewKey``."""
        return (*self.place, self.run.database, self.run.table) if self.run else (*self.place, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the store knew at one moment."""

    now: float
    """Unix time, like all times."""
    started: float
    exporter: ExporterSeries | None
    targets: Sequence[TargetState]
    """In the order of the file."""
    views: Sequence[ViewRow]
    runs: Sequence[RunRow]
    """Those that have series."""


def read_status(store: Store, now: float) -> Reading:
    """Return what the store knows now. A poll's commit waits for this, a scrape does not."""
    return store.read(lambda locked: _read(locked, now))


def _read(store: Store, now: float) -> Reading:
    watched = list(store.watched())
    targets = {state.target.name: state.series for state, _ in watched}
    views: list[ViewRow] = []
    runs: list[RunRow] = []
    for catalog in dict.fromkeys(catalog for _, catalog in watched if catalog):
        of_catalog = list(_view_rows(catalog, targets, now))
        views += of_catalog
        runs += _run_rows(catalog, of_catalog)
    return Reading(
        now=now,
        started=store.started,
        exporter=store.exporter,
        targets=[replace(state) for state, _ in watched],
        views=views,
        runs=runs,
    )


def _view_rows(catalog: Catalog, targets: Mapping[str, TargetSeries], now: float) -> Iterator[ViewRow]:
    for view in catalog.views.values():
        if view.owner is not None:
            series, target = catalog.view_series(view), targets[view.owner]
            known_until = read_at(series, target, now)
            states = judge(series, target, (record.run for record in view.newest_first()), known_until)
            copied = replace(view, runs=view.runs.copy())
            yield ViewRow(series, states, copied, catalog.source_changes(view), known_until)


def _run_rows(catalog: Catalog, views: Iterable[ViewRow]) -> Iterator[RunRow]:
    place, configured = catalog.place, catalog.ownership.runs
    stuck = {run_key(row.last_run.run_id) for row in views if row.applies[State.STUCK] and row.last_run}
    for key, target in configured.items():
        record = catalog.runs.get(key)
        run = record.run if record and record.there else None
        doubt = _doubt(catalog, key)
        yield RunRow(target, place, catalog.spelling(key), run, key in stuck, doubt is None, doubt)
    for row in views:
        for key in row.view.shown - configured.keys():
            if (record := catalog.runs.get(key)) and record.there:
                yield RunRow(row.series.target, place, record.run.run_id, record.run, key in stuck)


def _doubt(catalog: Catalog, key: str) -> str | None:
    fetching = catalog.fetching.get(key)
    if fetching is None or fetching.up:
        return None
    if fetching.last_attempt is None:
        return "never_read"
    return "not_found" if fetching.misses else "failed"


def runs_of(views: Iterable[ViewRow], with_series: Iterable[RunRow]) -> list[RunRow]:
    """Return all runs that are remembered of these views: those with series, then the others."""
    rows = {row.series.key: row for row in views}
    runs = [run for run in with_series if run.view in rows]
    known = {(run.place, run_key(run.run_id)) for run in runs}
    for key, row in rows.items():
        place = (key.aws_region, key.catalog_id)
        runs += [
            RunRow(row.series.target, place, record.run.run_id, record.run)
            for record in row.view.newest_first()
            if (place, run_key(record.run.run_id)) not in known
        ]
    return runs
