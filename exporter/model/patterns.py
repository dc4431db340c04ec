"""Which views and runs each target watches: names and globs, less what is excluded; the first owns them."""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
    """Literal patterns in a dictionary, for there may be thousands, and globs as regular expressions."""

    def __init__(self, patterns: Iterable[ViewPattern]) -> None:
        self.literal: dict[Name, list[ViewPattern]] = {}
        self.globs: list[tuple[re.Pattern[str], re.Pattern[str], ViewPattern]] = []
        for pattern in patterns:
            if is_literal(pattern):
                self.literal.setdefault((pattern.database, pattern.table), []).append(pattern)
            else:
                database, table = fnmatch.translate(pattern.database), fnmatch.translate(pattern.table)
                self.globs.append((re.compile(database), re.compile(table), pattern))

    def matching(self, database: str, table: str) -> list[ViewPattern]:
        """Return the patterns that match, the literal ones first."""
        found = list(self.literal.get((database, table), ()))
        found += [one for in_database, in_table, one in self.globs
                  if in_database.match(database) and in_table.match(table)]  # fmt: skip
        return found


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
        return () if not found or self.excludes(database, table) else tuple(found)

    def excludes(self, database: str, table: str) -> bool:
        """Return whether this view is not to be watched, whatever pattern wants it."""
        return bool(self._excluded.matching(database, table))

    def database_matches(self, database: str) -> bool:
        """Return whether a glob pattern could want some view of this database."""
        return any(in_database.match(database) for in_database, _, _ in self._wanted.globs)

    def named_databases(self) -> tuple[str, ...]:
        """Return the databases that glob patterns name literally, as ``sales.*`` does."""
        databases = (pattern.database for _, _, pattern in self._wanted.globs)
        return tuple(dict.fromkeys(name for name in databases if not is_glob(name)))

    def glob_databases(self) -> tuple[str, ...] | None:
        """Return the databases that glob patterns are about; None where a database is a glob itself."""
        if any(is_glob(pattern.database) for _, _, pattern in self._wanted.globs):
            return None
        return self.named_databases()


def expected_interval(patterns: Iterable[ViewPattern]) -> float | None:
    """Return the interval in seconds of the first of a view's patterns that has one."""
    return next((one.expected_interval for one in patterns if one.expected_interval is not None), None)


class OwnedElsewhere(NamedTuple):
    """Another target, earlier in the file, watches these runs and views of the same region and catalog."""

    target: str
    owner: str
    names: tuple[str, ...]
    """Run IDs, and views as ``database.table``."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who watches what in one catalog."""

    matchers: tuple[ViewMatcher, ...] = ()
    """Of the targets of the catalog, in the order of the file."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """The owner of each configured run, by run key."""
    spellings: Mapping[str, str] = field(default_factory=dict)
    """How a run ID is configured that differs from its key, by run key."""
    conflicts: tuple[OwnedElsewhere, ...] = ()

    def of_view(self, database: str, table: str) -> tuple[str, tuple[ViewPattern, ...]] | None:
        """Return the target that owns the view, and its matching patterns; None where no target wants it."""
        for matcher in self.matchers:
            if patterns := matcher.matching(database, table):
                return matcher.target.name, patterns
        return None

    def configured_owner(self, target: str, patterns: Iterable[ViewPattern]) -> str | None:
        """Return who is told about a view: the owner of its first pattern that has one, else the target's."""
        named = (pattern.owner for pattern in patterns)
        of_target = (matcher.target.owner for matcher in self.matchers if matcher.target.name == target)
        return next(filter(None, (*named, *of_target)), None)


def assign(targets: Sequence[Target]) -> Ownership:
    """Share out one catalog's runs and views among its targets, given in the order of the file."""
    owners: dict[str, str] = {}
    spellings: dict[str, str] = {}
    lost: dict[tuple[str, str], list[str]] = {}
    for target in targets:
        for run_id in target.run_ids:
            key = run_key(run_id)
            owner = owners.setdefault(key, target.name)
            if owner != target.name:
                lost.setdefault((target.name, owner), []).append(run_id)
            elif key != run_id:
                spellings[key] = run_id
    ownership = Ownership(tuple(ViewMatcher(target) for target in targets), owners, spellings)
    for matcher in ownership.matchers[1:]:  # what the first target asks for is its own
        for name in matcher.literals:
            match = ownership.of_view(*name)
            if match and match[0] != matcher.target.name:
                lost.setdefault((matcher.target.name, match[0]), []).append(".".join(name))
    conflicts = tuple(OwnedElsewhere(target, owner, tuple(names)) for (target, owner), names in lost.items())
    return Ownership(ownership.matchers, owners, spellings, conflicts)
