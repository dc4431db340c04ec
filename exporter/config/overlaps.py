"""Warns where two targets of one region and catalog would watch the same views."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from exporter.config.definition import Configuration, ViewName
from exporter.config.document import Document, Location
from exporter.config.globs import can_meet, effort
from exporter.errors import Problem
from exporter.model.patterns import is_glob

_MOST_EFFORT: Final = 1_000_000
"""About a second, in microseconds; a warning is not worth more. Literal names cost next to none."""


@dataclass(frozen=True, slots=True)
class _Placed:
    entry: int
    index: int
    view: ViewName
    excluded: tuple[ViewName, ...]

    @property
    def location(self) -> Location:
        return ("targets", self.entry, "views", self.index)

    @property
    def literal(self) -> bool:
        return not is_glob(self.view.database) and not is_glob(self.view.table)

    def excludes(self, other: ViewName) -> bool:
        """Tell whether the target leaves out all that the other pattern can match."""
        return any(
            fnmatchcase(other.database, out.database) and fnmatchcase(other.table, out.table)
            for out in self.excluded
        )

    def effort(self, other: "_Placed") -> int:
        """Return about how many microseconds :meth:`meets` takes."""
        return (
            effort(self.view.database, other.view.database)
            + effort(self.view.table, other.view.table)
            + 2 * (len(self.excluded) + len(other.excluded))
        )

    def meets(self, other: "_Placed") -> bool:
        """Tell whether both can watch one view."""
        return (
            can_meet(self.view.database, other.view.database)
            and can_meet(self.view.table, other.view.table)
            and not self.excludes(other.view)
            and not other.excludes(self.view)
        )


def overlaps(
    groups: Iterable[tuple[int, ...]], configuration: Configuration, document: Document
) -> Iterator[Problem]:
    """Return a warning for each pattern that meets one of an earlier target.

    A group holds the indexes of the targets that read one catalog in one region.
    """
    budget = _Budget()
    for group in groups:
        known = _Known(budget)
        for entry in group:
            own = configuration.targets[entry]
            excluding = own if "exclude_views" in own.model_fields_set else configuration.defaults
            excluded = tuple(excluding.exclude_views)
            placed = [_Placed(entry, index, view, excluded) for index, view in enumerate(own.views)]
            for one in placed:
                other = known.first_met(one)
                if other:
                    yield document.problem(
                        one.location,
                        f"overlaps {document.key_path(other.location)} "
                        f"(line {document.line(other.location)}), in the same region and catalog: "
                        "that target, the first in the file, owns the views that both match",
                    )
            for one in placed:
                known.add(one)
    if budget.left < 0:
        yield document.problem(("targets",), "holds too many view patterns to look for every overlap")


class _Budget:
    """How much effort may still be made."""

    def __init__(self) -> None:
        self.left = _MOST_EFFORT

    def allows(self, effort: int) -> bool:
        """Take the effort from the budget; tell whether it was there."""
        self.left -= effort
        return self.left >= 0


class _Known:
    """The patterns of the targets before, by name and by database where those are literal."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._names: dict[tuple[str, str], _Placed] = {}
        self._by_database: defaultdict[str | None, list[_Placed]] = defaultdict(list)
        self._globs: defaultdict[str | None, list[_Placed]] = defaultdict(list)

    def add(self, one: _Placed) -> None:
        """Remember a pattern."""
        database = None if is_glob(one.view.database) else one.view.database
        self._by_database[database].append(one)
        if one.literal:
            self._names.setdefault((one.view.database, one.view.table), one)
        else:
            self._globs[database].append(one)

    def first_met(self, one: _Placed) -> _Placed | None:
        """Return an earlier pattern that can match what this one matches."""
        same = self._names.get((one.view.database, one.view.table)) if one.literal else None
        if same and self._budget.allows(same.effort(one)) and same.meets(one):
            return same
        for other in self._candidates(one):
            if not self._budget.allows(one.effort(other)):
                return None
            if one.meets(other):
                return other
        return None

    def _candidates(self, one: _Placed) -> Iterator[_Placed]:
        source = self._globs if one.literal else self._by_database
        if is_glob(one.view.database):
            for placed in source.values():
                yield from placed
        else:
            yield from source.get(one.view.database, ())
            yield from source.get(None, ())
