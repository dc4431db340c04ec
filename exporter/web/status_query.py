"""What a URL of the status page or its API asks for: which rows of its tables, the worst first.

A row's kind shows in its item of the API: a run's has ``run_id``, a view's ``last_run``, a target's neither.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import urlencode

from exporter.model.run import UNKNOWN, Status
from exporter.model.view import ViewKey
from exporter.web.view_state import ACTIVE, State

T = TypeVar("T")
Json = dict[str, Any]

UNREAD = "UNREAD"
"""Stands for the status of a configured run that was never read, or that Glue does not know."""
ORDERS = {
    "views": ("status", "view", "success", "last_run", "failures"),
    "runs": ("status", "view", "type", "start", "duration", "dpu", "bytes"),
    "targets": ("status", "target", "poll", "success", "views"),
}
"""What each table can be sorted by."""
DEFAULTS: Mapping[str, str] = {
    **dict.fromkeys(("q", "target", *ViewKey._fields, "show"), ""),
    **{f"{table}_sort": "status" for table in ORDERS},
    "limit": "100",
    **{f"{table}_page": "1" for table in ORDERS},
}
"""Every parameter of the URL."""
LARGEST = {"limit": 1000, **{f"{table}_page": 999_999 for table in ORDERS}}
LONGEST_TEXT = 200

PROBLEMS = (
    *(State.FAILING, Status.FAILED, "down", State.OVERDUE, State.STUCK, UNREAD, State.NOT_READ, UNKNOWN),
    "unmatched",
)
"""What somebody should look at, the worst first: see :func:`_state`."""
_STATES = (*PROBLEMS, State.RUNNING, "pending", State.OK, "up", Status.STOPPED, Status.SUCCEEDED, None)
_PLACES = {state: place for place, state in enumerate(_STATES)}


def _state(item: Json) -> str | None:
    """Return the state of a view, the status of a run, or how a target is."""
    if "last_run" in item:
        state: State | None = item["state"]
        return state
    if "run_id" in item:
        if item["stuck"]:
            return State.STUCK
        status: str = item["status"] or (UNREAD if item["unread_because"] else UNKNOWN)
        return State.RUNNING if status in ACTIVE else status
    if not item["up"]:
        return "pending" if item["up"] is None else "down"
    return "unmatched" if item["patterns_without_views"] else "up"


def _name(item: Json) -> str | None:
    """Return the view as people write it, as far as it is known; None where nothing of it is."""
    if "database" not in item or not (item["database"] or item["table"]):
        return None
    return f"{item['database'] or ''}.{item['table'] or ''}"


def _created(item: Json) -> float | None:
    return (item.get("last_run", item) or {}).get("creation_time")


_VALUES: Mapping[str, Callable[[Json], Any]] = {
    "status": lambda item: _PLACES[_state(item)],
    "view": _name,
    "success": itemgetter("last_success_time"),
    "last_run": _created,
    "failures": itemgetter("consecutive_failures"),
    "type": itemgetter("refresh_type"),
    "start": lambda item: item["creation_time"] if item["start_time"] is None else item["start_time"],
    "duration": itemgetter("duration_seconds"),
    "dpu": itemgetter("dpu_seconds"),
    "bytes": itemgetter("processed_bytes"),
    "target": itemgetter("target"),
    "poll": itemgetter("last_poll_time"),
    "views": itemgetter("views"),
}
"""What a row is sorted by, in each order; None: not known, and so last either way."""


def is_active(item: Json) -> bool:
    """Return whether a run, or the newest one of a view that has been read, is in progress."""
    if "last_run" in item and item["up"] is None:
        return False
    return (item.get("last_run", item) or {}).get("status") in ACTIVE


_PLACE_TEXTS = itemgetter("target", "aws_region", "catalog_id")
_RUN_TEXTS = itemgetter("run_id", "status", "unlisted_status", "refresh_type", "error_message")
_FAILURE_TEXTS = itemgetter("run_id", "error_message")


def _holds(item: Json, words: Iterable[str]) -> bool:
    """Return whether all these words of ``q`` occur in the texts of a row."""
    texts = [_name(item), *_PLACE_TEXTS(item), *item.get("patterns_without_views", ()), item.get("error")]
    texts += [word for word in ("failing", "overdue", "stuck") if item.get(word)]
    if item["up"] is False:
        texts.append("not read")
    if run := item if "run_id" in item else item.get("last_run"):
        texts += _RUN_TEXTS(run)
    if "run_id" in item and item["status"] is None:
        texts.append(_state(item))
    if "last_run" in item:
        texts += [item["state"], item["owner"], "running" if is_active(item) else None]
        texts += ["failed", *_FAILURE_TEXTS(item["last_failure"])] if item["last_failure"] else []
    text = " ".join(filter(None, texts)).casefold()
    return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """The parameters of a URL.

    ``q`` (words), ``target``, the fields of a view's key, ``show`` and ``limit``, and of each table its
    ``…_sort`` (a minus before it: descending) and ``…_page``.
    """

    parameters: Mapping[str, str]
    """Those that differ from :data:`DEFAULTS`."""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "StatusQuery":
        """Read a URL's parameters. Raises ValueError with a sentence for people."""
        values = {name: str(given.get(name, "")) or default for name, default in DEFAULTS.items()}
        values["q"] = values["q"].strip()
        if len(values["q"]) > LONGEST_TEXT:
            raise ValueError(f"q is longer than {LONGEST_TEXT} characters")
        if values["show"] not in {"", "problems", "active"}:
            raise ValueError("show is neither problems nor active")
        for table, orders in ORDERS.items():
            if values[f"{table}_sort"].removeprefix("-") not in orders:
                raise ValueError(f"{table}_sort is not one of {', '.join(orders)}")
        for name, largest in LARGEST.items():
            if not re.fullmatch("[1-9][0-9]{0,5}", values[name]) or int(values[name]) > largest:
                raise ValueError(f"{name} is not a number from 1 to {largest}")
        return cls({name: value for name, value in values.items() if value != DEFAULTS[name]})

    def __getitem__(self, name: str) -> str:
        """Return a parameter, or its default."""
        return self.parameters.get(name, DEFAULTS[name])

    def url(self, changes: Mapping[str, Any]) -> str:
        """Return the query with these changes as a relative URL; never empty: that means the present one."""
        parameters = self.parse({**self.parameters, **changes}).parameters
        return f"?{urlencode(parameters, errors='replace')}"

    @property
    def names_view(self) -> bool:
        """Whether it asks for a view by its name, in one catalog or in several."""
        return bool(self["database"] and self["table"])

    def is_of(self, view: Mapping[str, Any]) -> bool:
        """Return whether what belongs to this view, as far as it is known, may be wanted."""
        return all(self[name] in {"", view.get(name)} for name in ViewKey._fields)

    def select(
        self, table: str, rows: Sequence[T], item: Callable[[T], Json], found: Collection[str] = ()
    ) -> list[T]:
        """Return all rows of a table that are wanted, in order; equals come newest first, then by name.

        There may be 100,000, so none of their items are kept. ``found``: targets that are wanted in any case.
        """
        sort = self[f"{table}_sort"]
        value_of, wanted = _VALUES[sort.removeprefix("-")], self._filter(table, found)
        chosen = [
            (value_of(one), _created(one) or -math.inf, _name(one) or one["target"], row)
            for row, one in zip(rows, map(item, rows), strict=True)
            if wanted(one)
        ]
        chosen.sort(key=itemgetter(2))
        chosen.sort(key=itemgetter(1), reverse=True)
        known = [one for one in chosen if one[0] is not None]
        known.sort(key=itemgetter(0), reverse=sort.startswith("-"))
        return [one[3] for one in known] + [one[3] for one in chosen if one[0] is None]

    def _filter(self, table: str, found: Collection[str]) -> Callable[[Json], bool]:
        """Return what says of an item whether it is wanted."""
        target, show, words = self["target"], self["show"], self["q"].casefold().split()
        of_view = any(self[name] for name in ViewKey._fields)
        active = show == "active" and table != "targets"

        def wanted(item: Json) -> bool:
            if target and item["target"] != target:
                return False
            if show == "problems" and _state(item) not in PROBLEMS:
                return False
            if active and not is_active(item):
                return False
            if item["target"] in found:
                return True
            if of_view and not self.is_of(item):
                return False
            return not words or _holds(item, words)

        return wanted
