"""What earlier reads of a listing of runs taught, and where to go on with one that takes several polls."""

import bisect
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.model.run import RunListing
from exporter.store.listings import ListingSummary


@dataclass(slots=True)
class Seen:
    """What the pages of one read of a listing held, in one poll or in several."""

    run_ids: set[str] = field(default_factory=set)
    names: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    """How many runs of each (database, table)."""
    creation_times: "array[float]" = field(default_factory=lambda: array("d"))
    unreadable: set[str] = field(default_factory=set)
    gaps: bool = False
    tokens: set[str] = field(default_factory=set)
    newest_first: bool = True
    oldest: float | None = None

    def take_in(self, page: RunListing, kept_ids: Mapping[str, str] = MappingProxyType({})) -> None:
        """Add a page. ``kept_ids``: IDs that are in memory anyway, and are noted instead of the page's."""
        self.gaps = self.gaps or bool(page.malformed)
        self.unreadable.update(record.run_id for record in page.malformed if record.run_id)
        for run in page.runs:
            time = run.creation_time
            if run.run_id not in self.run_ids:
                self.run_ids.add(kept_ids.get(run.run_id, run.run_id))
                self.names[run.database, run.table] += 1
                if time is not None:
                    self.creation_times.append(time)
            if time is None or (self.oldest is not None and time > self.oldest):
                self.newest_first = False
            else:
                self.oldest = time

    def copy(self) -> "Seen":
        """Return a copy that can be gone on with."""
        return Seen(
            run_ids=set(self.run_ids),
            names=Counter(self.names),
            creation_times=array("d", self.creation_times),
            unreadable=set(self.unreadable),
            gaps=self.gaps,
            tokens=set(self.tokens),
            newest_first=self.newest_first,
            oldest=self.oldest,
        )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A listing that takes longer than one poll: how far it has been read."""

    token: str
    """Of the next page."""
    seen: Seen
    expected: frozenset[str]
    """The runs that were unsettled when it began: what came later may be on a page that was read before."""


@dataclass(slots=True)
class ListingMemory:
    """What earlier reads of a listing taught."""

    newest_first: bool = False
    """Whether the last complete read came newest first, from beginning to end."""
    newest: float | None = None
    """The newest creation time that the last read saw."""
    page_ends: tuple[float, ...] = ()
    """Of the last complete read, ascending: the creation time of the last run on each full page."""
    names: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    """How many runs of each (database, table) the last complete read held."""
    unfinished: Unfinished | None = None
    complete_once: bool = False
    due: bool = True
    """Whether it is to be read to its end."""

    def page_of(self, creation_time: float | None) -> int:
        """Return on which page, from 1, a run of this age was (or would have been) newest first."""
        if creation_time is None:
            return len(self.page_ends) + 1
        return len(self.page_ends) - bisect.bisect_right(self.page_ends, creation_time) + 1

    @classmethod
    def recalled(cls, summary: ListingSummary) -> "ListingMemory":
        """Go on with what an earlier process has learnt."""
        return cls(
            newest_first=summary.newest_first,
            newest=summary.newest,
            page_ends=summary.page_ends,
            complete_once=True,
            due=False,
        )

    def summary(self) -> ListingSummary:
        """Return what a later process may go on with."""
        return ListingSummary(newest=self.newest, newest_first=self.newest_first, page_ends=self.page_ends)
