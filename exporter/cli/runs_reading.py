"""Reads the runs that targets ask for: listings as narrow as their views allow, and single runs by ID."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from exporter.cli.found_runs import FoundRun
from exporter.errors import GlueError, Reason
from exporter.glue import ClientFactory
from exporter.model.patterns import ViewMatcher
from exporter.model.reading import CatalogReader
from exporter.model.run import Run, RunListing
from exporter.model.settings import Settings, Target
from exporter.poller.calls import GIVE_UP_AFTER, UNREACHABLE
from exporter.poller.discovery import FEW_NAMES
from exporter.poller.listing import OPERATION
from exporter.poller.scope import Scope
from exporter.store.requests import RequestStats

T = TypeVar("T")

MOST_LISTINGS = 20
"""Beyond so many databases and tables the whole catalog is listed: it is surely fewer pages."""
MOST_PAGES_WITHOUT_NEWS = 20
"""Empty pages are fair, and runs may be on two; but so many pages with nothing new lead nowhere."""
SHOWN = 5
"""Run IDs named in one line; the rest is counted."""


@dataclass(slots=True)
class Findings:
    """What reading all targets gave."""

    runs: list[FoundRun] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """One line for each thing that could not be read."""
    notes: list[str] = field(default_factory=list)
    """One line for each thing that is no failure, but worth to know."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell how far the reading is."""

    target: Callable[[str, int, int], None] = lambda _name, _number, _of: None
    """A target is begun: its name, which it is, from 1, and how many there are."""
    runs: Callable[[int], None] = lambda _number: None
    """So many more runs were read."""


def read_runs(settings: Settings, clients: ClientFactory, progress: Progress) -> Findings:
    """Read all targets, one after the other. A run that two of them want belongs to the first."""
    findings = Findings()
    seen: set[tuple[str, str, str]] = set()
    for number, target in enumerate(settings.targets, 1):
        progress.target(target.name, number, len(settings.targets))
        reader = clients.catalog(target, RequestStats(), threading.Event())
        reading = TargetReading(target, reader, progress.runs)
        reading.read()
        for one in reading.found():
            key = (one.aws_region, one.catalog_id, one.run.run_id.lower())
            if key not in seen:
                seen.add(key)
                findings.runs.append(one)
        for error, times in reading.errors.items():
            repeated = f" ({times} times)" if times > 1 else ""
            findings.errors.append(f"target {target.name}: {error}{repeated}")
        if reading.unknown:
            ids = ", ".join(reading.unknown[:SHOWN])
            more = f" and {len(reading.unknown) - SHOWN} more" if len(reading.unknown) > SHOWN else ""
            findings.notes.append(f"target {target.name}: Glue does not know {ids}{more}")
    return findings


def listings(matcher: ViewMatcher) -> tuple[Scope, ...]:
    """Return the listings, as narrow as the patterns allow, that hold the runs of all their views."""
    globs = matcher.glob_databases()
    if globs is None:
        return (Scope(),)
    literals = Counter(database for database, _ in matcher.literals)
    databases = dict.fromkeys((*globs, *(name for name, number in literals.items() if number > FEW_NAMES)))
    named = [name for name in matcher.literals if name[0] not in databases]
    if len(databases) + len(named) > MOST_LISTINGS:
        return (Scope(),)
    return (*(Scope(database) for database in databases), *(Scope(*name) for name in named))


class _TokenExpiredError(Exception):
    """Glue no longer takes the token that it gave: the rate limit made us wait for too long, say."""

    def __init__(self, error: GlueError) -> None:
        super().__init__(error)
        self.error = error


