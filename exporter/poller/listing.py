"""Reads one listing of runs: to its end, or as far as something may be new or unsettled."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from exporter.errors import GlueError, Reason
from exporter.model.reading import CatalogReader
from exporter.model.run import Run, RunListing
from exporter.poller.calls import Calls
from exporter.poller.listing_memory import ListingMemory, Seen, Unfinished
from exporter.poller.scope import PAGE, Scope
from exporter.store.outcome import ListingRead

OVERLAP = 300.0
"""Seconds of what is already known that an early end must have read again: a run may show up late."""
LAST_SECONDS = 1.0
"""Of a poll, kept for what is read after the listings; and twice what the slowest page took besides."""
PART = 5000
"""Runs that are held at once; more are handed over before the next page is read."""
OPERATION = "ListMaterializedViewRefreshTaskRuns"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTask:
    """What is wanted of a listing."""

    scope: Scope
    memory: ListingMemory
    unsettled: Mapping[str, float | None]
    """The creation times of the runs that should be read again, by run ID."""
    kept_ids: Mapping[str, str] = field(default_factory=dict)
    """IDs that are in memory anyway: of 100,000 runs, those of the pages would leave holes there."""
    to_the_end: bool = False
    """Read all pages."""
    go_on: bool = False
    """Read from where the last poll stopped for want of time."""
    most_pages: int | None = None
    """Read no more pages than these, and no further than the unsettled runs."""


def read_listing(
    calls: Calls, reader: CatalogReader, task: ListingTask, take_part: Callable[[ListingRead], None]
) -> tuple[ListingRead, list[str]]:
    """Read a listing and return it, and a line for each record that could not be read.

    Of a long one, ``take_part`` is given the runs as they are read; the last of them are returned.

    Unless it goes to the end, the read stops where the pages prove to be newest first, nothing further
    down can be new, and asking for the unsettled runs that are left takes fewer calls than the pages down
    to them. It also stops before the poll's time is over; ``memory.unfinished`` is then where to go on.
    Raises GlueError where it could not be read as far as that, and then remembers nothing of it.
    """
    try:
        return _read(calls, reader, task, take_part)
    except _TokenExpiredError:
        # A token may expire while the rate limit makes us wait. Once more from the beginning.
        if task.go_on:
            task.memory.unfinished = None
        return _read(calls, reader, task, take_part, again=True)


class _TokenExpiredError(Exception):
    """Glue no longer takes the token that it gave."""


@dataclass(slots=True)
class _Portion:
    """What this poll has read of a listing."""

    unsettled: set[str]
    """The runs that should be read again and have not been."""
    runs: dict[str, Run] = field(default_factory=dict)
    """Those that have not been handed over."""
    handed_over: bool = False
    """Whether there were more before."""
    malformed: list[str] = field(default_factory=list)
    pages: int = 0
    slowest: float = 0.0
    """Seconds that a page took."""

    def take_in(self, page: RunListing, seconds: float) -> None:
        """Add a page. A run that is on two pages counts as the later one tells."""
        self.pages += 1
        self.slowest = max(self.slowest, seconds)
        self.malformed += [
            f"run {record.run_id}: {record.message}" if record.run_id else record.message
            for record in page.malformed
        ]
        self.runs.update((run.run_id, run) for run in page.runs)
        self.unsettled.difference_update(run.run_id for run in page.runs)


def _read(
    calls: Calls,
    reader: CatalogReader,
    task: ListingTask,
    take_part: Callable[[ListingRead], None],
    *,
    again: bool = False,
) -> tuple[ListingRead, list[str]]:
    scope, memory = task.scope, task.memory
    before = memory.unfinished if task.go_on else None
    # A copy: should this portion fail, the next poll reads it once more.
    seen = before.seen.copy() if before else Seen()
    token = before.token if before else None
    portion = _Portion(set(task.unsettled))
    while True:
        left = calls.time_left()
        try:
            page = calls.one(
                partial(reader.list_runs, database=scope.database, table=scope.table, next_token=token)
            )
        except GlueError as error:
            if token is not None and error.reason is Reason.INVALID_INPUT and not again:
                raise _TokenExpiredError from error
            raise
        seen.take_in(page, task.kept_ids)
        portion.take_in(page, left - calls.time_left())
        token = page.next_token
        if token is None or _enough(seen, portion, task):
            break
        if token in seen.tokens:
            raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=OPERATION)
        seen.tokens.add(token)
        if calls.time_left() < LAST_SECONDS + 2 * portion.slowest:
            if task.most_pages is None and (before or not memory.unfinished):
                expected = before.expected if before else frozenset(task.unsettled)
                memory.unfinished = Unfinished(token, seen, expected)
            break
        if len(portion.runs) >= PART:
            take_part(ListingRead(database=scope.database, table=scope.table, runs=(*portion.runs.values(),)))
            portion.runs.clear()
            portion.handed_over = True
    return _told(task, before, seen, portion, complete=token is None), portion.malformed


def _told(
    task: ListingTask, before: Unfinished | None, seen: Seen, portion: _Portion, *, complete: bool
) -> ListingRead:
    _remember(task.memory, seen, complete=complete)
    listed_before: AbstractSet[str] = frozenset()
    if complete and (before or portion.handed_over):
        seen.run_ids.difference_update(portion.runs)
        listed_before = seen.run_ids
        if before:
            listed_before |= task.unsettled.keys() - before.expected
    return ListingRead(
        database=task.scope.database,
        table=task.scope.table,
        runs=tuple(portion.runs.values()),
        complete=complete,
        listed_before=listed_before,
        several_polls=before is not None,
        summary=task.memory.summary() if complete else None,
        gaps=seen.gaps,
        unreadable=frozenset(seen.unreadable),
    )


def _enough(seen: Seen, portion: _Portion, task: ListingTask) -> bool:
    """Tell whether the pages further down can hold nothing that is worth reading them."""
    if task.most_pages is not None:
        return portion.pages >= task.most_pages or not portion.unsettled
    if task.to_the_end or task.go_on:
        return False
    return _nothing_further_down(seen, portion, task.memory, task.unsettled)


def _nothing_further_down(
    seen: Seen, portion: _Portion, memory: ListingMemory, unsettled: Mapping[str, float | None]
) -> bool:
    if not (memory.newest_first and seen.newest_first) or memory.newest is None or seen.oldest is None:
        return False
    if seen.oldest >= memory.newest - OVERLAP:
        return False
    left = [unsettled[run_id] for run_id in portion.unsettled]
    if not left:
        return True
    pages_to_go = max(memory.page_of(time) for time in left) - portion.pages
    return pages_to_go >= len(left) or pages_to_go <= 0


def _remember(memory: ListingMemory, seen: Seen, *, complete: bool) -> None:
    if seen.creation_times:
        memory.newest = max(seen.creation_times)
    if complete:
        memory.newest_first = seen.newest_first
        memory.page_ends = tuple(sorted(seen.creation_times, reverse=True)[PAGE - 1 :: PAGE][::-1])
        memory.names = seen.names
        memory.unfinished = None
        memory.complete_once, memory.due = True, False
    elif not seen.newest_first:
        memory.newest_first = False
