"""One poll of one target: what is due is read, and the outcome is committed."""

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.reading import CatalogReader
from exporter.model.run import Run
from exporter.poller.calls import Calls, GlueUnreachableError
from exporter.poller.crew import Crew
from exporter.poller.journal import Journal
from exporter.poller.view_reading import ViewReading
from exporter.store.outcome import Discovery, ListingRead, PollOutcome, PollPart
from exporter.store.store import Store
from exporter.store.watch import Watch

log = structlog.get_logger()

CALLS_AT_ONCE = 8
"""Of one target; the rate limit decides how fast they follow each other."""
SHORTEST_BUDGET = 30.0
"""Seconds that a poll may take even where ``poll_interval`` is shorter."""


class TargetPoll:
    """Polls one target again and again. One poll at a time."""

    def __init__(
        self, target: str, reader: CatalogReader, store: Store, journal: Journal, clock: Clock
    ) -> None:
        self._target = target
        self._reader = reader
        self._store = store
        self._journal = journal
        self._clock = clock
        self._crew = Crew(target, size=CALLS_AT_ONCE, clock=clock)
        self._views = ViewReading(
            reader, clock, lambda scope: store.listing_summary(target, scope.database, scope.table)
        )

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Poll once. Returns without a commit when ``stop`` is set meanwhile. Raises nothing."""
        try:
            self._run(stop, beat)
        except Exception:
            # The next poll tries again; until then target_last_poll_timestamp_seconds stands still.
            log.exception("a poll failed in a way that nobody foresaw", target=self._target)

    def _run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        started, begun = self._clock.time(), self._clock.monotonic()
        deadline = begun + max(self._store.settings.poll_interval, SHORTEST_BUDGET)
        self._reader.begin_poll(deadline)
        reading = Reading(self._target, lambda part: self._journal.write(self._store.take_in(part, stop)))
        try:
            self._read(Calls(self._crew, deadline, stop, beat), reading)
        except PollInterrupted:
            reading.ran_out_of_time()
        except GlueUnreachableError as end:
            reading.give_up(end.failure)
        if stop.is_set():
            return
        outcome = PollOutcome(
            target=self._target,
            started=started,
            duration=self._clock.monotonic() - begun,
            discovery=reading.discovery,
            discovery_taken_in=reading.discovery_taken_in,
            tables_denied=reading.tables_denied,
            listings=tuple(reading.listings),
            runs=reading.runs,
            unread=frozenset(reading.unread),
            malformed=tuple(reading.malformed),
            error=reading.error,
            finished=reading.finished,
        )
        self._journal.write(self._store.commit(outcome, stop))

    def _read(self, calls: Calls, reading: "Reading") -> None:
        try:
            catalog_id = calls.one(self._reader.catalog_id)
        except GlueError as error:
            reading.failed(error)
            reading.finished = False
            return
        self._journal.write(self._store.catalog_known(self._target, catalog_id, calls.stop))
        watch = self._store.watch(self._target)
        if watch is None:
            return
        reading.due = watch.due
        reading.kept_ids = {run_id: run_id for run_id in watch.due}
        if watch.target.views:
            self._views.read(calls, watch, self._store.settings, reading)
        else:
            self._views.read_many(calls, watch, self._store.settings, reading)
        self._read_one_by_one(calls, watch, reading)

    def _read_one_by_one(self, calls: Calls, watch: Watch, reading: "Reading") -> None:
        """Ask for the runs that no listing told of."""
        left = [run_id for run_id in watch.due if run_id not in reading.listed]
        asked = reading.listed.union(left)
        left += [run.run_id for run in watch.unsettled if run.run_id not in asked and reading.should_ask(run)]
        reading.due = left
        for run_id, result in calls.each(left, self._reader.get_run):
            reading.take_in(run_id, result)


class Reading:
    """What a poll has read so far; kept outside the reading, which may be interrupted."""

    def __init__(self, target: str, hand_over: Callable[[PollPart], None]) -> None:
        """``hand_over``: takes in runs before the poll's end."""
        self._target = target
        self._hand_over = hand_over
        self.discovery: Discovery | None = None
        self.discovery_taken_in = False
        self.tables_denied = False
        self.listings: list[ListingRead] = []
        self.listed: set[str] = set()
        """IDs of all runs that some listing told of."""
        self.runs: dict[str, Run | GlueError] = {}
        self.kept_ids: Mapping[str, str] = {}
        """The configured IDs, by themselves: what is noted of a listing shares them."""
        self.due: Sequence[str] = ()
        """What is still to be asked for, run by run."""
        self.unread: list[str] = []
        self.malformed: list[str] = []
        self.error: GlueError | None = None
        self.finished = True

    def take_in(self, run_id: str, result: Run | GlueError) -> None:
        """Note one result. An ID that Glue does not know is an answer, not a failure of the poll."""
        self.runs[run_id] = result
        if isinstance(result, GlueError) and result.reason is not Reason.NOT_FOUND:
            self.failed(result)

    def take_in_part(self, listing: ListingRead) -> None:
        """Hand over a part of a listing that is read further."""
        discovery = None if self.discovery_taken_in else self.discovery
        self.discovery_taken_in = self.discovery is not None
        self._hand_over(
            PollPart(
                target=self._target,
                discovery=discovery,
                tables_denied=self.tables_denied,
                listing=listing,
            )
        )
        self._list(listing)

    def take_in_listing(self, listing: ListingRead, malformed: Sequence[str]) -> None:
        """Note what a listing told."""
        self.listings.append(listing)
        self._list(listing)
        self.malformed += malformed
        if malformed:  # the poll did not read everything
            operation = "ListMaterializedViewRefreshTaskRuns"
            self.failed(GlueError(Reason.UNEXPECTED, malformed[0], operation=operation))

    def _list(self, listing: ListingRead) -> None:
        self.listed.update(self.kept_ids.get(run.run_id, run.run_id) for run in listing.runs)

    def failed(self, error: GlueError) -> None:
        """Note why something could not be read; the first reason is told."""
        self.error = self.error or error

    def should_ask(self, run: Run) -> bool:
        """Tell whether a run of a view has to be asked for by itself.

        A listing that was read to its end and does not hold it has answered already.
        """
        covering = [listing for listing in self.listings if listing.covers(run.database, run.table)]
        return any(listing.several_polls or not listing.complete for listing in covering)

    def ran_out_of_time(self) -> None:
        """Note that there is more to read, which the next poll goes on with."""
        self.finished = False

    def give_up(self, failure: GlueError) -> None:
        """Note that the poll ends before everything was read, because Glue cannot be reached."""
        self.failed(failure)
        self.finished = False
        self.unread = [run_id for run_id in self.due if run_id not in self.runs]
