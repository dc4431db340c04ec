"""Which listings of runs serve a target's views with the fewest calls."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import ceil

PAGE = 1000
"""Runs on a page of a listing, at the most."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A listing's filter: the whole catalog, one database, or one table."""

    database: str | None = None
    table: str | None = None

    def holds(self, database: str | None, table: str | None) -> bool:
        """Tell whether the listing holds this view's runs."""
        return self.database in (None, database) and self.table in (None, table)


@dataclass(frozen=True, slots=True)
class Census:
    """How many runs there are of each (database, table), as a complete listing of the catalog held them."""

    runs: Counter[tuple[str | None, str | None]]
    newest_first: bool

    def cost(self, scopes: tuple[Scope, ...], polls: int) -> int:
        """Return the calls that these listings take in ``polls`` polls, of which one reads all pages."""
        pages = [max(1, ceil(self._size(scope) / PAGE)) for scope in scopes]
        each_poll = len(scopes) if self.newest_first else sum(pages)
        return sum(pages) + (polls - 1) * each_poll

    def _size(self, scope: Scope) -> int:
        if scope.table is not None:
            return self.runs[scope.database, scope.table]
        return sum(number for name, number in self.runs.items() if scope.holds(*name))


def narrowest(views: AbstractSet[tuple[str, str]]) -> tuple[Scope, ...]:
    """Return the one listing that serves these views and holds the least besides them."""
    databases = {database for database, _ in views}
    if not views:
        return ()
    if len(views) == 1:
        return (Scope(*next(iter(views))),)
    return (Scope(databases.pop() if len(databases) == 1 else None),)


def cheapest(views: AbstractSet[tuple[str, str]], census: Census | None, polls: int) -> tuple[Scope, ...]:
    """Return the listings that take the fewest calls; without a census, the narrowest single one."""
    if census is None or not views:
        return narrowest(views)
    databases = dict.fromkeys(database for database, _ in sorted(views))
    candidates = (
        narrowest(views),
        tuple(Scope(database) for database in databases),
        tuple(Scope(*name) for name in sorted(views)),
    )
    return min(candidates, key=lambda scopes: (census.cost(scopes, polls), len(scopes)))
