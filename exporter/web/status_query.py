"""What a URL of the status page or its API asks for: which rows of its tables, the worst first."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from exporter.model.run import UNKNOWN, Run, Status
from exporter.model.view import ViewKey
from exporter.store.targets import TargetState
from exporter.web.status_snapshot import UNREAD, RunRow, ViewRow
from exporter.web.view_state import ACTIVE, PROBLEMS, State

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[T]):
    """How the rows of one table are found and sorted."""

    title: str
    """What the parameters of its order and page begin with."""
    orders: Mapping[str, Callable[[T, float], float | str | None]]
    """By name: what a row is sorted by at this Unix time; None: not known, and so last either way."""
    largest_first: Collection[str]
    """Orders that most often are wanted from the largest, or the latest, down."""
    newest: Callable[[T], float | None]
    """Equals come newest first, and then by name."""
    name: Callable[[T], str]
    target: Callable[[T], str]
    view: Callable[[T], tuple[str | None, ...]]
    """What the view that a row belongs to is told by, as far as it is known: see :class:`ViewKey`."""
    words: Callable[[T], Iterable[str | None]]
    """Everything that the filter's words are looked for in."""
    problem: Callable[[T], bool]
    """Whether somebody should look at it."""
    active: Callable[[T], bool]


def _run_words(run: Run | None) -> tuple[str | None, ...]:
    if run is None:
        return ()
    name = f"{run.database or ''}.{run.table or ''}"
    return name, run.run_id, run.status, run.refresh_type, run.error_message


def _view_words(row: ViewRow) -> Iterable[str | None]:
    states = [state.replace("_", " ") for state in State if row.applies[state] and state is not State.OK]
    failure = row.series.facts.last_failure if row.series.facts else None
    own = (row.name, row.series.target, *row.series.key[:2], *states)
    return (*own, *_run_words(row.last_run), *_run_words(failure))


def _started(run: Run | None) -> float | None:
    return run and (run.creation_time if run.start_time is None else run.start_time)


_STATES: Mapping[State | None, int] = {state: place for place, state in enumerate(State)}
_STATUSES = {
    Status.FAILED: 0, "stuck": 1, UNREAD: 2, UNKNOWN: 3, Status.STARTING: 4, Status.RUNNING: 4,
    Status.STOPPED: 5, Status.SUCCEEDED: 6,
}  # fmt: skip
_UP = {False: 0, None: 2, True: 3}

VIEWS: Table[ViewRow] = Table(
    title="views",
    orders={
        "status": lambda row, _: _STATES.get(row.state, len(_STATES)),
        "view": lambda row, _: row.name,
        "success": lambda row, _: row.series.facts.last_success_time if row.series.facts else None,
        "last_run": lambda row, _: row.last_run and row.last_run.creation_time,
        "failures": lambda row, _: row.series.facts.consecutive_failures if row.series.facts else None,
    },
    largest_first={"last_run", "failures"},
    newest=lambda row: row.last_run and row.last_run.creation_time,
    name=lambda row: row.name,
    target=lambda row: row.series.target,
    view=lambda row: row.series.key,
    words=_view_words,
    problem=lambda row: row.state in PROBLEMS,
    active=lambda row: bool(row.applies[State.RUNNING]),
)
RUNS: Table[RunRow] = Table(
    title="runs",
    orders={
        "status": lambda row, _: _STATUSES["stuck" if row.stuck else row.status],
        "view": lambda row, _: row.name,
        "type": lambda row, _: row.run and row.run.refresh_type,
        "start": lambda row, _: _started(row.run),
        "duration": lambda row, now: row.run and row.run.duration(now),
        "dpu": lambda row, _: row.run and row.run.dpu_seconds,
        "bytes": lambda row, _: row.run and row.run.processed_bytes,
    },
    largest_first={"start", "duration", "dpu", "bytes"},
    newest=lambda row: row.run and row.run.creation_time,
    name=lambda row: row.name or "",
    target=lambda row: row.target,
    view=lambda row: row.view,
    words=lambda row: (
        row.run_id,
        row.target,
        *row.place,
        row.status,
        "stuck" * row.stuck,
        *_run_words(row.run),
    ),
    problem=lambda row: row.stuck or row.status in {Status.FAILED, UNKNOWN, UNREAD},
    active=lambda row: row.status in ACTIVE,
)
TARGETS: Table[TargetState] = Table(
    title="targets",
    orders={
        "status": lambda state, _: 1 if state.series.up and state.unmatched else _UP[state.series.up],
        "target": lambda state, _: state.target.name,
        "poll": lambda state, _: state.series.last_poll_time,
        "success": lambda state, _: state.series.last_success_time,
        "views": lambda state, _: state.series.views,
    },
    largest_first={"poll", "views"},
    newest=lambda _: None,
    name=lambda state: state.target.name,
    target=lambda state: state.target.name,
    view=lambda state: (state.series.aws_region, state.series.catalog_id, None, None),
    words=lambda state: (
        state.target.name,
        state.series.aws_region,
        state.series.catalog_id,
        state.error,
        *state.unmatched,
    ),
    problem=lambda state: state.series.up is False or bool(state.unmatched),
    active=lambda _: True,
)
TABLES: Mapping[str, Table[Any]] = {table.title: table for table in (VIEWS, RUNS, TARGETS)}

