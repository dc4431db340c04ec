"""A target's resync: looks for its views, then reads the listings of their runs to the last page.

It is a job of its own beside the polls, and may take minutes in a large account; what it finds is applied as
it comes. It is made of parts. When its time is over, or Glue cannot be reached, the next run goes on with the
parts that are left. Parts that failed are asked for again by themselves: with the next poll where Glue could
not be reached, else at growing intervals.
"""

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import structlog

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.patterns import Name, ViewMatcher
from exporter.model.reader import CatalogReader
from exporter.model.settings import Settings, Target
from exporter.model.view import TableListing, View
from exporter.poller.listing import ListingReader, Order, Orders, pages, scopes_for
from exporter.poller.sources import Answer, SourceDatabase, SourceReader
from exporter.poller.workers import (
    TICK,
    UNREACHABLE,
    Calls,
    GlueUnreachableError,
    WorkerPool,
    internal_error,
)
from exporter.store.results import Result, ResyncEnded, RunsListed, Scope, SourcesRead, TablesRead
from exporter.store.store import Store
from exporter.store.targets import Watch

FEW_NAMES = 3
"""So many views of a database are asked for by name; where more are named, its tables are listed."""
SHORTEST_BUDGET = 600.0
"""Seconds that a resync may take even where ``resync_interval`` is shorter."""
LONGEST_IN_A_POLL = 15.0
"""Seconds that a listing may take which every poll reads to its end."""
CALLS_AT_ONCE = 8

log = structlog.get_logger()


class Part(NamedTuple):
    """What is asked for at once: an operation, and the database and table that it is about."""

    operation: str
    database: str = ""
    table: str = ""
    catalog_id: str | None = None
    """Of a database with source tables; None: the target's own."""

    @property
    def finds_views(self) -> bool:
        """Whether it is about the target's databases and tables."""
        return self.operation in {"GetDatabases", "GetTables", "GetTable"}


DATABASES = Part("GetDatabases")
SOURCES = Part("SourceTables")
"""Finds the databases of the views' source tables, which become parts of this operation."""
RUNS = Part("ListMaterializedViewRefreshTaskRuns")


def named_parts(names: Iterable[Name]) -> list[Part]:
    """Return what finds these views: one by one, or with all tables of a database that holds many of them."""
    names = list(names)
    by_database = Counter(database for database, _ in names)
    parts = [Part("GetTables", database) for database, number in by_database.items() if number > FEW_NAMES]
    return parts + [Part("GetTable", *name) for name in names if by_database[name[0]] <= FEW_NAMES]


def whole_plan(matcher: ViewMatcher) -> list[Part]:
    """Return all that a target's patterns ask for; the databases of ``*.*`` come once they are listed."""
    rest = [RUNS, SOURCES] if matcher.target.source_tables else [RUNS]
    if matcher.glob_databases() is not None:
        return [*named_plan(matcher, matcher.literals), *rest]
    literals = [name for name in matcher.literals if not matcher.database_matches(name[0])]
    return [DATABASES, *named_parts(literals), *rest]


def named_plan(matcher: ViewMatcher, literals: Iterable[Name]) -> list[Part]:
    """Return what finds these views, and all that is in the databases that patterns name."""
    databases = matcher.named_databases()
    literals = [name for name in literals if name[0] not in databases]
    return [*(Part("GetTables", database) for database in databases), *named_parts(literals)]


