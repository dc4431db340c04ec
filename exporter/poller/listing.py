"""Reads listings of runs: the ones that a target's views need, whole or as far as something may be new."""

import math
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from exporter.clock import Clock
from exporter.errors import GlueError, Reason
from exporter.model.patterns import Name
from exporter.model.reader import CatalogReader
from exporter.model.run import Malformed, Run, RunListing, run_key
from exporter.poller.workers import Calls
from exporter.store.results import Listing, RunsListed, Scope

OVERLAP = 300.0
"""Seconds of what is already known that an early end must have read again: a run may show up late."""
PAGE = 1000
"""Runs on a page of a listing, at most."""
MOST_PAGES_WITHOUT_NEWS = 100
"""So many pages in a row may be empty or hold what the page before held; then the listing has no end."""
OPERATION = "ListMaterializedViewRefreshTaskRuns"


class _Page(Protocol):
    @property
    def next_token(self) -> str | None: ...


P = TypeVar("P", bound=_Page)


def pages(ask: Callable[[str | None], P], operation: str) -> Iterator[P]:
    """Yield the pages of a listing. Raises GlueError where it goes round in a circle."""
    token: str | None = None
    tokens: set[str] = set()
    while True:
        page = ask(token)
        token = page.next_token
        if token in tokens:
            raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=operation)
        yield page
        if token is None:
            return
        tokens.add(token)


@dataclass(frozen=True, slots=True)
class Order:
    """What earlier reads of a listing showed."""

    complete: bool = False
    """Whether it was ever read to its end."""
    newest_first: bool = True
    """Whether all that was read came newest first."""
    newest: float | None = None
    """The newest creation time."""
    pages: int = 0
    """Of the last complete read, or of one that had more before it ended."""
    seconds: float = 0.0
    """That these took."""


Orders = dict[Scope, Order]
"""Of the listings of one target. A poll and a resync share it: an entry is replaced as a whole."""


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
    widest = Scope(next(iter(databases))) if len(databases) == 1 else Scope()
    order = orders.get(widest, Order())
    if order.complete and not order.newest_first:
        if order.pages > len(views):
            return tuple(Scope(*name) for name in sorted(views))
        if order.pages > len(databases) > 1:
            return tuple(Scope(database) for database in sorted(databases))
    return (widest,)


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
    runs: int = 0
    malformed: list[Malformed] = field(default_factory=list)

    @property
    def error(self) -> GlueError | None:
        """The failed read that a record makes which cannot be read."""
        if not self.malformed:
            return None
        return GlueError(Reason.UNEXPECTED, self.malformed[0].message, operation=OPERATION)

    def add(self, page: RunListing) -> None:
        """Note what a page holds."""
        self.pages += 1
        self.runs += len(page.runs)
        self.malformed += page.malformed
        self.complete = page.next_token is None
        self.found.update(self.wanted & {run_key(run.run_id) for run in page.runs})
        for run in page.runs:
            time = run.creation_time
            if time is None or (self.oldest is not None and time > self.oldest):
                self.newest_first = False
            else:
                self.oldest = time
            if time is not None and (self.newest is None or time > self.newest):
                self.newest = time

    def pages_down_to(self, time: float) -> int:
        """Return about how many pages further down a run of this age is; 0 if it was passed."""
        if self.oldest is None or self.newest is None or time >= self.oldest:
            return 0
        runs = (self.oldest - time) * (self.runs - 1) / max(self.newest - self.oldest, 1.0)
        return math.ceil(runs / PAGE)


@dataclass(frozen=True, slots=True)
class ListingReader:
    """Reads a target's listings, and hands in each page as it comes."""

    reader: CatalogReader
    calls: Calls
    clock: Clock
    orders: Orders
    hand_in: Callable[[RunsListed], None]
    tables_denied: bool
    """Whether some tables may not be read, so that views there are known by their runs alone."""

    def read_all(self, listing: Listing) -> ReadListing:
        """Read every page. Raises GlueError, GlueUnreachableError or PollInterrupted."""
        return self._read(ReadListing(listing, frozenset()), lambda _: False)

    def read_new(
        self, listing: Listing, unsettled: Mapping[str, Run], wanted: AbstractSet[str]
    ) -> ReadListing:
        """Read as far as something may be new.

        ``unsettled``: the runs that should be read again, by key. ``wanted``: other keys to look for. It
        stops where the pages come newest first, nothing further down can be new, and asking for the
        unsettled runs that are left takes fewer calls than the pages down to them.
        """
        order = self.orders.get(listing.scope, Order())

        def enough(read: ReadListing) -> bool:
            if not (order.newest_first and read.newest_first) or read.oldest is None:
                return False
            newest = order.newest if order.newest is not None else read.newest
            if newest is None or read.oldest >= newest - OVERLAP:
                return False
            left = [unsettled[key].creation_time for key in unsettled.keys() - read.found]
            pages_to_go = max((read.pages_down_to(time) for time in left if time is not None), default=0)
            return pages_to_go == 0 or pages_to_go >= len(left)

        return self._read(ReadListing(listing, unsettled.keys() | wanted), enough)

    def read_some(self, listing: Listing, wanted: AbstractSet[str], most_pages: int) -> ReadListing:
        """Read until every wanted run was found, but only so many pages."""
        return self._read(
            ReadListing(listing, wanted), lambda read: read.pages >= most_pages or read.found == wanted
        )

    def _read(self, read: ReadListing, enough: Callable[[ReadListing], bool]) -> ReadListing:
        begun = self.clock.monotonic()
        scope = read.listing.scope
        list_runs = partial(self.reader.list_runs, database=scope.database, table=scope.table)
        before: tuple[Run, ...] = ()
        without_news = 0
        for page in pages(lambda token: self.calls.one(lambda: list_runs(next_token=token)), OPERATION):
            without_news = without_news + 1 if page.runs in ((), before) else 0
            if without_news > MOST_PAGES_WITHOUT_NEWS:
                raise GlueError(Reason.UNEXPECTED, "the listing does not end", operation=OPERATION)
            before = page.runs
            read.add(page)
            self.hand_in(
                RunsListed(
                    target=read.listing.target,
                    listing=read.listing,
                    runs=page.runs,
                    malformed=page.malformed,
                    last=read.complete,
                    tables_denied=self.tables_denied,
                )
            )
            over = read.complete or enough(read)
            # After each page: the read may never get to its end.
            self._remember(read, self.clock.monotonic() - begun, over=over)
            if over:
                break
        return read

    def _remember(self, read: ReadListing, seconds: float, *, over: bool) -> None:
        """Note what the read has shown. How far it goes down is new only once nothing is left out above."""
        before = self.orders.get(read.listing.scope, Order())
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
        self.orders[read.listing.scope] = after
