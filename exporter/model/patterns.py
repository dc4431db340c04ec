"""Which views a target watches: names and globs, less what is excluded."""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.model.settings import Target, ViewPattern

_GLOB = re.compile(r"[*?\[]")


def is_glob(text: str) -> bool:
    """Tell whether a pattern can match more than the one name that it spells."""
    return _GLOB.search(text) is not None


def is_literal(pattern: ViewPattern) -> bool:
    """Tell whether the pattern names one view."""
    return not is_glob(pattern.database) and not is_glob(pattern.table)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


@dataclass(frozen=True, slots=True)
class _Compiled:
    pattern: ViewPattern
    database: re.Pattern[str]
    table: re.Pattern[str]

    def matches(self, database: str, table: str) -> bool:
        return bool(self.database.match(database) and self.table.match(table))


def _compile(patterns: Iterable[ViewPattern]) -> tuple[_Compiled, ...]:
    return tuple(_Compiled(p, _compiled(p.database), _compiled(p.table)) for p in patterns)


@dataclass(slots=True)
class ViewMatcher:
    """One target's patterns, ready to be asked. Upper and lower case differ, as they do in Glue's answers."""

    target: Target
    _wanted: tuple[_Compiled, ...] = field(init=False)
    _excluded: tuple[_Compiled, ...] = field(init=False)
    literals: tuple[tuple[str, str], ...] = field(init=False)
    """The views that are named outright and not excluded, as (database, table)."""

    def __post_init__(self) -> None:
        # Literal names first: what is said of one view counts for more than what is said of many.
        ordered = sorted(self.target.views, key=lambda pattern: not is_literal(pattern))
        self._wanted = _compile(ordered)
        self._excluded = _compile(self.target.exclude_views)
        named = ((p.database, p.table) for p in self.target.views if is_literal(p))
        self.literals = tuple(dict.fromkeys(name for name in named if self.matching(*name)))

    def matching(self, database: str, table: str) -> tuple[ViewPattern, ...]:
        """Return the patterns that want this view; none where it is excluded."""
        if any(excluded.matches(database, table) for excluded in self._excluded):
            return ()
        return tuple(wanted.pattern for wanted in self._wanted if wanted.matches(database, table))

    def expected_interval(self, database: str, table: str) -> float | None:
        """Return the configured interval of a view in seconds, None where none is configured."""
        configured = (pattern.expected_interval for pattern in self.matching(database, table))
        return next((interval for interval in configured if interval is not None), None)

    def database_matches(self, database: str) -> bool:
        """Tell whether a glob pattern could want some view of this database."""
        return any(
            wanted.database.match(database) for wanted in self._wanted if not is_literal(wanted.pattern)
        )

    def glob_databases(self) -> tuple[str, ...] | None:
        """Return the databases that glob patterns name outright; None where a database is a glob itself."""
        globs = [pattern for pattern in self.target.views if not is_literal(pattern)]
        if any(is_glob(pattern.database) for pattern in globs):
            return None
        return tuple(dict.fromkeys(pattern.database for pattern in globs))
