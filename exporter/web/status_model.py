"""What the status page and its API tell, worked out from what the store knows: what is wrong comes first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from exporter.model.run import UNKNOWN, Run, Status
from exporter.store.series import ExporterSeries, ViewSeries
from exporter.store.targets import TargetState
from exporter.web.status_query import Cut, StatusQuery
from exporter.web.status_snapshot import UNREAD, Reading, RunQuery, RunRow

OVERDUE_AFTER = 1.5
"""Expected intervals since the last success after which a view is overdue: runs do not always take as long,
and a view that is refreshed every hour is not late at the 61st minute."""
ACTIVE = (Status.STARTING, Status.RUNNING)
PROBLEMS = (Status.FAILED, UNKNOWN, UNREAD)

T = TypeVar("T")
Key = float | str | None


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target."""

    state: TargetState

    @property
    def problem(self) -> bool:
        """Whether somebody should look at it."""
        return self.state.series.up is False or bool(self.state.unmatched)

    @property
    def urgency(self) -> int:
        """Smaller is worse."""
        up = self.state.series.up
        order = (up is False, bool(self.state.unmatched), up is None)
        return next((place for place, found in enumerate(order) if found), len(order))


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view at one moment."""

    series: ViewSeries
    polled: bool
    """Whether its target's first poll has ended: before, nothing is wrong yet."""
    now: float

    @property
    def name(self) -> str:
        """The view as people write it."""
        return f"{self.series.key.database}.{self.series.key.table}"

    @property
    def last_run(self) -> Run | None:
        """The newest run."""
        return self.series.facts.last_run if self.series.facts else None

    @property
    def last_success_time(self) -> float | None:
        """When the newest succeeded run ended."""
        return self.series.facts.last_success_time if self.series.facts else None

    @property
    def freshness(self) -> float | None:
        """Seconds since the last success."""
        return None if self.last_success_time is None else max(0.0, self.now - self.last_success_time)

    @property
    def expected_interval(self) -> float | None:
        """Seconds between two refreshes, as configured or by the view's schedule."""
        return self.series.facts.expected_interval if self.series.facts else None

    @property
    def lateness(self) -> float | None:
        """Expected intervals since the last success, or the creation of a view that never had one."""
        facts = self.series.facts
        if facts is None or not facts.expected_interval:
            return None
        since = facts.creation_time if facts.last_success_time is None else facts.last_success_time
        return None if since is None else (self.now - since) / facts.expected_interval

    @property
    def overdue(self) -> bool | None:
        """Whether its last success is longer ago than its interval allows; None where that is not known."""
        return None if self.lateness is None else self.lateness > OVERDUE_AFTER

    @property
    def failures(self) -> int | None:
        """Failed runs since the last success."""
        return self.series.facts.consecutive_failures if self.series.facts else None

    @property
    def active(self) -> bool:
        """Whether its newest run goes on."""
        return self.last_run is not None and self.last_run.status in ACTIVE

    @property
    def unread(self) -> bool:
        """Whether the last poll did not read its runs."""
        return self.polled and not self.series.up

    @property
    def problem(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.failures) or bool(self.overdue) or self.unread

    @property
    def urgency(self) -> int:
        """Smaller is worse."""
        order = (bool(self.failures) and bool(self.overdue), self.failures, self.overdue, self.unread)
        return next((place for place, found in enumerate(order) if found), 4 if self.active else 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """One page of a table."""

    total: int
    """Of what there is, whatever the filter."""
    matching: int
    page: int
    limit: int
    rows: Sequence[T]

    @property
    def pages(self) -> int:
        """How many pages there are, one at least."""
        return max(1, -(-self.matching // self.limit))

    @property
    def first(self) -> int:
        """The number of the first row, from 1."""
        return (self.page - 1) * self.limit + 1


@dataclass(frozen=True, slots=True)
class About:
    """What is told of this process, and does not change."""

    version: str
    shard: str
    """Such as ``0/1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All that one page shows."""

    about: About
    query: StatusQuery
    now: float
    """Unix time, like the next."""
    started: float
    exporter: ExporterSeries | None
    target_names: Sequence[str]
    down: Sequence[TargetRow]
    """The targets whose last poll did not succeed."""
    counts: Mapping[str, int]
    """Of all views, whatever the filter: ``failing``, ``overdue``, ``unread``, ``active``; and ``pending``
    targets."""
    runs_by_status: Mapping[str, int]
    views: Listing[ViewRow]
    runs: Listing[RunRow]
    targets: Listing[TargetRow]


def run_query(query: StatusQuery) -> RunQuery:
    """Return what to ask the store for."""
    cut = query.cuts["runs"]
    return RunQuery(
        words=query.words,
        target=query.target or None,
        statuses={"problems": PROBLEMS, "active": ACTIVE}.get(query.show),
        order=cut.order,
        descending=cut.descending,
        offset=(cut.page - 1) * query.limit,
        limit=query.limit,
    )


def overview(reading: Reading, query: StatusQuery, about: About) -> Overview:
    """Work out a page from what the store knew."""
    targets = [TargetRow(state) for state in reading.targets]
    polled = {row.state.target.name for row in targets if row.state.series.up is not None}
    views = [ViewRow(series, series.target in polled, reading.now) for series in reading.views]
    runs, cuts = reading.runs, query.cuts
    return Overview(
        about=about,
        query=query,
        now=reading.now,
        started=reading.started,
        exporter=reading.exporter,
        target_names=[row.state.target.name for row in targets],
        down=[row for row in targets if row.state.series.up is False],
        counts={
            "failing": sum(bool(view.failures) for view in views),
            "overdue": sum(bool(view.overdue) for view in views),
            "unread": sum(view.unread for view in views),
            "active": sum(view.active for view in views),
            "pending": len(targets) - len(polled),
        },
        runs_by_status=runs.by_status,
        views=_listing(len(views), _wanted_views(views, query), _VIEWS, cuts["views"], query.limit),
        runs=Listing(
            total=sum(runs.by_status.values()),
            matching=runs.matching,
            page=cuts["runs"].page,
            limit=query.limit,
            rows=runs.rows,
        ),
        targets=_listing(
            len(targets), _wanted_targets(targets, query), _TARGETS, cuts["targets"], query.limit
        ),
    )


def _wanted_views(views: Iterable[ViewRow], query: StatusQuery) -> list[ViewRow]:
    words = [word.casefold() for word in query.words]
    return [
        view
        for view in views
        if (not query.target or view.series.target == query.target)
        and (query.show != "problems" or view.problem)
        and (query.show != "active" or view.active)
        and (not words or _holds(_view_text(view), words))
    ]


def _wanted_targets(targets: Iterable[TargetRow], query: StatusQuery) -> list[TargetRow]:
    words = [word.casefold() for word in query.words]
    return [
        row
        for row in targets
        if (not query.target or row.state.target.name == query.target)
        and (query.show != "problems" or row.problem)
        and (not words or _holds(_target_text(row), words))
    ]


def _holds(text: str, words: Iterable[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)


def _view_text(view: ViewRow) -> str:
    key, run = view.series.key, view.last_run
    of_run = (run.run_id, run.status or "", run.refresh_type or "", run.error_message or "") if run else ()
    states = ("failing" * bool(view.failures), "overdue" * bool(view.overdue), "unread" * view.unread)
    return " ".join((view.name, view.series.target, key.aws_region, key.catalog_id, *states, *of_run))


def _target_text(row: TargetRow) -> str:
    series = row.state.series
    parts = (series.target, series.aws_region, series.catalog_id or "", row.state.error or "")
    return " ".join((*parts, *row.state.unmatched))


@dataclass(frozen=True, slots=True)
class _Sorting(Generic[T]):
    """How the rows of a table can be sorted."""

    keys: Mapping[str, Callable[[T], Key]]
    """By the names of the orders; None: not known."""
    tie: Callable[[T], tuple[float, str]]
    """Sorts equals, the same way in either direction."""

    def sort(self, rows: Iterable[T], order: str, *, descending: bool) -> list[T]:
        """Return the rows in order, with what is not known last either way."""
        key = self.keys[order]
        ordered = [(key(row), row) for row in sorted(rows, key=self.tie)]
        known = [(_comparable(value), row) for value, row in ordered if value is not None]
        known.sort(key=lambda pair: pair[0], reverse=descending)
        return [row for _, row in known] + [row for value, row in ordered if value is None]


def _comparable(value: float | str) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (value, "")


_VIEWS: _Sorting[ViewRow] = _Sorting(
    keys={
        "status": lambda view: view.urgency,
        "view": lambda view: view.name,
        "success": lambda view: view.last_success_time,
        "last_run": lambda view: view.last_run.creation_time if view.last_run else None,
        "failures": lambda view: view.failures,
    },
    # The latest of the equally bad first.
    tie=lambda view: (-(view.lateness or 0.0), view.name),
)
_TARGETS: _Sorting[TargetRow] = _Sorting(
    keys={
        "status": lambda row: row.urgency,
        "target": lambda row: row.state.target.name,
        "poll": lambda row: row.state.series.last_poll_time,
        "success": lambda row: row.state.series.last_success_time,
        "views": lambda row: row.state.series.views,
    },
    tie=lambda row: (0.0, row.state.target.name),
)


def _listing(total: int, wanted: list[T], sorting: _Sorting[T], cut: Cut, limit: int) -> Listing[T]:
    start = (cut.page - 1) * limit
    rows = sorting.sort(wanted, cut.order, descending=cut.descending)[start : start + limit]
    return Listing(total=total, matching=len(wanted), page=cut.page, limit=limit, rows=rows)