DEFAULTS: Mapping[str, str] = {
    "q": "",
    "target": "",
    **dict.fromkeys(ViewKey._fields, ""),
    "show": "",
    **{f"{table}_sort": "status" for table in TABLES},
    "limit": "100",
    **{f"{table}_page": "1" for table in TABLES},
}
"""Every parameter of the URL."""
LARGEST = {"limit": 1000, **{f"{table}_page": 1_000_000 for table in TABLES}}
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """The parameters of a URL.

    ``q`` (words), ``target``, the fields of a view's key, ``show`` and ``limit``, and of each table its
    ``…_sort`` (a minus before it: descending) and ``…_page``.
    """

    parameters: Mapping[str, str]
    """Those that differ from :data:`DEFAULTS`."""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "StatusQuery":
        """Read a URL's parameters. Raises ValueError with a sentence for people."""
        values = {name: given.get(name, "") or default for name, default in DEFAULTS.items()}
        values["q"] = values["q"].strip()
        if len(values["q"]) > LONGEST_TEXT:
            raise ValueError(f"q is longer than {LONGEST_TEXT} characters")
        if values["show"] not in {"", "problems", "active"}:
            raise ValueError("show is neither problems nor active")
        for name, table in TABLES.items():
            if values[f"{name}_sort"].removeprefix("-") not in table.orders:
                raise ValueError(f"{name}_sort is not one of {', '.join(table.orders)}")
        for name, largest in LARGEST.items():
            text = values[name]
            is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(largest))
            if not is_number or not 1 <= int(text) <= largest:
                raise ValueError(f"{name} is not a number from 1 to {largest}")
        return cls({name: value for name, value in values.items() if value != DEFAULTS[name]})

    def __getitem__(self, name: str) -> str:
        """Return a parameter, or its default."""
        return self.parameters.get(name, DEFAULTS[name])

    @property
    def url(self) -> str:
        """Return the query as a relative URL; never empty, since that would mean the present one."""
        return f"?{urlencode(self.parameters, errors='replace')}"

    def sorted_by(self, table: str, order: str) -> "StatusQuery":
        """Return the query for a click on a column: its order, or the other way round if it is in force."""
        now = self[f"{table}_sort"]
        largest_first = order in TABLES[table].largest_first
        descending = not now.startswith("-") if now.removeprefix("-") == order else largest_first
        return self.parse({**self.parameters, f"{table}_sort": "-" * descending + order, f"{table}_page": ""})

    def on_page(self, table: str, page: int) -> "StatusQuery":
        """Return the query for another page of one table."""
        return self.parse({**self.parameters, f"{table}_page": str(page)})

    @property
    def names_view(self) -> bool:
        """Whether it asks for a view by its name, in one catalog or in several."""
        return bool(self["database"] and self["table"])

    def is_of(self, view: tuple[str | None, ...]) -> bool:
        """Return whether what belongs to this view may be wanted."""
        return all(self[name] in {"", value} for name, value in zip(ViewKey._fields, view, strict=True))

    @classmethod
    def of_view(cls, view: tuple[str, ...]) -> "StatusQuery":
        """Return the query for one view and its runs, the newest first."""
        return cls.parse({**dict(zip(ViewKey._fields, view, strict=True)), "runs_sort": "-start"})


def select(
    table: Table[T], rows: Iterable[T], query: StatusQuery, now: float, found: Collection[str] = ()
) -> list[T]:
    """Return all rows that the query asks for, in order. ``now``: Unix time.

    ``found``: targets that the query's words need not occur in.
    """
    sort = query[f"{table.title}_sort"]
    value_of = table.orders[sort.removeprefix("-")]
    chosen = sorted(_filter(table, rows, query, found), key=table.name)
    chosen.sort(key=lambda row: table.newest(row) or -math.inf, reverse=True)
    valued = [(value_of(row, now), row) for row in chosen]
    known: list[tuple[Any, T]] = [(value, row) for value, row in valued if value is not None]
    known.sort(key=itemgetter(0), reverse=sort.startswith("-"))
    return [row for _, row in known] + [row for value, row in valued if value is None]


def _filter(table: Table[T], rows: Iterable[T], query: StatusQuery, found: Collection[str]) -> Iterable[T]:
    """Return the rows that are wanted."""
    target, words = query["target"], query["q"].casefold().split()
    shown = {"problems": table.problem, "active": table.active}.get(query["show"])
    of_view = any(query[name] for name in ViewKey._fields)

    def wanted(row: T) -> bool:
        if (target and table.target(row) != target) or (shown and not shown(row)):
            return False
        if found and table.target(row) in found:
            return True
        if of_view and not query.is_of(table.view(row)):
            return False
        if not words:
            return True
        text = " ".join(filter(None, table.words(row))).casefold()
        return all(word in text for word in words)

    return filter(wanted, rows)
