"""A target's resync: looks for its views, then reads the listings of their runs to the last page.

It is a job of its own beside the polls, and may take minutes in a large account; what it finds is applied as
it comes. It is made of parts. When its time is over, or Glue cannot be reached, the next run goes on with the
parts that are left. Parts that failed are asked for again by themselves: with the next poll where Glue could
not be reached, else at growing intervals.
"""

import math
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import structlog

from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.patterns import ViewMatcher
from exporter.model.reader import CatalogReader
from exporter.model.view import View
from exporter.poller.discovery import (
    DATABASES,
    RUNS,
    SOURCES,
    Answer,
    Found,
    Part,
    SourceReader,
    first_parts,
    read_part,
    table_parts,
)
from exporter.poller.listing import Listings, Polling
from exporter.poller.workers import TICK, UNREACHABLE, Calls, GlueUnreachableError, WorkerPool, internal_error
from exporter.store.results import ResyncEnded, Scope, SourcesRead, TablesRead
from exporter.store.targets import Watch

SHORTEST_BUDGET = 600.0
"""Seconds that a resync may take even where ``resync_interval`` is shorter."""

log = structlog.get_logger()


class Failure(NamedTuple):
    """Why a part could not be read when it was last asked for."""

    error: GlueError
    wait: float
    """Seconds until it is asked for again."""
    retry_at: float
    """When that is, in monotonic seconds."""


