"""One poll of one target: reads unsettled runs and what is new, and has the store apply it."""

from collections.abc import Callable

import structlog

from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.reader import CatalogReader
from exporter.model.run import run_key
from exporter.poller.discovery import RUNS
from exporter.poller.listing import Order, Polling, ReadListing, nothing_new
from exporter.poller.resync import Resync
from exporter.poller.workers import UNREACHABLE, Calls, GlueUnreachableError, WorkerPool, internal_error
from exporter.store.results import PollEnded, Scope
from exporter.store.targets import Watch

log = structlog.get_logger()

SHORTEST_BUDGET = 30.0
"""Seconds that a poll may take even where ``poll_interval`` is shorter."""
FIRST_RESYNC_WITHIN = 30.0
"""Seconds for which the first poll waits for the first resync."""
MANY = 25
"""From this many run IDs on, a target without views tries whether a listing takes fewer calls."""
RUNS_WORTH_A_PAGE = 10
"""Of this many unsettled run IDs, a page of a listing has to hold one, else each is asked for by itself."""


class TargetPoll:
    """Polls one target again and again. One poll at a time."""

    def __init__(self, polling: Polling) -> None:
        self.polling = polling
        self._store, self._clock = polling.store, polling.clock
        self._name = polling.target.name
        self._pool = WorkerPool(self._name, polling.clock)
        self.resync = Resync(polling)
        self._listings = self.resync.listings
        self._read_at: dict[Scope, float] = {}
        """When each listing was last read, in monotonic seconds."""
        self._next_bulk = 0.0
        self._first = True
        """Whether no poll has waited for the first resync yet."""

    def run(self, heartbeat: Callable[[], None], *, first_resync_within: float = FIRST_RESYNC_WITHIN) -> None:
        """Poll once. Raises nothing.

        ``first_resync_within``: seconds for which the target's first poll waits for its first resync.
        """
        begun = self._clock.monotonic()
        ended = PollEnded(target=self._name, started=self._clock.time())
        try:
            self._read(ended, heartbeat, first_resync_within)
        except PollInterrupted:
            ended.finished = False
            ended.unread = set()
        except GlueUnreachableError as end:
            ended.gave_up(end.failure)
        except GlueError as error:  # what the catalog is could not be found out
            ended.gave_up(error)
        except Exception as error:
            log.exception("unexpected error in a poll", target=self._name)
            ended.gave_up(internal_error(error))
        ended.duration = self._clock.monotonic() - begun
        for _ in range(2):
            try:
                self.polling.apply(ended)
            except Exception as error:
                log.exception("unexpected error after a poll", target=self._name)
                ended = PollEnded(target=self._name, started=ended.started)
                ended.gave_up(internal_error(error))
            else:
                return

    def _read(self, ended: PollEnded, heartbeat: Callable[[], None], first_resync_within: float) -> None:
        begun = self._clock.monotonic()
        reader, calls = self._job(heartbeat)
        self._store.catalog_known(self._name, calls.one(reader.catalog_id), self.polling.stop)
        watch = self._store.watch(self._name)
        if watch and watch.target.views:
            self.resync.begin_if_due(watch, first_resync_within)
            if self._first:
                self._first = False
                self.resync.wait(begun + first_resync_within, heartbeat)
                reader, calls = self._job(heartbeat)
                watch = self._store.watch(self._name)
        if watch is None:
            return
        ended.views, ended.unread = watch.views, set(map(run_key, watch.due))
        left: dict[str, str] = {}
        if watch.target.views:
            left = self._read_listings(reader, calls, watch, ended, begun)
            ended.left = set(left)
        elif len(watch.due) >= MANY and begun >= self._next_bulk:
            self._read_many(reader, calls, ended)
        due = {key: run_id for run_id in watch.due if (key := run_key(run_id)) in ended.unread}
        # What no listing held is asked for by its ID.
        for run_id, result in calls.each((due | left).values(), reader.get_run):
            ended.runs[run_id] = result
            ended.unread.discard(run_key(run_id))
            ended.left.discard(run_key(run_id))
            # An ID that Glue does not know is an answer, not a failure of the poll.
            if isinstance(result, GlueError) and result.reason is not Reason.NOT_FOUND:
                ended.failed(result)

    def _job(self, heartbeat: Callable[[], None]) -> tuple[CatalogReader, Calls]:
        deadline = self._clock.monotonic() + max(self._store.settings.poll_interval, SHORTEST_BUDGET)
        calls = Calls(self._pool, deadline=deadline, stop=self.polling.stop, heartbeat=heartbeat)
        return self.polling.reader.until(deadline), calls

    def _read_listings(
        self, reader: CatalogReader, calls: Calls, watch: Watch, ended: PollEnded, begun: float
    ) -> dict[str, str]:
        """Read the listings of the views' runs, as far as something may be new.

        Returns the IDs of the unsettled runs further down, by key.
        """
        left: dict[str, str] = {}
        # Those first that time did not suffice for in the last poll.
        for scope in sorted(
            self._listings.scopes(watch.views), key=lambda scope: self._read_at.get(scope, 0.0)
        ):
            if self.resync.listed_since(scope, begun):  # the first poll waited for that
                ended.scopes.append(scope)
                continue
            unsettled = {
                run_key(run.run_id): run for run in watch.unsettled if scope.covers(run.database, run.table)
            }
            order = self._listings.order(scope)
            if order.too_long:
                # Only a resync has the time for it. What is known to go on is asked for by its ID.
                left |= {key: run.run_id for key, run in unsettled.items()}
                ended.gave_up(_too_long(order))
                continue
            wanted = unsettled.keys() | ended.unread
            try:
                read = self._listings.read(reader, calls, scope, wanted, nothing_new(order, unsettled))
            except GlueError as error:
                ended.failed(error)
                continue
            self._read_at[scope] = begun
            _note(read, ended)
            if self._listings.order(scope).complete:  # else older news may be further down
                ended.scopes.append(scope)
            if not read.complete:
                left |= {key: run.run_id for key, run in unsettled.items() if key not in read.found}
        return left

    def _read_many(self, reader: CatalogReader, calls: Calls, ended: PollEnded) -> None:
        """Read many unsettled run IDs by a listing, where that takes fewer calls than asking for each.

        Nothing depends on it: what it does not hold, or all where it may not be read, is asked for by ID.
        """
        wanted = frozenset(ended.unread)
        most_pages = len(wanted) // RUNS_WORTH_A_PAGE
        worth_it = False
        try:
            read = self._listings.read(
                reader, calls, Scope(), wanted, lambda read: read.pages >= most_pages or read.found == wanted
            )
        except GlueError as error:
            if error.reason in UNREACHABLE:
                ended.failed(error)
        else:
            _note(read, ended)
            worth_it = len(read.found) >= read.pages
        if not worth_it:
            self._next_bulk = self._clock.monotonic() + self._store.settings.resync_interval


def _note(read: ReadListing, ended: PollEnded) -> None:
    """Note what a listing held."""
    ended.unread -= read.found
    ended.missing |= read.listing.missing
    if read.error:
        ended.failed(read.error)


def _too_long(order: Order) -> GlueError:
    """Return why a listing is not read by polls."""
    text = "a listing does not come newest first, and the resync has not read it to its end yet"
    if order.complete:
        text = (
            f"the listing of {order.pages} pages does not come newest first, and takes longer than a"
            " poll: raise max_requests_per_second, or watch fewer views of the catalog"
        )
    return GlueError(Reason.UNEXPECTED, text, operation=RUNS.operation)
