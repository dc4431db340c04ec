"""Reads listings of runs: the ones that a target's views need, whole or as far as something may be new."""

import bisect
from array import array
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.patterns import Name
from exporter.model.reader import CatalogReader
from exporter.model.run import MalformedRun, Run, RunListing, run_key
from exporter.poller.workers import Calls
from exporter.store.results import Listing, RunsListed, Scope

OVERLAP = 300.0
"""Seconds of what is already known that an early end must have read again: a run may show up late."""
PAGE = 1000
"""Runs on a page of a listing, at most."""
MOST_PAGES_WITHOUT_NEWS = 100
"""So many pages in a row may be empty or hold what the page before held; then the listing has no end."""
OPERATION = "ListMaterializedViewRefreshTaskRuns"


@dataclass(frozen=True, slots=True)
class Order:
    """What earlier reads of a listing showed."""

    complete: bool = False
    """Whether it was ever read to its end."""
    newest_first: bool = True
    """Whether all that was read came newest first."""
    newest: float | None = None
    """The newest creation time."""
    page_ends: tuple[float, ...] = ()
    """Of the last complete read, ascending: the creation time of the last run on each full page."""
    pages: int = 0
    """Of the last complete read, or of one that had more before its time was over."""
    seconds: float = 0.0
    """That these took."""

    def page_of(self, creation_time: float | None) -> int:
        """Return on which page, from 1, a run of this age was (or would have been)."""
        if creation_time is None:
            return len(self.page_ends) + 1
        return len(self.page_ends) - bisect.bisect_right(self.page_ends, creation_time) + 1


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
class _Progress:
    """What one read of a listing has shown so far."""

    unread: set[str]
    """Keys of the unsettled runs that were on no page yet."""
    newest_first: bool = True
    oldest: float | None = None
    pages: int = 0
    runs: int = 0
    times: "array[float]" = field(default_factory=lambda: array("d"))
    wanted: AbstractSet[str] = frozenset()
    found: set[str] = field(default_factory=set)
    """Of the wanted keys."""

    def add(self, page: RunListing) -> None:
        self.pages += 1
        self.runs += len(page.runs)
        for run in page.runs:
            time = run.creation_time
            if time is None or (self.oldest is not None and time > self.oldest):
                self.newest_first = False
            else:
                self.oldest = time
            if time is not None:
                self.times.append(time)
            key = run_key(run.run_id)
            self.unread.discard(key)
            if key in self.wanted:
                self.found.add(key)


@dataclass(slots=True)
class ReadListing:
    """What a read of a listing gave."""

    listing: Listing
    found: set[str]
    """Keys of the wanted runs that were on its pages."""
    runs: int
    """How many runs were on its pages."""
    complete: bool
    malformed: list[MalformedRun]

    @property
    def error(self) -> GlueError | None:
        """The failed read that a record makes which cannot be read."""
        if not self.malformed:
            return None
        return GlueError(Reason.UNEXPECTED, self.malformed[0].message, operation=OPERATION)


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
        return self._read(listing, frozenset(), frozenset(), lambda _: False)

    def read_new(
        self, listing: Listing, unsettled: Mapping[str, Run], wanted: AbstractSet[str]
    ) -> ReadListing:
        """Read as far as something may be new.

        ``unsettled``: the runs that should be read again, by key. ``wanted``: other keys to look for. It
        stops where the pages come newest first, nothing further down can be new, and asking for the
        unsettled runs that are left takes fewer calls than the pages down to them.
        """
        order = self.orders.get(listing.scope, Order())

        def enough(so_far: _Progress) -> bool:
            if not (order.newest_first and so_far.newest_first) or so_far.oldest is None:
                return False
            newest = order.newest if order.newest is not None else max(so_far.times)
            if so_far.oldest >= newest - OVERLAP:
                return False
            left = [unsettled[key].creation_time for key in so_far.unread]
            pages_to_go = max((order.page_of(time) for time in left), default=0) - so_far.pages
            return pages_to_go <= 0 or pages_to_go >= len(left)

        return self._read(listing, unsettled.keys(), unsettled.keys() | wanted, enough)

    def read_some(self, listing: Listing, wanted: AbstractSet[str], most_pages: int) -> ReadListing:
        """Read until every wanted run was found, but only so many pages."""
        return self._read(listing, wanted, wanted, lambda read: read.pages >= most_pages or not read.unread)

    def _read(
        self,
        listing: Listing,
        unsettled: AbstractSet[str],
        wanted: AbstractSet[str],
        enough: Callable[[_Progress], bool],
    ) -> ReadListing:
        begun = self.clock.monotonic()
        progress = _Progress(set(unsettled), wanted=wanted)
        malformed: list[MalformedRun] = []
        complete = False
        try:
            for page in self._pages(listing.scope):
                complete = page.next_token is None
                progress.add(page)
                if not progress.newest_first:
                    self._note_disorder(listing.scope)
                malformed += page.malformed
                self.hand_in(
                    RunsListed(
                        target=listing.target,
                        listing=listing,
                        runs=page.runs,
                        malformed=page.malformed,
                        last=complete,
                        tables_denied=self.tables_denied,
                    )
                )
                if not complete and enough(progress):
                    break
        except PollInterrupted:
            self._note_length(listing.scope, progress.pages, self.clock.monotonic() - begun)
            raise
        self._remember(listing.scope, progress, self.clock.monotonic() - begun, complete=complete)
        return ReadListing(listing, progress.found, progress.runs, complete, malformed)

    def _pages(self, scope: Scope) -> Iterator[RunListing]:
        token: str | None = None
        tokens: set[str] = set()
        before: tuple[Run, ...] = ()
        without_news = 0
        while True:
            ask = partial(self.reader.list_runs, database=scope.database, table=scope.table, next_token=token)
            page = self.calls.one(ask)
            token = page.next_token
            if token in tokens:
                raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=OPERATION)
            without_news = without_news + 1 if page.runs in ((), before) else 0
            if without_news > MOST_PAGES_WITHOUT_NEWS:
                raise GlueError(Reason.UNEXPECTED, "the listing does not end", operation=OPERATION)
            before = page.runs
            yield page
            if token is None:
                return
            tokens.add(token)

    def _note_disorder(self, scope: Scope) -> None:
        """Note at once that a listing does not come newest first: the read may never get to its end."""
        before = self.orders.get(scope, Order())
        if before.newest_first:
            self.orders[scope] = replace(before, newest_first=False)

    def _note_length(self, scope: Scope, pages: int, seconds: float) -> None:
        """Note how long a listing is that time did not suffice for."""
        before = self.orders.get(scope, Order())
        pages, seconds = max(before.pages, pages), max(before.seconds, seconds)
        self.orders[scope] = replace(before, pages=pages, seconds=seconds)

    def _remember(self, scope: Scope, progress: _Progress, seconds: float, *, complete: bool) -> None:
        before = self.orders.get(scope, Order())
        newest = max(progress.times, default=before.newest)
        if not complete:
            self.orders[scope] = replace(before, newest=newest)
            return
        times = sorted(progress.times, reverse=True)
        self.orders[scope] = Order(
            True,
            progress.newest_first,
            newest,
            tuple(times[PAGE - 1 :: PAGE][::-1]),
            progress.pages,
            seconds,
        )
