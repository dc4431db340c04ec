"""The table of listings: what reading them to the end taught, for the first poll after a restart."""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingSummary:
    """What a complete read of a listing of runs taught."""

    newest: float | None
    """The newest creation time, as Unix time in seconds."""
    newest_first: bool
    """Whether it came newest first, from beginning to end."""
    page_ends: tuple[float, ...]
    """The creation time of the last run on each full page, if they come newest first; ascending."""


class Listings:
    """The listings of one catalog. Used within the store's transactions.

    What was learnt for other views than those of now does not hold: their runs may be on any page.
    """

    def __init__(self, connection: sqlite3.Connection, catalog: int) -> None:
        self._connection = connection
        self._catalog = catalog

    def put(
        self,
        target: str,
        filters: tuple[str | None, str | None],
        views: Iterable[tuple[str, str]],
        summary: ListingSummary,
    ) -> None:
        """Remember what was learnt of the listing with these filters (database, table), for these views."""
        self._connection.execute(
            "DELETE FROM listings WHERE catalog = ? AND target = ? AND database IS ? AND table_name IS ?",
            [self._catalog, target, *filters],
        )
        self._connection.execute(
            "INSERT INTO listings (catalog, target, database, table_name, views, newest, newest_first,"
            " page_ends) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                self._catalog, target, *filters, _digest(views), summary.newest, summary.newest_first,
                json.dumps(summary.page_ends),
            ],
        )  # fmt: skip

    def get(
        self, target: str, filters: tuple[str | None, str | None], views: Iterable[tuple[str, str]]
    ) -> ListingSummary | None:
        """Return what was learnt for the same views; None where nothing was."""
        row = self._connection.execute(
            "SELECT newest, newest_first, page_ends FROM listings"
            " WHERE catalog = ? AND target = ? AND database IS ? AND table_name IS ? AND views = ?",
            [self._catalog, target, *filters, _digest(views)],
        ).fetchone()
        if row is None:
            return None
        newest, newest_first, page_ends = row
        return ListingSummary(
            newest=newest, newest_first=bool(newest_first), page_ends=tuple(json.loads(page_ends))
        )

    def keep(self, targets: Collection[str]) -> None:
        """Forget the listings of all other targets."""
        rows = self._connection.execute(
            "SELECT id, target FROM listings WHERE catalog = ?", [self._catalog]
        ).fetchall()
        gone = [[row] for row, target in rows if target not in targets]
        self._connection.executemany("DELETE FROM listings WHERE id = ?", gone)


def _digest(views: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(views)).encode()).hexdigest()
