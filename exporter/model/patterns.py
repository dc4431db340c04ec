"""Which views and runs each target watches: names and globs, less what is excluded; the first owns them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from exporter.model.run import run_key
from exporter.model.settings import Target, ViewPattern

Name = tuple[str, str]
"""Database and table."""

_GLOB = re.compile(r"[*?\[]")


def is_glob(text: str) -> bool:
    """Return whether a pattern can match more than the one name that it spells."""
    return _GLOB.search(text) is not None


def is_literal(pattern: ViewPattern) -> bool:
    """Return whether the pattern names one view."""
    return not is_glob(pattern.database) and not is_glob(pattern.table)


class _PatternSet:
    """Patterns; the literal ones in a dictionary, for there may be thousands."""

    def __init__(self, patterns: Iterable[ViewPattern]) -> None:
        self.literal: dict[Name, list[ViewPattern]] = {}
        self.globs: list[ViewPattern] = []
        for pattern in patterns:
            if is_literal(pattern):
                self.literal.setdefault((pattern.database, pattern.table), []).append(pattern)
            else:
                self.globs.append(pattern)

    def matching(self, database: str, table: str) -> list[ViewPattern]:
        """Return the patterns that match, the literal ones first."""
        globs = (
            one for one in self.globs if fnmatchcase(database, one.database) and fnmatchcase(table, one.table)
        )
        return [*self.literal.get((database, table), ()), *globs]


class ViewMatcher:
    """One target's patterns. Upper and lower case differ, as they do in Glue's answers."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._wanted = _PatternSet(target.views)
        self._excluded = _PatternSet(target.exclude_views)
        self.literals = tuple(name for name in self._wanted.literal if not self.excludes(*name))
        """The views that are named literally and not excluded."""

    def matching(self, database: str, table: str) -> tuple[ViewPattern, ...]:
        """Return the patterns that want this view, literal ones first; none where it is excluded."""
        found = self._wanted.matching(database, table)
        return tuple(found) if found and not self.excludes(database, table) else ()

    def excludes(self, database: str, table: str) -> bool:
        """Return whether this view is not to be watched, whatever pattern wants it."""
        return bool(self._excluded.matching(database, table))

    def database_matches(self, database: str) -> bool:
        """Return whether a glob pattern could want some view of this database."""
        return any(fnmatchcase(database, pattern.database) for pattern in self._wanted.globs)

    def named_databases(self) -> tuple[str, ...]:
        """Return the databases that glob patterns name literally, as ``sales.*`` does."""
        databases = (pattern.database for pattern in self._wanted.globs)
        return tuple(dict.fromkeys(name for name in databases if not is_glob(name)))

    def glob_databases(self) -> tuple[str, ...] | None:
        """Return the databases that glob patterns are about; None where a database is a glob itself."""
        if any(is_glob(pattern.database) for pattern in self._wanted.globs):
            return None
        return self.named_databases()


class Ownership:
    """Who watches what in one catalog: of the targets that want a run or a view, the first in the file."""

    def __init__(self, targets: Sequence[Target] = ()) -> None:
        """``targets``: those of the catalog, in the order of the file."""
        self.matchers = tuple(map(ViewMatcher, targets))
        self.runs: dict[str, str] = {}
        """The owner of each configured run, by run key."""
        self.spellings: dict[str, str] = {}
        """How a run ID is configured that differs from its key, by run key."""
        self.conflicts: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        """Run IDs, and views as ``database.table``, that the first target wants and the second owns."""
        for target in targets:
            for run_id in target.run_ids:
                key = run_key(run_id)
                owner = self.runs.setdefault(key, target.name)
                if owner != target.name:
                    self.conflicts[target.name, owner].append(run_id)
                elif key != run_id:
                    self.spellings[key] = run_id
        for matcher in self.matchers[1:]:  # what the first target asks for is its own
            for name in matcher.literals:
                match = self.of_view(*name)
                if match and match[0] is not matcher.target:
                    self.conflicts[matcher.target.name, match[0].name].append(".".join(name))

    def of_view(self, database: str, table: str) -> tuple[Target, tuple[ViewPattern, ...]] | None:
        """Return the target that owns the view, and its matching patterns; None where no target wants it."""
        for matcher in self.matchers:
            if patterns := matcher.matching(database, table):
                return matcher.target, patterns
        return None
