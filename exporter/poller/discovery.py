"""Finds the views that a target's patterns want, with as few calls as that takes."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from exporter.errors import GlueError, Reason
from exporter.model.patterns import ViewMatcher
from exporter.model.reading import CatalogReader
from exporter.model.view import View
from exporter.poller.calls import Calls
from exporter.store.outcome import Discovery

FEW_NAMES = 3
"""So many views of a database are asked for by name; where more are named, its tables are listed."""


class _Page(Protocol):
    @property
    def next_token(self) -> str | None: ...


P = TypeVar("P", bound=_Page)


@dataclass(slots=True)
class Found:
    """What looking for views gave; parts of it may have failed."""

    discovery: Discovery
    error: GlueError | None = None
    """The first failure; what it kept from being read, the discovery does not claim to have looked for."""
    denied: bool = False
    """Whether some tables may not be read."""
    malformed: list[str] = field(default_factory=list)


def all_pages(ask: Callable[[str | None], P], operation: str) -> list[P]:
    """Read a listing to its last page. Raises the first GlueError: part of a listing is no listing."""
    pages = [ask(None)]
    tokens: set[str] = set()
    while (token := pages[-1].next_token) is not None:
        if token in tokens:
            raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=operation)
        tokens.add(token)
        pages.append(ask(token))
    return pages


def discover(calls: Calls, reader: CatalogReader, matcher: ViewMatcher) -> Found:
    """Look through the catalog for what the patterns want.

    Raises PollInterrupted and GlueUnreachableError; every other failure is told in the result.
    """
    looking = _Looking(reader, matcher)
    databases = matcher.glob_databases()
    if databases is None:
        databases = looking.list_databases(calls)
    named: list[tuple[str, str]] = []
    literals = [name for name in matcher.literals if name[0] not in databases]
    per_database = Counter(database for database, _ in literals)
    listed = [*databases, *(name for name, number in per_database.items() if number > FEW_NAMES)]
    named = [name for name in literals if per_database[name[0]] <= FEW_NAMES]
    looking.read_databases(calls, listed)
    looking.read_named(calls, named)
    return looking.found()


class _Looking:
    """What has been found so far."""

    def __init__(self, reader: CatalogReader, matcher: ViewMatcher) -> None:
        self._reader = reader
        self._matcher = matcher
        self._views: dict[tuple[str, str], View] = {}
        self._databases: set[str] = set()
        self._named: set[tuple[str, str]] = set()
        self._seen_databases: frozenset[str] | None = None
        self._error: GlueError | None = None
        self._denied = False
        self._malformed: list[str] = []

    def list_databases(self, calls: Calls) -> tuple[str, ...]:
        """Return the databases that some glob pattern could want a view of."""
        try:
            pages = calls.one(
                lambda: all_pages(lambda token: self._reader.get_databases(next_token=token), "GetDatabases")
            )
        except GlueError as error:
            self._failed(error)
            return ()
        malformed = [line for page in pages for line in page.malformed]
        self._note_malformed("GetDatabases", malformed)
        names = tuple(dict.fromkeys(name for page in pages for name in page.names))
        if not malformed:
            self._seen_databases = frozenset(names)
        return tuple(name for name in names if self._matcher.database_matches(name))

    def read_databases(self, calls: Calls, databases: Sequence[str]) -> None:
        """Read all tables of these databases."""

        def ask(database: str) -> list[View]:
            pages = all_pages(lambda token: self._reader.get_tables(database, next_token=token), "GetTables")
            malformed = [
                f"table {database}.{record.table}: {record.message}" if record.table else record.message
                for page in pages
                for record in page.malformed
            ]
            if malformed:
                self._note_malformed("GetTables", malformed)
            else:
                self._databases.add(database)
            return [view for page in pages for view in page.views]

        for database, result in calls.each(databases, ask):
            if isinstance(result, list):
                self._take_in(result)
            elif result.reason is Reason.NOT_FOUND:
                self._databases.add(database)
            else:
                self._failed(result)

    def read_named(self, calls: Calls, names: Sequence[tuple[str, str]]) -> None:
        """Ask for these views one by one."""
        for name, result in calls.each(names, lambda name: self._reader.get_table(*name)):
            if not isinstance(result, GlueError) or result.reason is Reason.NOT_FOUND:
                self._named.add(name)
                self._take_in([result] if isinstance(result, View) else [])
            else:
                self._failed(result)

    def found(self) -> Found:
        """Return what has been found."""
        return Found(
            discovery=Discovery(
                views=tuple(self._views.values()),
                databases=frozenset(self._databases),
                named=frozenset(self._named),
                all_databases=self._seen_databases is not None,
                seen_databases=self._seen_databases or frozenset(),
            ),
            error=self._error,
            denied=self._denied,
            malformed=self._malformed,
        )

    def _take_in(self, views: Sequence[View]) -> None:
        for view in views:
            if self._matcher.matching(view.database, view.table):
                self._views[view.database, view.table] = view

    def _failed(self, error: GlueError) -> None:
        self._error = self._error or error
        self._denied = self._denied or error.reason is Reason.ACCESS_DENIED

    def _note_malformed(self, operation: str, lines: Sequence[str]) -> None:
        self._malformed += [f"{operation}: {line}" for line in lines]
        if lines and self._error is None:
            self._error = GlueError(Reason.UNEXPECTED, lines[0], operation=operation)
