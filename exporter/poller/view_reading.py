"""How a target's views and their runs are read: what is due when, and by which listings."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import GlueError
from exporter.model.patterns import ViewMatcher
from exporter.model.reading import CatalogReader
from exporter.model.settings import Settings, ViewPattern
from exporter.poller.calls import UNREACHABLE, Calls
from exporter.poller.discovery import discover
from exporter.poller.listing import ListingTask, read_listing
from exporter.poller.listing_memory import ListingMemory
from exporter.poller.scope import PAGE, Census, Scope, cheapest
from exporter.store.listings import ListingSummary
from exporter.store.outcome import Discovery, ListingRead
from exporter.store.watch import Watch

MANY = 25
"""From so many run IDs on, a target without views tries whether a listing takes fewer calls."""
RUNS_WORTH_A_PAGE = 10
"""Of so many unsettled run IDs, a page of a listing has to hold one, else they are asked for one by one."""
WHOLE_CATALOG = Scope()


class ReadingSoFar(Protocol):
    """Where what is read is noted."""

    discovery: Discovery | None
    tables_denied: bool
    listed: set[str]
    kept_ids: Mapping[str, str]
    malformed: list[str]
    """A line for each record that could not be read."""

    def take_in_part(self, listing: ListingRead) -> None:
        """Take in a part of a listing that is read further."""

    def take_in_listing(self, listing: ListingRead, malformed: list[str]) -> None:
        """Note what a listing told."""

    def failed(self, error: GlueError) -> None:
        """Note why something could not be read."""

    def ran_out_of_time(self) -> None:
        """Note that there is more to read, which the next poll goes on with."""


class ViewReading:
    """What one target's polls remember about finding views and listing runs."""

    def __init__(
        self, reader: CatalogReader, clock: Clock, recall: Callable[[Scope], ListingSummary | None]
    ) -> None:
        """``recall``: what an earlier process has learnt of a listing, for the views of now."""
        self._reader = reader
        self._recall = recall
        self._clock = clock
        self._patterns: tuple[tuple[ViewPattern, ...], tuple[ViewPattern, ...]] | None = None
        self._views: frozenset[tuple[str, str]] = frozenset()
        self._memory: dict[Scope, ListingMemory] = {}
        self._begun = False
        self._census: Census | None = None
        self._next_discovery = -math.inf
        self._next_resync = -math.inf
        self._next_bulk = -math.inf
        self._denials = 0
        self._denied: GlueError | None = None
        """Why tables could not be read when that was last tried."""

    def read(self, calls: Calls, watch: Watch, settings: Settings, reading: ReadingSoFar) -> None:
        """Look for views if that is due, and read the listings of their runs."""
        now = self._clock.monotonic()
        slack = settings.poll_interval / 2
        patterns = (watch.target.views, watch.target.exclude_views)
        if patterns != self._patterns:
            self._next_discovery = self._next_resync = -math.inf
        self._patterns = patterns
        views = set(watch.views)
        if now + slack >= self._next_discovery:
            self._discover(calls, watch, settings, reading)
        elif self._denied:
            reading.failed(self._denied)
        reading.tables_denied = self._denied is not None
        if reading.discovery:
            views |= {(view.database, view.table) for view in reading.discovery.views}
        self._plan(watch, settings, frozenset(views))
        self._read_listings(calls, watch, reading)

    def _plan(self, watch: Watch, settings: Settings, views: frozenset[tuple[str, str]]) -> None:
        """Decide on the listings that serve these views, and which of them to read to their end."""
        now = self._clock.monotonic()
        polls = max(1, round(settings.resync_interval / settings.poll_interval))
        scopes = self._where_runs_tell(watch, views) or cheapest(views, self._census, polls)
        if not self._begun:
            self._begun = True
            self._memory = self._recalled(scopes)
            if self._memory:
                # What is new since then comes first; the next poll reads all.
                self._views = watch.views
                self._next_resync = now + settings.poll_interval
        self._memory = {scope: self._memory.get(scope, ListingMemory()) for scope in scopes}
        memories = self._memory.values()
        new_views = views - self._views or (watch.without_baseline and not any(one.due for one in memories))
        if new_views or now + settings.poll_interval / 2 >= self._next_resync:
            self._next_resync = now + settings.resync_interval
            for memory in memories:
                memory.due = True
                if new_views:
                    memory.unfinished = None  # their runs may be on pages that were read before
        self._views = views

    def _recalled(self, scopes: Iterable[Scope]) -> dict[Scope, ListingMemory]:
        """Return what an earlier process has learnt of these listings."""
        summaries = {scope: self._recall(scope) for scope in scopes}
        return {scope: ListingMemory.recalled(summary) for scope, summary in summaries.items() if summary}

    def read_many(self, calls: Calls, watch: Watch, settings: Settings, reading: ReadingSoFar) -> None:
        """Read many unsettled run IDs by a listing, where that takes fewer calls than asking for each.

        Nothing depends on it: what it does not tell, or all where it may not be read, is asked for by ID.
        """
        now = self._clock.monotonic()
        if len(watch.due) < MANY or now < self._next_bulk:
            return
        memory = self._memory.setdefault(WHOLE_CATALOG, ListingMemory())
        wanted = dict.fromkeys(watch.due)
        worth = len(wanted) // RUNS_WORTH_A_PAGE
        try:
            task = ListingTask(
                scope=WHOLE_CATALOG,
                memory=memory,
                unsettled=wanted,
                kept_ids=reading.kept_ids,
                most_pages=worth,
            )
            listing, malformed = read_listing(calls, self._reader, task, reading.take_in_part)
        except GlueError as error:
            if error.reason in UNREACHABLE:
                reading.failed(error)
            self._next_bulk = now + settings.resync_interval
            return
        reading.take_in_listing(listing, malformed)
        if len(reading.listed & wanted.keys()) < max(1, len(reading.listed) / PAGE):
            self._next_bulk = now + settings.resync_interval

    def _discover(self, calls: Calls, watch: Watch, settings: Settings, reading: ReadingSoFar) -> None:
        now = self._clock.monotonic()
        found = discover(calls, self._reader, ViewMatcher(watch.target))
        reading.discovery = found.discovery
        self._denied = found.error if found.denied else None
        if found.error:
            reading.failed(found.error)
        reading.malformed += found.malformed
        if found.denied:
            # It may be for ever: ask at growing intervals, like for a run that Glue does not know.
            wait = settings.poll_interval * 2.0 ** min(self._denials, 32)
            self._next_discovery = now + min(settings.resync_interval, wait)
            self._denials += 1
        else:
            self._denials = 0
            self._next_discovery = now if found.error else now + settings.resync_interval

    def _where_runs_tell(self, watch: Watch, views: frozenset[tuple[str, str]]) -> tuple[Scope, ...]:
        """Return the listing that finds the views of globs by their runs, where tables may not be read.

        The views that are known already do not say where others will show up.
        """
        searched = ViewMatcher(watch.target).glob_databases() if self._denied else ()
        if searched is None:
            return (WHOLE_CATALOG,)
        if not searched:
            return ()
        databases = {*searched, *(database for database, _ in views)}
        return (Scope(databases.pop()) if len(databases) == 1 else WHOLE_CATALOG,)

    def _read_listings(self, calls: Calls, watch: Watch, reading: ReadingSoFar) -> None:
        for scope, memory in self._memory.items():
            unsettled = {
                run.run_id: run.creation_time
                for run in watch.unsettled
                if scope.holds(run.database, run.table)
            }
            task = ListingTask(scope=scope, memory=memory, unsettled=unsettled)
            try:
                if memory.unfinished is None:
                    self._read_listing(calls, replace(task, to_the_end=memory.due), reading)
                    continue
                if memory.newest_first:  # what is new meanwhile is on the first pages
                    self._read_listing(calls, task, reading)
                self._read_listing(calls, replace(task, go_on=True), reading)
            except GlueError as error:
                reading.failed(error)

    def _read_listing(self, calls: Calls, task: ListingTask, reading: ReadingSoFar) -> None:
        listing, malformed = read_listing(calls, self._reader, task, reading.take_in_part)
        reading.take_in_listing(listing, malformed)
        if not task.memory.complete_once:
            reading.ran_out_of_time()
        if task.scope == WHOLE_CATALOG and listing.complete:
            self._census = Census(task.memory.names, newest_first=task.memory.newest_first)
