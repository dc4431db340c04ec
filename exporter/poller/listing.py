"""Reads listings of runs: the ones that a target's views need, whole or as far as something may be new."""

import math
import threading
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.patterns import Name, ViewMatcher
from exporter.model.reader import CatalogReader
from exporter.model.run import Page, Run, run_key
from exporter.model.settings import Target
from exporter.poller.discovery import RUNS, pages
from exporter.poller.workers import Calls
from exporter.store.results import Listing, Result, RunsListed, Scope
from exporter.store.store import Store

OVERLAP = 300.0
"""Seconds of what is already known that an early end must have read again: a run may show up late."""
MOST_PAGES_WITHOUT_NEWS = 100
"""The most pages in a row that may be empty or hold what the page before held; else it has no end."""
LONGEST_IN_A_POLL = 15.0
"""Seconds that a listing may take which every poll reads to its end."""


@dataclass(frozen=True, slots=True)
class Polling:
    """What the polls and the resync of one target have in common."""

    target: Target
    reader: CatalogReader
    store: Store
    clock: Clock
    stop: threading.Event
    """Once it is set, nothing is read or applied any more."""
    tables: bool = True
    """Whether the catalog's tables are read; False: views are known by their runs."""

    def apply(self, result: Result) -> None:
        """Have the store apply what was read."""
        self.store.apply(result, self.stop)


@dataclass(frozen=True, slots=True)
class Order:
    """What earlier reads of a listing showed."""

    complete: bool = False
    """Whether it was ever read to its end."""
    newest_first: bool = True
    """Whether all that was read since then, and by that read, came newest first."""
    newest: float | None = None
    """The newest creation time that nothing unread is above."""
    pages: int = 0
    """Of the last complete read, or of one that had more before it ended."""
    seconds: float = 0.0
    """That these took."""

    @property
    def too_long(self) -> bool:
        """Whether it takes too long for a poll, which would have to read all of its pages.

        Before it was ever read to its end, it may: a poll would take the resync's turns, again and again.
        """
        return not self.newest_first and (not self.complete or self.seconds > LONGEST_IN_A_POLL)

    @property
    def needs_resync(self) -> bool:
        """Whether polls alone do not show all that is new."""
        return not self.complete or self.too_long


def scopes_for(views: AbstractSet[Name], orders: Mapping[Scope, Order]) -> tuple[Scope, ...]:
    """Return the listings to read for these views: one, the narrowest that holds the runs of all of them.

    Where that one does not come newest first, every poll reads all its pages. Then several narrower
    listings take its place if they take fewer calls.
    """
    if not views:
        return ()
    databases = {database for database, _ in views}
    if len(views) == 1:
        return (Scope(*next(iter(views))),)
    widest = _widest(databases)
    order = orders.get(widest, Order())
    if order.complete and not order.newest_first:
        if order.pages > len(views):
            return tuple(Scope(*name) for name in sorted(views))
        if order.pages > len(databases) > 1:
            return tuple(Scope(database) for database in sorted(databases))
    return (widest,)


def _widest(databases: AbstractSet[str]) -> Scope:
    """Return the narrowest single listing that holds the runs of all of these databases."""
    return Scope(next(iter(databases))) if len(databases) == 1 else Scope()


@dataclass(slots=True)
class ReadListing:
    """What one read of a listing has shown so far."""

    listing: Listing
    wanted: AbstractSet[str]
    """Keys of runs to look for."""
    found: set[str] = field(default_factory=set)
    """Those of them that were on its pages."""
    complete: bool = False
    newest_first: bool = True
    newest: float | None = None
    """Creation times."""
    oldest: float | None = None
    pages: int = 0
    error: GlueError | None = None
    """The failed read that the first record makes which cannot be read."""

    def add(self, page: Page[Run]) -> None:
        """Note what a page holds."""
        self.pages += 1
        self.complete = page.next_token is None
        self.found.update(self.wanted & {run_key(run.run_id) for run in page.items})
        for record in page.malformed:
            self.error = self.error or GlueError(Reason.UNEXPECTED, record.message, operation=RUNS.operation)
        for run in page.items:
            time = run.creation_time
            if time is None or (self.oldest is not None and time > self.oldest):
                self.newest_first = False
            else:
                self.oldest = time
            if time is not None and (self.newest is None or time > self.newest):
                self.newest = time


Enough = Callable[[ReadListing], bool]
"""Whether a listing need not be read any further."""