class Resync:
    """Of one target. Runs in a thread of its own when a poll finds it due."""

    def __init__(self, polling: Polling) -> None:
        self._polling = polling
        self._store, self._clock, self._stop = polling.store, polling.clock, polling.stop
        self._target = polling.target
        self._matcher = ViewMatcher(self._target)
        self._pool = WorkerPool(f"{self._target.name} resync", polling.clock)
        self._sources = SourceReader(self._target.access.aws_region)
        self.listings = Listings(polling, self._matcher, self._tables_denied)
        self._left: dict[Part, None] = {}
        """What is still to be read, in this order."""
        self._asked: set[Part] = set()
        """What has been asked for since everything began to be read anew."""
        self._failures: dict[Part, Failure] = {}
        self._listed: dict[Scope, float] = {}
        """When each listing was last begun that was read to its end, in monotonic seconds."""
        self._next_whole = -math.inf
        self._thread: threading.Thread | None = None
        self.heartbeat = math.inf
        """Monotonic seconds of the last heartbeat; infinite while it does not run."""

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._thread is not None and self._thread.is_alive()

    def begin_if_due(self, watch: Watch, least_budget: float) -> None:
        """Start it if something is due: all, what is left of the last run, or what failed.

        It may take ``least_budget`` seconds, and more if the resync interval is longer.
        """
        if self.running or self._stop.is_set():
            return
        now, settings = self._clock.monotonic(), self._store.settings
        soon = now + settings.poll_interval / 2
        parts = [part for part, failure in self._failures.items() if soon >= failure.retry_at]
        if not self._left and soon >= self._next_whole:
            self._next_whole = now + settings.resync_interval
            self._asked = set()
            parts = [*(first_parts(self._matcher) if self._polling.tables else ()), RUNS]
            parts += [SOURCES] if self._polling.tables and self._target.source_tables else []
        elif RUNS not in self._failures and (
            watch.unlisted
            or any(self.listings.order(one).needs_resync for one in self.listings.scopes(watch.views))
        ):
            parts.append(RUNS)
        self._plan(parts)
        if not self._left:
            return
        deadline = now + max(settings.resync_interval, SHORTEST_BUDGET, least_budget)
        self._thread = threading.Thread(target=self._run, args=(deadline,), name=self._pool.name, daemon=True)
        self._thread.start()

    def wait(self, until: float, heartbeat: Callable[[], None]) -> None:
        """Return when it has ended, or at this time (monotonic seconds), or once it is to stop."""
        while self.running and not self._stop.is_set() and self._clock.monotonic() < until:
            heartbeat()
            if self._thread:
                self._thread.join(TICK)

    def listed_since(self, scope: Scope, time: float) -> bool:
        """Return whether all of a listing was read after this time, in monotonic seconds."""
        return self._listed.get(scope, -math.inf) >= time

    def _tables_denied(self) -> frozenset[str]:
        """Return the databases whose tables may not be read; with an empty name in it: all databases."""
        if not self._polling.tables:
            return frozenset([""])
        return frozenset(one.database for one in [*self._failures] if one.finds_views and self._denied(one))

    def _denied(self, part: Part) -> bool:
        failure = self._failures.get(part)
        return failure is not None and failure.error.reason is Reason.ACCESS_DENIED

    def _plan(self, parts: Iterable[Part]) -> None:
        self._left.update(dict.fromkeys(parts))

    def _beat(self) -> None:
        self.heartbeat = self._clock.monotonic()

    def _run(self, deadline: float) -> None:
        self._beat()
        begun = self._clock.monotonic()
        gave_up: GlueError | None = None
        try:
            calls = Calls(self._pool, deadline=deadline, stop=self._stop, heartbeat=self._beat)
            self._read(self._polling.reader.until(deadline, first=False), calls)
        except PollInterrupted:
            pass
        except GlueUnreachableError as end:
            gave_up = end.failure
        except Exception as unexpected:
            log.exception("unexpected error in a resync", target=self._target.name)
            gave_up = internal_error(unexpected)
        if not self._left:  # what is not asked for any more (a database that is gone) cannot fail
            self._failures = {part: one for part, one in self._failures.items() if part in self._asked}
        # Sources that cannot be read do not keep the target from being up.
        failures = (one.error for part, one in self._failures.items() if part.operation != SOURCES.operation)
        ended = ResyncEnded(
            target=self._target.name,
            complete=not self._left,
            scopes=tuple(scope for scope, at in self._listed.items() if at >= begun),
            error=gave_up or next(failures, None),
            progress=self._progress(),
        )
        try:
            self._polling.apply(ended)
        except Exception:
            log.exception("unexpected error after a resync", target=self._target.name)
            # What was read is applied; that it is all, the end of another run has to say.
            self._plan([RUNS])
        finally:
            self.heartbeat = math.inf

    def _read(self, reader: CatalogReader, calls: Calls) -> None:
        """Read what is left."""
        while parts := [part for part in self._left if part.finds_views]:  # databases lead to more of them
            for part, result in calls.each(parts, partial(read_part, reader)):
                self._take_tables(part, result)
        if RUNS in self._left and (watch := self._store.watch(self._target.name)):
            self._read_runs(reader, calls, watch)
        self._read_sources(reader, calls)

    def _take_tables(self, part: Part, result: Found | GlueError) -> None:
        """Apply what a part holds, and plan what it leads to."""
        error = result if isinstance(result, GlueError) else None
        if isinstance(result, Found):
            views = (table for table in result.tables if isinstance(table, View))
            whole = not result.malformed
            tables_read = TablesRead(
                target=self._target.name,
                views=tuple(one for one in views if self._matcher.matching(one.database, one.table)),
                databases=frozenset([part.database] if part.operation == "GetTables" and whole else ()),
                named=frozenset([(part.database, part.table)] if part.table else ()),
                all_databases=frozenset(result.databases) if part == DATABASES and whole else None,
                malformed=tuple(f"{part.operation}: {line}" for line in result.malformed),
                progress=self._progress(),
            )
            self._polling.apply(tables_read)
            if part.operation == "GetTables" and self._target.source_tables:
                self._sources.note_listed(part.database, result.tables)
            if result.malformed:
                error = GlueError(Reason.UNEXPECTED, result.malformed[0], operation=part.operation)
        # Only now: where the store could not apply it, it is read again.
        self._done(part, error)
        if part == DATABASES:
            found = result.databases if isinstance(result, Found) else None
            self._plan(one for one in table_parts(self._matcher, found) if one not in self._asked)

    def _read_runs(self, reader: CatalogReader, calls: Calls, watch: Watch) -> None:
        failure: GlueError | None = None
        for scope in self.listings.scopes(watch.views):
            begun = self._clock.monotonic()
            try:
                read = self.listings.read(reader, calls, scope)
            except GlueError as error:
                failure = failure or error
            else:
                failure = failure or read.error
                self._listed[scope] = begun
        self._done(RUNS, failure)

    def _read_sources(self, reader: CatalogReader, calls: Calls) -> None:
        """Read when the views' source tables were changed. All of it is applied at once."""
        answers: dict[str, Answer] = {}
        read: dict[Part, GlueError | None] = {}
        if whole := SOURCES in self._left:
            read[SOURCES] = None
            # Where all is denied, nothing is known of the target: the last good values stay.
            if not all(self._denied(part) for part in self._asked if part.finds_views or part == RUNS):
                sources = self._store.source_tables(self._target.name)
                answers, parts = self._sources.plan(sources, reader.catalog_id())
                self._plan(parts)
        parts = [part for part in self._left if part.operation == SOURCES.operation and part != SOURCES]
        try:
            for part, result in calls.each(parts, partial(self._sources.read, reader)):
                read[part] = result if isinstance(result, GlueError) else None
                if not isinstance(result, GlueError):
                    answers |= result
                elif whole and part in self._failures:  # for two resyncs; else the last good values stay
                    answers |= dict.fromkeys(self._sources.arns(part), result.reason.value)
        finally:
            if answers:
                self._polling.apply(SourcesRead(target=self._target.name, tables=answers))
            for part, error in read.items():
                self._done(part, error)

    def _done(self, part: Part, error: GlueError | None) -> None:
        """Note that a part has been read, or why it could not be and when to ask for it again."""
        self._left.pop(part, None)
        self._asked.add(part)
        if error is None:
            self._failures.pop(part, None)
            return
        settings = self._store.settings
        # With the next poll if Glue could not be reached: once it can be, nothing must stay unread. What else
        # is wrong may last, and so is asked for at growing intervals, like a run that Glue does not know.
        wait = settings.poll_interval
        if error.reason not in UNREACHABLE and (before := self._failures.get(part)):
            wait = min(2 * before.wait, settings.resync_interval)
        self._failures[part] = Failure(error.with_traceback(None), wait, self._clock.monotonic() + wait)

    def _progress(self) -> str:
        read, left = len(self._asked), len(self._left)
        return f"{read} of {read + left} parts read" if left else ""
