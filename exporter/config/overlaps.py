"""Warns where two targets of one region and catalog would watch the same views."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Final

from exporter.config.targets import Entry
from exporter.config.yaml_lines import Document, Location
from exporter.model.patterns import is_glob, is_literal
from exporter.model.settings import ViewPattern

_MOST_EFFORT: Final = 5_000_000
"""About a second, in fifths of a microsecond; a warning is not worth more."""
_PART: Final = re.compile(r"\[(?:!.|[^!])[^\]]*\]|.", re.DOTALL)
"""A part of a glob, as :mod:`fnmatch` reads it: an unclosed bracket stands for itself."""


def can_meet(one: str, other: str) -> bool:
    """Return whether some name matches both globs."""
    if not is_glob(one):
        return fnmatchcase(one, other) if is_glob(other) else one == other
    if not is_glob(other):
        return fnmatchcase(other, one)
    if not _starts_agree(one, other):
        return False
    # Where two parts share a character, they share one of those written in them or a neighbour of one.
    near = {ord(character) + step for character in one + other for step in (-1, 0, 1)}
    alphabet = [chr(code) for code in near if 0 <= code <= sys.maxunicode]
    mine, theirs = _parts(one, alphabet), _parts(other, alphabet)
    # reached[j]: some text leads to this part of one and to part j of the other.
    reached = [True, *(all(part is None for part in theirs[: j + 1]) for j in range(len(theirs)))]
    for part in mine:
        after = [reached[0] and part is None]
        for j, their_part in enumerate(theirs):
            if part is None or their_part is None:  # a star stands for nothing, or for what the other part is
                after.append(reached[j + 1] or after[j])
            else:
                after.append(reached[j] and not part.isdisjoint(their_part))
        reached = after
    return reached[-1]


def _parts(pattern: str, alphabet: Sequence[str]) -> list[frozenset[str] | None]:
    """Return the characters that each part of a glob can stand for; None for a star."""
    parts: list[frozenset[str] | None] = []
    for part in _PART.findall(pattern):
        if part == "*":
            parts.append(None)
        elif is_glob(part):
            parts.append(frozenset(filter(re.compile(translate(part)).match, alphabet)))
        else:
            parts.append(frozenset(part))
    return parts


def _starts_agree(one: str, other: str) -> bool:
    start, other_start = _literal_start(one), _literal_start(other)
    return start.startswith(other_start) or other_start.startswith(start)


@lru_cache(4096)
def _literal_start(pattern: str) -> str:
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


class Excluded:
    """What one target leaves out: names, which are looked up, and globs."""

    def __init__(self, excluded: Iterable[ViewPattern | None]) -> None:
        views = [view for view in excluded if view is not None]
        self._exactly = {(view.database, view.table) for view in views}
        self.globs = [view for view in views if not is_literal(view)]

    def covers(self, view: ViewPattern) -> bool:
        """Return whether all that the pattern can match is surely left out."""
        return (view.database, view.table) in self._exactly or any(
            _covers(out.database, view.database) and _covers(out.table, view.table) for out in self.globs
        )


def _covers(wide: str, narrow: str) -> bool:
    """Where the wide glob has stars alone, they also take the wildcards of the narrow one."""
    exact = not is_glob(narrow) or wide == narrow or not {"?", "["} & set(wide)
    return exact and (wide == narrow or fnmatchcase(narrow, wide))


class _TooMuchEffortError(Exception):
    """A warning is not worth more."""


class _Comparison:
    """Compares patterns, as long as the effort allows."""

    def __init__(self) -> None:
        self._left = _MOST_EFFORT

    def can_meet(self, one: str, other: str) -> bool:
        """Return whether some name matches both globs."""
        both = is_glob(one) and is_glob(other) and _starts_agree(one, other)
        self._spend(50 + len(one) * len(other) * (10 if "[" in one + other else 1) if both else 5)
        return can_meet(one, other)

    def covers(self, excluded: Excluded, view: ViewPattern) -> bool:
        """Return whether all that the pattern can match is surely left out."""
        self._spend(5 * len(excluded.globs))
        return excluded.covers(view)

    def _spend(self, effort: int) -> None:
        self._left -= effort
        if self._left < 0:
            raise _TooMuchEffortError


@dataclass(frozen=True, slots=True)
class _Pattern:
    at: Location
    view: ViewPattern
    excluded: Excluded


class _Earlier:
    """The patterns of the targets before, by their database's name or glob."""

    def __init__(self, comparison: _Comparison) -> None:
        self._comparison = comparison
        self._names: dict[tuple[str, str], _Pattern] = {}
        self._globs: defaultdict[str, list[_Pattern]] = defaultdict(list)
        self._all: defaultdict[str, list[_Pattern]] = defaultdict(list)
        self._glob_databases: dict[str, None] = {}
        self._meeting: dict[str, list[str]] = {}

    def add(self, patterns: Sequence[_Pattern]) -> None:
        """Add the patterns of one target."""
        self._meeting.clear()
        for one in patterns:
            database = one.view.database
            self._all[database].append(one)
            if is_glob(database):
                self._glob_databases[database] = None
            if is_literal(one.view):
                self._names.setdefault((database, one.view.table), one)
            else:
                self._globs[database].append(one)

    def first_overlap(self, one: _Pattern) -> _Pattern | None:
        """Return an earlier pattern that can match what this one matches."""
        compare = self._comparison
        for other in self._candidates(one):
            if (
                compare.can_meet(one.view.table, other.view.table)
                and not compare.covers(one.excluded, other.view)
                and not compare.covers(other.excluded, one.view)
            ):
                return other
        return None

    def _candidates(self, one: _Pattern) -> Iterator[_Pattern]:
        """Return the earlier patterns whose databases can be the same."""
        known = self._all
        if is_literal(one.view):  # of other names, only the same one can be meant
            known = self._globs
            if same := self._names.get((one.view.database, one.view.table)):
                yield same
        for database in self._databases(one.view.database):
            yield from known.get(database, ())

    def _databases(self, database: str) -> list[str]:
        if database not in self._meeting:
            others = self._all if is_glob(database) else [database, *self._glob_databases]
            self._meeting[database] = [
                other for other in others if self._comparison.can_meet(database, other)
            ]
        return self._meeting[database]


def warn_of_overlaps(groups: Iterable[Sequence[Entry]], document: Document) -> None:
    """Warn of each pattern that meets one of an earlier target.

    A group has the entries that read one catalog in one region.
    """
    comparison = _Comparison()
    try:
        for group in groups:
            earlier = _Earlier(comparison)
            for entry in group:
                excluded = Excluded(entry.value("exclude_views"))
                patterns = [
                    _Pattern((*entry.at, "views", index), view, excluded)
                    for index, view in enumerate(entry.own.views)
                    if view is not None
                ]
                for one in patterns:
                    if other := earlier.first_overlap(one):
                        document.warn(
                            one.at,
                            f"overlaps {document.place(other.at)}, in the same region and catalog: "
                            "that target, the first in the file, owns the views that both match",
                        )
                earlier.add(patterns)
    except _TooMuchEffortError:
        document.warn(("targets",), "too many view patterns to check all of them for overlaps")