def nothing_new(order: Order, unsettled: Mapping[str, Run]) -> Enough:
    """Return what ends a poll's read; ``unsettled``: the runs that should be read again, by key.

    It ends where the pages come newest first, nothing further down can be new, and asking for the unsettled
    runs that are left takes fewer calls than the pages down to them.
    """

    def enough(read: ReadListing) -> bool:
        # After an empty listing all is new.
        newest = order.newest if order.complete or order.newest is not None else read.newest
        if read.newest is None or read.oldest is None or newest is None:
            return False
        if not (order.newest_first and read.newest_first) or read.oldest >= newest - OVERLAP:
            return False
        left = [unsettled[key].creation_time for key in unsettled.keys() - read.found]
        furthest = min((time for time in left if time is not None), default=read.oldest)
        if furthest >= read.oldest:
            return True
        # About as many as hold as long a time so far.
        pages_to_go = math.ceil(read.pages * (read.oldest - furthest) / max(read.newest - read.oldest, 1.0))
        return pages_to_go >= len(left)

    return enough


class Listings:
    """One target's listings of runs, for its polls and its resync. Each page is applied as it comes."""

    def __init__(
        self, polling: Polling, matcher: ViewMatcher, tables_denied: Callable[[], AbstractSet[str]]
    ) -> None:
        """``tables_denied``: the databases whose views runs alone show, as in :class:`RunsListed`."""
        self._polling = polling
        self._clock = polling.clock
        self._matcher = matcher
        self._tables_denied = tables_denied
        self._orders: dict[Scope, Order] = {}
        """An entry is replaced as a whole: polls and the resync share them."""

    def order(self, scope: Scope) -> Order:
        """Return what is known of a listing."""
        return self._orders.get(scope, Order())

    def scopes(self, views: AbstractSet[Name]) -> tuple[Scope, ...]:
        """Return the listings that hold the runs of these views, and of those that nobody knows yet."""
        searched = self._matcher.glob_databases() if self._tables_denied() else ()
        if searched is None:
            return (Scope(),)
        if searched:  # the known views do not say where others will show up
            return (_widest({*searched, *(database for database, _ in views)}),)
        return scopes_for(views, self._orders)

    def read(
        self,
        reader: CatalogReader,
        calls: Calls,
        scope: Scope,
        wanted: AbstractSet[str] = frozenset(),
        enough: Enough = lambda _: False,
    ) -> ReadListing:
        """Read a listing, by default all of it. Raises GlueError, GlueUnreachableError or PollInterrupted."""
        begun, target = self._clock.monotonic(), self._polling.target.name
        if (listing := self._polling.store.open_listing(target, scope)) is None:
            raise PollInterrupted(target)  # a reload has dropped the target
        read = ReadListing(listing, wanted)
        list_runs = partial(reader.list_runs, database=scope.database, table=scope.table)
        # The same for all pages: a view that a later one begins to watch has no runs on an earlier one.
        tables_denied = self._tables_denied()
        before: tuple[Run, ...] = ()
        without_news = 0
        for page in pages(lambda **token: calls.one(lambda: list_runs(**token)), RUNS.operation):
            without_news = without_news + 1 if page.items in ((), before) else 0
            if without_news > MOST_PAGES_WITHOUT_NEWS:
                raise GlueError(Reason.UNEXPECTED, "the listing does not end", operation=RUNS.operation)
            before = page.items
            read.add(page)
            result = RunsListed(
                target=target,
                listing=listing,
                runs=page.items,
                malformed=page.malformed,
                last=read.complete,
                tables_denied=tables_denied,
            )
            self._polling.apply(result)
            over = read.complete or enough(read)
            # After each page: the read may never get to its end.
            self._remember(read, self._clock.monotonic() - begun, over=over)
            if over:
                break
        return read

    def _remember(self, read: ReadListing, seconds: float, *, over: bool) -> None:
        """Note what the read has shown. How far it goes down is new only once nothing is left out above."""
        before = self.order(read.listing.scope)
        newest = read.newest if over and read.newest is not None else before.newest
        if read.complete:
            after = Order(True, read.newest_first, newest, read.pages, seconds)
        else:
            after = Order(
                before.complete,
                before.newest_first and read.newest_first,
                newest,
                max(before.pages, read.pages),
                max(before.seconds, seconds),
            )
        self._orders[read.listing.scope] = after
