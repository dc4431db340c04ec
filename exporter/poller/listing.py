"""Reads one listing of runs: to its end, or as far as something may be new or unsettled."""

import bisect
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.errors import GlueError, Reason
from exporter.model.reading import CatalogReader
from exporter.model.run import Run, RunListing
from exporter.poller.calls import Calls
from exporter.poller.scope import PAGE, Scope
from exporter.store.outcome import ListingRead

OVERLAP = 300.0
"""Seconds of what is already known that an early end must have read again: a run may show up late."""
OPERATION = "ListMaterializedViewRefreshTaskRuns"


@dataclass(slots=True)
class ListingMemory:
    """What earlier reads of a listing taught."""

    newest_first: bool = False
    """Whether the last complete read came newest first, from beginning to end."""
    newest: float | None = None
    """The newest creation time that was seen."""
    creation_times: "array[float]" = field(default_factory=lambda: array("d"))
    """Of the last complete read, ascending: tells on which page a run is."""

    def page_of(self, creation_time: float | None) -> int:
        """Return on which page, from 1, a run of this age was (or would have been) newest first."""
        if creation_time is None:
            return max(1, -(-len(self.creation_times) // PAGE))
        newer = len(self.creation_times) - bisect.bisect_right(self.creation_times, creation_time)
        return newer // PAGE + 1


@dataclass(slots=True)
class _Progress:
    """What one read of a listing has seen so far."""

    runs: dict[str, Run] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    pages: int = 0
    newest_first: bool = True
    oldest: float | None = None

    def take_in(self, page: RunListing) -> None:
        """Add a page. A run that is on two pages counts as the later one tells."""
        self.pages += 1
        self.malformed += [
            f"run {record.run_id}: {record.message}" if record.run_id else record.message
            for record in page.malformed
        ]
        self.unreadable.update(record.run_id for record in page.malformed if record.run_id)
        for run in page.runs:
            self.runs[run.run_id] = run
            time = run.creation_time
            if time is None or (self.oldest is not None and time > self.oldest):
                self.newest_first = False
            else:
                self.oldest = time


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTask:
    """What is wanted of a listing."""

    scope: Scope
    memory: ListingMemory
    unsettled: Mapping[str, float | None]
    """The creation times of the runs that should be read again, by run ID."""
    to_the_end: bool = False
    """Read all pages."""
    most_pages: int | None = None
    """Read no more pages than these, and no further than the unsettled runs."""


def read_listing(calls: Calls, reader: CatalogReader, task: ListingTask) -> tuple[ListingRead, list[str]]:
    """Read a listing and return it, and a line for each record that could not be read.

    Unless it goes to the end, the read stops where the pages prove to be newest first, nothing further
    down can be new, and asking for the unsettled runs that are left takes fewer calls than the pages down
    to them. Raises GlueError where it could not be read as far as that.
    """
    try:
        return _read(calls, reader, task)
    except _TokenExpiredError:
        # A token may expire while the rate limit makes us wait. Once more from the beginning.
        return _read(calls, reader, task, again=True)


class _TokenExpiredError(Exception):
    """Glue no longer takes the token that it gave."""


def _read(
    calls: Calls, reader: CatalogReader, task: ListingTask, *, again: bool = False
) -> tuple[ListingRead, list[str]]:
    scope = task.scope
    seen = _Progress()
    token: str | None = None
    tokens: set[str] = set()
    while True:
        try:
            page = calls.one(
                lambda token=token: reader.list_runs(  # type: ignore[misc] # a default argument binds it now
                    database=scope.database, table=scope.table, next_token=token
                )
            )
        except GlueError as error:
            if token is not None and error.reason is Reason.INVALID_INPUT and not again:
                raise _TokenExpiredError from error
            raise
        seen.take_in(page)
        token = page.next_token
        if token is None or _enough(seen, task):
            break
        if token in tokens:
            raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=OPERATION)
        tokens.add(token)
    complete = token is None
    _remember(task.memory, seen, complete=complete)
    read = ListingRead(
        database=scope.database,
        table=scope.table,
        runs=tuple(seen.runs.values()),
        complete=complete,
        gaps=bool(seen.malformed),
        unreadable=frozenset(seen.unreadable),
    )
    return read, seen.malformed


def _enough(seen: _Progress, task: ListingTask) -> bool:
    """Tell whether the pages further down can hold nothing that is worth reading them."""
    if task.most_pages is not None:
        return seen.pages >= task.most_pages or task.unsettled.keys() <= seen.runs.keys()
    return not task.to_the_end and _nothing_further_down(seen, task.memory, task.unsettled)


def _nothing_further_down(
    seen: _Progress, memory: ListingMemory, unsettled: Mapping[str, float | None]
) -> bool:
    if not (memory.newest_first and seen.newest_first) or memory.newest is None or seen.oldest is None:
        return False
    if seen.oldest >= memory.newest - OVERLAP:
        return False
    left = [time for run_id, time in unsettled.items() if run_id not in seen.runs]
    if not left:
        return True
    pages_to_go = max(memory.page_of(time) for time in left) - seen.pages
    return pages_to_go >= len(left) or pages_to_go <= 0


def _remember(memory: ListingMemory, seen: _Progress, *, complete: bool) -> None:
    times = [run.creation_time for run in seen.runs.values() if run.creation_time is not None]
    if times:
        memory.newest = max(times) if memory.newest is None else max(memory.newest, *times)
    if complete:
        memory.newest_first = seen.newest_first
        memory.creation_times = array("d", sorted(times))
    elif not seen.newest_first:
        memory.newest_first = False