class Resync:
    """Of one target. Runs in a thread of its own when a poll finds it due."""

    def __init__(
        self,
        target: Target,
        reader: CatalogReader,
        store: Store,
        clock: Clock,
        stop: threading.Event,
        *,
        tables: bool,
    ) -> None:
        """``tables``: read the catalog's tables; False: views are known by their runs."""
        self._target = target
        self._matcher = ViewMatcher(target)
        self._tables = tables
        self._reader = reader
        self._store = store
        self._clock = clock
        self._stop = stop
        self._pool = WorkerPool(f"{target.name} resync", size=CALLS_AT_ONCE, clock=clock)
        self._sources = SourceReader(target.access.aws_region)
        self.orders: Orders = {}
        self._left: dict[Part, None] = {}
        """What is still to be read, in this order."""
        self._asked: dict[Part, GlueError | None] = {}
        """What has been asked for since everything began to be read anew, and why it could not be read."""
        self._asked_before: dict[Part, GlueError | None] = {}
        """The same of the time before, until everything has been asked for again."""
        self._listed: dict[Scope, float] = {}
        """When each listing was last read to its end, in monotonic seconds."""
        self._next_whole = -math.inf
        self._go_on_at = -math.inf
        """When to go on with what is left, in monotonic seconds."""
        self._failures: list[GlueError] = []
        """Of the parts that the last run asked for."""
        self._retry_at = -math.inf
        """When to ask again for what failed."""
        self._retries = 0
        self._thread: threading.Thread | None = None
        self.heartbeat = math.inf
        """Monotonic seconds of the last heartbeat; infinite while it does not run."""

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def settled(self) -> bool:
        """Whether it has ended, and goes on at once with nothing."""
        return not self.running and (not self._left or self._go_on_at > self._clock.monotonic())

    @property
    def tables_denied(self) -> bool:
        """Whether some tables may not be read, so that views there are known by their runs alone."""
        return not self._tables or any(
            error.reason is Reason.ACCESS_DENIED for part, error in self._errors().items() if part.finds_views
        )

    def _errors(self) -> dict[Part, GlueError]:
        """Return why each part could not be read when it was last asked for."""
        return {part: error for part, error in (self._asked_before | self._asked).items() if error}

    def begin_if_due(self, watch: Watch, settings: Settings) -> None:
        """Start it if something is due: all, what is left of the last run, or what failed in it."""
        now = self._clock.monotonic()
        if self.running or self._stop.is_set():
            return
        soon = now + settings.poll_interval / 2
        failed = self._errors()
        if self._left:
            if soon < self._go_on_at:
                return
            # Glue may be reachable again: then nothing stays unread for another poll.
            parts = [part for part, error in failed.items() if error.reason in UNREACHABLE]
        elif soon >= self._next_whole:
            self._next_whole = now + settings.resync_interval
            self._asked_before, self._asked = self._asked_before | self._asked, {}
            parts = whole_plan(self._matcher) if self._tables else [RUNS]
        elif failed and soon >= self._retry_at:
            parts = list(failed)
        elif RUNS not in failed and (watch.without_baseline or any(map(self.too_long, self.scopes(watch)))):
            parts = [RUNS]  # a listing that no poll reads shows what is new once it is read whole again
        else:
            return
        self._plan(parts)
        deadline = now + max(settings.resync_interval, SHORTEST_BUDGET)
        self._thread = threading.Thread(
            target=self._run, args=(settings, deadline), name=self._pool.name, daemon=True
        )
        self._thread.start()

    def wait(self, until: float, heartbeat: Callable[[], None]) -> None:
        """Return when it has ended, or at this time (monotonic seconds), or once it is to stop."""
        while self.running and not self._stop.is_set() and self._clock.monotonic() < until:
            heartbeat()
            if self._thread:
                self._thread.join(TICK)

    def too_long(self, scope: Scope) -> bool:
        """Return whether a listing takes too long for a poll, which would have to read all of its pages.

        Before it was ever read to its end, it may: a poll would take the resync's turns, again and again.
        """
        order = self.orders.get(scope, Order())
        return not order.newest_first and (not order.complete or order.seconds > LONGEST_IN_A_POLL)

    def listed_since(self, scope: Scope, time: float) -> bool:
        """Return whether a listing was read to its end after this time, in monotonic seconds."""
        return self._listed.get(scope, -math.inf) >= time

    def scopes(self, watch: Watch) -> tuple[Scope, ...]:
        """Return the listings that hold the runs of the target's views."""
        searched = self._matcher.glob_databases() if self.tables_denied else ()
        if searched is None:
            return (Scope(),)
        if searched:  # the known views do not say where others will show up
            databases = {*searched, *(database for database, _ in watch.views)}
            return (Scope(databases.pop()) if len(databases) == 1 else Scope(),)
        return scopes_for(watch.views, self.orders)

    def listing_reader(
        self, reader: CatalogReader, calls: Calls, hand_in: Callable[[RunsListed], None]
    ) -> ListingReader:
        """Return what reads listings of runs for a poll or a resync."""
        return ListingReader(reader, calls, self._clock, self.orders, hand_in, self.tables_denied)

    def _plan(self, parts: Iterable[Part]) -> None:
        self._left.update(dict.fromkeys(parts))

    def _beat(self) -> None:
        self.heartbeat = self._clock.monotonic()

    def _run(self, settings: Settings, deadline: float) -> None:
        self._beat()
        begun = self._clock.monotonic()
        gave_up: GlueError | None = None
        self._failures = []
        try:
            calls = Calls(self._pool, deadline=deadline, stop=self._stop, heartbeat=self._beat)
            self._read(calls, self._reader.until(deadline, first=False))
        except PollInterrupted:
            pass
        except GlueUnreachableError as end:
            gave_up = end.failure
        except Exception as unexpected:
            log.exception("unexpected error in a resync", target=self._target.name)
            gave_up = internal_error(unexpected)
        if not self._left:
            self._asked_before = {}  # what is not asked for any more (a database that is gone) cannot fail
        self._plan_retry(gave_up, settings)
        # Sources that cannot be read do not keep the target from being up.
        errors = [error for part, error in self._errors().items() if part.operation != SOURCES.operation]
        ended = ResyncEnded(
            target=self._target.name,
            complete=not self._left,
            scopes=tuple(scope for scope, at in self._listed.items() if at >= begun),
            error=gave_up or next(iter(errors), None),
            progress=self._progress(),
        )
        try:
            self._apply(ended)
        except Exception:
            log.exception("unexpected error after a resync", target=self._target.name)
            # What was read is applied; that it is all, the end of another run has to say.
            self._plan([RUNS])
            self._go_on_at = self._clock.monotonic() + settings.poll_interval
        finally:
            self.heartbeat = math.inf

    def _plan_retry(self, gave_up: GlueError | None, settings: Settings) -> None:
        """Decide when to go on with what is left, and when to ask again for what failed."""
        now = self._clock.monotonic()
        self._go_on_at = now + settings.poll_interval if gave_up else -math.inf
        if any(error.reason in UNREACHABLE for error in self._failures):
            # With the next poll: once Glue can be reached again, nothing must stay unread.
            self._retry_at = now + settings.poll_interval
        elif self._failures:
            # It may last: ask at growing intervals, like for a run that Glue does not know.
            wait = settings.poll_interval * 2.0 ** min(self._retries, 32)
            self._retry_at = now + min(settings.resync_interval, wait)
            self._retries += 1
        elif not self._errors():
            self._retries = 0

    def _read(self, calls: Calls, reader: CatalogReader) -> None:
        """Read what is left."""
        if DATABASES in self._left:
            self._read_databases(calls, reader)
        tables = [part for part in self._left if part.finds_views]
        for part, result in calls.each(tables, lambda part: self._ask(reader, part)):
            if isinstance(result, GlueError):
                self._done(part, result)
                continue
            self._apply(replace(result, progress=self._progress()))
            # Only now: where the store could not apply it, it is read again.
            self._done(part, _malformed(part.operation, result.malformed))
        watch = self._store.watch(self._target.name)
        if watch and (RUNS in self._left or watch.without_baseline):
            self._read_runs(calls, reader, watch)
        self._left.pop(RUNS, None)
        self._read_sources(calls, reader)

    def _read_databases(self, calls: Calls, reader: CatalogReader) -> None:
        """List the databases, and plan to read their tables."""
        names: list[str] = []
        malformed: list[str] = []
        # Literal names that are not asked for by name, for their databases are listed.
        listed = [name for name in self._matcher.literals if self._matcher.database_matches(name[0])]
        try:
            for page in pages(
                lambda token: calls.one(lambda: reader.get_databases(next_token=token)), "GetDatabases"
            ):
                names += page.names
                malformed += (f"GetDatabases: {record.message}" for record in page.malformed)
        except GlueError as error:
            self._done(DATABASES, error)
            self._plan(named_plan(self._matcher, listed))
            return
        self._apply(
            TablesRead(
                target=self._target.name,
                all_databases=None if malformed else frozenset(names),
                named=frozenset(one for one in listed if one[0] not in names and not malformed),
                malformed=tuple(malformed),
            )
        )
        self._done(DATABASES, _malformed("GetDatabases", malformed))
        self._plan(Part("GetTables", name) for name in names if self._matcher.database_matches(name))

    def _ask(self, reader: CatalogReader, part: Part) -> TablesRead:
        """Read the tables of one database, or one table. Raises GlueError: part of a listing is not one."""
        named = part.operation == "GetTable"
        views: list[View] = []
        malformed: list[str] = []
        listing: list[TableListing] = []
        try:
            if named:
                table = reader.get_table(part.database, part.table)
                views = [table] if isinstance(table, View) else []
            else:
                for page in pages(
                    lambda token: reader.get_tables(part.database, next_token=token), part.operation
                ):
                    views += page.views
                    listing.append(page)
                    malformed += (
                        f"GetTables: table {part.database}.{record.name}: {record.message}"
                        if record.name
                        else f"GetTables: {record.message}"
                        for record in page.malformed
                    )
        except GlueError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            views, malformed, listing = [], [], []
        if not named and self._target.source_tables:
            self._sources.note_listed(part.database, listing)
        return TablesRead(
            target=self._target.name,
            views=tuple(view for view in views if self._matcher.matching(view.database, view.table)),
            databases=frozenset() if named or malformed else frozenset({part.database}),
            named=frozenset({(part.database, part.table)}) if named else frozenset(),
            malformed=tuple(malformed),
        )

    def _read_runs(self, calls: Calls, reader: CatalogReader, watch: Watch) -> None:
        failure: GlueError | None = None
        for scope in self.scopes(watch):
            listing = self._store.open_listing(self._target.name, scope)
            if listing is None:
                return
            try:
                read = self.listing_reader(reader, calls, self._apply).read_all(listing)
            except GlueError as error:
                failure = failure or error
            else:
                failure = failure or read.error
                self._listed[scope] = self._clock.monotonic()
        self._done(RUNS, failure)

    def _read_sources(self, calls: Calls, reader: CatalogReader) -> None:
        """Read when the views' source tables were changed. All of it is applied at once."""
        answers: dict[str, Answer] = {}
        read: dict[Part, GlueError | None] = {}
        if SOURCES in self._left:
            answers = self._plan_sources(reader.catalog_id())
            read[SOURCES] = None
        parts = [part for part in self._left if part.operation == SOURCES.operation and part != SOURCES]
        try:
            for part, result in calls.each(parts, lambda part: self._sources.read(reader, _database(part))):
                if not isinstance(result, GlueError):
                    answers |= result
                    read[part] = None
                    continue
                if part in self._errors():  # the last good values stay until it has failed twice in a row
                    answers |= dict.fromkeys(self._sources.arns(_database(part)), result.reason.value)
                read[part] = result
        finally:
            if answers:
                self._apply(SourcesRead(target=self._target.name, tables=answers))
            for part, error in read.items():
                self._done(part, error)

    def _plan_sources(self, catalog_id: str) -> dict[str, Answer]:
        """Plan to read the source tables; return what is known of them without a call."""
        sources = self._store.source_tables(self._target.name)
        looked = [self._asked[part] for part in self._asked if part.finds_views]
        if all(error and error.reason is Reason.ACCESS_DENIED for error in looked):
            # Where its runs are denied as well, nothing is known of the target: the last good values stay.
            return {} if self._asked.get(RUNS) else dict.fromkeys(sources, Reason.ACCESS_DENIED.value)
        answers, databases = self._sources.plan(sources, catalog_id)
        self._plan(Part(SOURCES.operation, one.name, catalog_id=one.catalog_id) for one in databases)
        return answers

    def _done(self, part: Part, error: GlueError | None) -> None:
        """Note that a part has been read, or why it could not be."""
        if error is not None:
            self._failures.append(error.with_traceback(None))
        self._left.pop(part, None)
        self._asked[part] = error

    def _progress(self) -> str:
        read, left = len(self._asked), len(self._left)
        return f"{read} of {read + left} parts read" if left else ""

    def _apply(self, result: Result) -> None:
        self._store.apply(result, self._stop)


def _database(part: Part) -> SourceDatabase:
    return SourceDatabase(part.catalog_id, part.database)


def _malformed(operation: str, lines: "list[str] | tuple[str, ...]") -> GlueError | None:
    message = lines[0].removeprefix(f"{operation}: ") if lines else ""
    return GlueError(Reason.UNEXPECTED, message, operation=operation) if lines else None