class TargetReading:
    """What one target's catalog tells, call by call; a failed call leaves out what it would have told."""

    def __init__(self, target: Target, reader: CatalogReader, on_runs: Callable[[int], None]) -> None:
        self.errors: Counter[str] = Counter()
        """Each one with how often it happened."""
        self.unknown: list[str] = []
        """Configured run IDs that Glue does not know."""
        self._target = target
        self._reader = reader
        self._on_runs = on_runs
        self._matcher = ViewMatcher(target)
        self._configured = {run_id.lower(): run_id for run_id in target.run_ids}
        self._runs: dict[str, Run] = {}
        self._failures_in_a_row = 0

    def read(self) -> None:
        """Ask for everything that the target wants, until Glue cannot be reached."""
        scopes = listings(self._matcher)
        for scope in scopes:
            self._read_listing(scope)
            if self._given_up():
                return
        if Scope() not in scopes:
            self._read_configured_in_bulk()
        for run_id in self._missing():
            if self._given_up():
                return
            self._read_one(run_id)

    def found(self) -> Iterator[FoundRun]:
        """Return the runs that were read and are wanted. Raises nothing once :meth:`read` found any."""
        for run in self._runs.values():
            yield FoundRun(
                target=self._target.name,
                aws_region=self._target.access.aws_region or "",
                catalog_id=self._reader.catalog_id(),
                run=run,
            )

    def _read_listing(self, scope: Scope) -> None:
        try:
            for page in self._pages(scope):
                for record in page.malformed:
                    self.errors[f"{OPERATION}: {record.message}"] += 1
                self._take_in(page, scope)
        except GlueError as error:
            self.errors[str(error)] += 1

    def _read_configured_in_bulk(self) -> None:
        """Look for configured runs in the catalog's listing, as long as a page saves more than one call."""
        missing = len(self._missing())
        if missing <= 1:
            return
        try:
            for page in self._pages(Scope()):
                self._take_in(page, Scope())
                before, missing = missing, len(self._missing())
                if missing <= 1 or before - missing <= 1:
                    return
        except GlueError:
            return  # a short cut only: what it did not find is asked for by ID

    def _read_one(self, run_id: str) -> None:
        try:
            run = self._ask(lambda: self._reader.get_run(run_id))
        except GlueError as error:
            if error.reason is Reason.NOT_FOUND:
                self.unknown.append(run_id)
            else:
                self.errors[str(error)] += 1
            return
        self._runs[run_id.lower()] = run
        self._on_runs(1)

    def _take_in(self, page: RunListing, scope: Scope) -> None:
        for listed in page.runs:
            # A record that does not name its view is of the one that was asked for.
            run = listed._replace(
                database=listed.database or scope.database, table=listed.table or scope.table
            )
            key = run.run_id.lower()
            if key in self._configured or self._matcher.matching(run.database or "", run.table or ""):
                self._runs[key] = run
        self._on_runs(len(page.runs))

    def _pages(self, scope: Scope) -> Iterator[RunListing]:
        """Read a listing page by page; once more from the beginning where its token has expired."""
        try:
            yield from self._pages_once(scope)
        except _TokenExpiredError as expired:
            try:
                yield from self._pages_once(scope)
            except _TokenExpiredError:
                raise expired.error from None

    def _pages_once(self, scope: Scope) -> Iterator[RunListing]:
        token: str | None = None
        seen: set[str] = set()
        without_news = 0
        while True:
            try:
                page = self._ask(
                    partial(
                        self._reader.list_runs, database=scope.database, table=scope.table, next_token=token
                    )
                )
            except GlueError as error:
                if token is not None and error.reason is Reason.INVALID_INPUT:
                    raise _TokenExpiredError(error) from error
                raise
            yield page
            token = page.next_token
            if token is None:
                return
            ids = {run.run_id for run in page.runs}
            without_news = 0 if ids - seen else without_news + 1
            seen |= ids
            if without_news >= MOST_PAGES_WITHOUT_NEWS:
                raise GlueError(Reason.UNEXPECTED, "the listing does not end", operation=OPERATION)

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except GlueError as error:
            unreachable = error.reason in UNREACHABLE
            self._failures_in_a_row = self._failures_in_a_row + 1 if unreachable else 0
            raise
        self._failures_in_a_row = 0
        return answer

    def _given_up(self) -> bool:
        return self._failures_in_a_row >= GIVE_UP_AFTER

    def _missing(self) -> list[str]:
        return [run_id for key, run_id in self._configured.items() if key not in self._runs]
