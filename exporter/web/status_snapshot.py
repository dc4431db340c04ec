"""What the status page shows, read from the store at one moment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from exporter.model.patterns import Ownership
from exporter.model.run import UNKNOWN, Run, RunKey, Status, run_key
from exporter.store.catalog import Catalog, Place
from exporter.store.runs import Fetching, RunRecord
from exporter.store.series import ExporterSeries, TargetSeries, ViewSeries
from exporter.store.store import Store
from exporter.store.targets import TargetState
from exporter.store.views import ViewState
from exporter.web.view_state import State, is_running, judge, read_at, usual_duration

UNREAD = "UNREAD"
"""Stands for the status of a configured run that was never read, or that Glue does not know."""
RUN_STATUSES = (*Status, UNKNOWN, UNREAD)
"""What a page counts runs by."""
_LABELS: Mapping[str | None, str] = {status: status for status in Status}


class ViewRow(NamedTuple):
    """One watched view."""

    series: ViewSeries
    applies: Mapping[State, bool | None]
    """Which states apply, the worst first; None: not known."""
    view: ViewState
    """What the store remembers of it."""
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
    """One run that has series."""

    target: str
    """The target that watches it."""
    place: Place
    """Region and catalog."""
    run_id: str
    run: Run | None
    """The last good values; None where there are none."""
    status: str
    """One of :data:`RUN_STATUSES`."""
    stuck: bool
    """Whether it is the newest run of a view that is stuck."""
    up: bool | None
    """Whether the last attempt to read it succeeded; None for a run that is not configured by its ID."""
    doubt: str | None
    """Why that attempt did not succeed: ``never_read``, ``not_found`` or ``failed``."""

    @property
    def view(self) -> tuple[str | None, ...]:
        """What its view is told by, as far as that is known: as in a ``ViewKey``."""
        return (*self.place, self.run.database, self.run.table) if self.run else (*self.place, None, None)


class _Copy(NamedTuple):
    """One catalog as it was while the store was locked. What is immutable is shared, not copied."""

    place: Place
    ownership: Ownership
    runs: Mapping[str, RunRecord]
    doubts: Mapping[str, str]
    """Of configured runs whose last read did not succeed."""
    views: Sequence[ViewState]
    """The watched ones."""

    def shows(self, key: str) -> bool:
        """Return whether a run has values to show."""
        record = self.runs.get(key)
        return record is not None and record.there


class RunRows(Sequence[RunRow]):
    """The runs that have series.

    There may be 100,000: a row is made when it is looked at, so that the garbage collector has nothing to do.
    """

    def __init__(self, copies: Iterable[_Copy], stuck: AbstractSet[RunKey]) -> None:
        self._stuck = stuck
        self._catalogs: list[_Copy] = []
        self._targets: list[str] = []
        self._keys: list[str] = []
        for copied in copies:
            configured = copied.ownership.runs
            self._targets += configured.values()
            self._keys += configured
            for view in copied.views:
                shown = [key for key in view.shown if key not in configured and copied.shows(key)]
                self._targets += [view.owner or ""] * len(shown)
                self._keys += shown
            self._catalogs += [copied] * (len(self._keys) - len(self._catalogs))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[RunRow]:
        return map(self._row, self._catalogs, self._targets, self._keys)

    def __getitem__(self, place: Any) -> Any:
        return self._row(self._catalogs[place], self._targets[place], self._keys[place])

    def _row(self, copied: _Copy, target: str, key: str) -> RunRow:
        record, doubt = copied.runs.get(key), copied.doubts.get(key)
        run_id = record.run.run_id if record else copied.ownership.spellings.get(key, key)
        run = record.run if record and record.there else None
        status = _status(run)
        stuck = bool(self._stuck) and RunKey(*copied.place, run_id) in self._stuck
        up = doubt is None if key in copied.ownership.runs else None
        return RunRow(target, copied.place, run_id, run, status, stuck, up, doubt)


def _status(run: Run | None) -> str:
    return _LABELS.get(run.status, UNKNOWN) if run else UNREAD


def runs_of(views: Iterable[ViewRow], with_series: Iterable[RunRow]) -> list[RunRow]:
    """Return all runs that are remembered of these views: those with series, then the others."""
    rows = {row.series.key: row for row in views}
    runs = [run for run in with_series if run.view in rows]
    known = {RunKey(*run.place, run_key(run.run_id)) for run in runs}
    for key, row in rows.items():
        place = (key.aws_region, key.catalog_id)
        runs += [
            RunRow(row.series.target, place, one.run_id, one, _status(one), stuck=False, up=None, doubt=None)
            for one in (record.run for record in row.view.newest_first())
            if RunKey(*place, run_key(one.run_id)) not in known
        ]
    return runs


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


def read_status(store: Store, now: float) -> Reading:
    """Return what the store knows now. It is locked while this is copied; a scrape does not wait for that."""
    targets, exporter, copies = store.read(_copy)
    by_name = {state.target.name: state.series for state in targets}
    views = [
        _view_row(view, copied.place, by_name[view.owner], now)
        for copied in copies
        for view in copied.views
        if view.owner is not None
    ]
    stuck = {
        RunKey(*row.series.key[:2], row.last_run.run_id)
        for row in views
        if row.applies[State.STUCK] and row.last_run
    }
    return Reading(
        now=now,
        started=store.started,
        exporter=exporter,
        targets=targets,
        views=views,
        runs=RunRows(copies, stuck),
    )


def _copy(store: Store) -> tuple[list[TargetState], ExporterSeries | None, list[_Copy]]:
    watched = list(store.watched())
    catalogs = dict.fromkeys(catalog for _, catalog in watched if catalog)
    return [replace(state) for state, _ in watched], store.exporter, list(map(_copy_catalog, catalogs))


def _copy_catalog(catalog: Catalog) -> _Copy:
    return _Copy(
        (catalog.aws_region, catalog.catalog_id),
        catalog.ownership,
        catalog.runs.copy(),
        {key: _doubt(fetching) for key, fetching in catalog.fetching.items() if not fetching.up},
        [replace(view, runs=view.runs.copy()) for view in catalog.views.values() if view.owner is not None],
    )


def _doubt(fetching: Fetching) -> str:
    if fetching.last_attempt is None:
        return "never_read"
    return "not_found" if fetching.misses else "failed"


def _view_row(view: ViewState, place: Place, target: TargetSeries, now: float) -> ViewRow:
    series = view.series(*place)
    usual = None
    if is_running(series.facts):
        usual = usual_duration((record.run for record in view.newest_first()), now)
    known_until = read_at(series, target, now)
    return ViewRow(series, judge(series, target, usual, known_until), view, known_until)
