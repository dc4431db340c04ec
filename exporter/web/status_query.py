"""What a reader of the status page asks for: the parameters of its URL, and of the API's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from exporter.web.status_snapshot import RUN_ORDERS

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
LARGEST_PAGE = 1_000_000
LONGEST_TEXT = 200
SHOW = ("", "problems", "active")
"""Everything; what needs somebody to look at it; what is going on right now."""
VIEW_ORDERS = ("status", "view", "success", "last_run", "failures")
TARGET_ORDERS = ("status", "target", "poll", "success", "views")
ORDERS: Mapping[str, tuple[str, ...]] = {"views": VIEW_ORDERS, "runs": RUN_ORDERS, "targets": TARGET_ORDERS}
"""What each table can be sorted by; the first is the default."""
_LARGEST_FIRST = frozenset({"start", "duration", "dpu", "bytes", "last_run", "failures", "poll", "views"})
"""Orders that most often are wanted from the largest, or the latest, down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of a table is wanted, in which order."""

    order: str = "status"
    descending: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """The parameters, all optional: ``q``, ``target``, ``show``, ``limit``, and for each of ``views``,
    ``runs`` and ``targets`` one ``…_sort`` (a minus before it: descending) and one ``…_page``.
    """  # noqa: D205 (a list of parameters is one sentence)

    text: str = ""
    target: str = ""
    show: str = ""
    limit: int = DEFAULT_LIMIT
    cuts: Mapping[str, Cut] = field(default_factory=lambda: dict.fromkeys(ORDERS, Cut()))

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "StatusQuery":
        """Read a URL's parameters. Raises ValueError with a sentence for people."""
        text = parameters.get("q", "").strip()
        show = parameters.get("show", "")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"q is longer than {LONGEST_TEXT} characters")
        if show not in SHOW:
            raise ValueError("show is none of problems and active")
        return cls(
            text=text,
            target=parameters.get("target", ""),
            show=show,
            limit=_number(parameters, "limit", DEFAULT_LIMIT, LARGEST_LIMIT),
            cuts={table: _cut(parameters, table) for table in ORDERS},
        )

    @property
    def words(self) -> tuple[str, ...]:
        """What must occur, each somewhere."""
        return tuple(self.text.split())

    def sorted_by(self, table: str, order: str) -> "StatusQuery":
        """Return the query for a click on a column: its order, or the other way round if it is in force."""
        cut = self.cuts[table]
        descending = not cut.descending if cut.order == order else order in _LARGEST_FIRST
        return self._with(table, Cut(order=order, descending=descending))

    def on_page(self, table: str, page: int) -> "StatusQuery":
        """Return the query for another page of one table."""
        return self._with(table, replace(self.cuts[table], page=page))

    def about(self, text: str) -> "StatusQuery":
        """Return the query for what holds this text, whatever its state."""
        return StatusQuery(text=text[:LONGEST_TEXT], limit=self.limit)

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that differ from the defaults."""
        all_of_them = {"q": self.text, "target": self.target, "show": self.show}
        if self.limit != DEFAULT_LIMIT:
            all_of_them["limit"] = str(self.limit)
        for table, cut in self.cuts.items():
            if (cut.order, cut.descending) != ("status", False):
                all_of_them[f"{table}_sort"] = f"{'-' if cut.descending else ''}{cut.order}"
            if cut.page > 1:
                all_of_them[f"{table}_page"] = str(cut.page)
        return {name: value for name, value in all_of_them.items() if value}

    @property
    def url(self) -> str:
        """Return the query as a relative URL; never empty, since that would mean the present one."""
        return f"?{urlencode(self.parameters, errors='replace')}"

    def _with(self, table: str, cut: Cut) -> "StatusQuery":
        return replace(self, cuts={**self.cuts, table: cut})


def _cut(parameters: Mapping[str, str], table: str) -> Cut:
    sort = parameters.get(f"{table}_sort", "") or "status"
    order = sort.removeprefix("-")
    if order not in ORDERS[table]:
        raise ValueError(f"{table}_sort is none of {', '.join(ORDERS[table])}")
    page = _number(parameters, f"{table}_page", 1, LARGEST_PAGE)
    return Cut(order=order, descending=sort.startswith("-"), page=page)


def _number(parameters: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = parameters.get(name, "") or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(largest))):
        raise ValueError(f"{name} is not a number from 1 to {largest}")
    if not 1 <= int(text) <= largest:
        raise ValueError(f"{name} is not a number from 1 to {largest}")
    return int(text)
