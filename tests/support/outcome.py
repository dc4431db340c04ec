"""What a poll and its resync read, written down in one place, and how they hand it to the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.errors import GlueError, Reason
from exporter.model.run import Malformed, Run
from exporter.store.results import Listing, PollEnded, ResyncEnded, RunsListed, Scope, TablesRead
from exporter.store.store import Store

DENIED = GlueError(Reason.ACCESS_DENIED, "not allowed", operation="GetTables")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One listing of runs, as far as it was read."""

    scope: Scope = Scope()  # noqa: RUF009 (frozen)
    runs: tuple[Run, ...] = ()
    complete: bool = True
    unreadable: tuple[str | None, ...] = ()
    """IDs of the records that cannot be read; None for one that does not name its run."""
    cut: int | None = None
    """After so many runs the first page ends; None: there is one page."""

    def pages(self) -> Iterator[tuple[tuple[Run, ...], bool]]:
        """Yield the runs of each page, and whether it is the last one."""
        pages = [self.runs] if self.cut is None else [self.runs[: self.cut], self.runs[self.cut :]]
        for number, runs in enumerate(pages, start=1):
            yield runs, self.complete and number == len(pages)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A poll of a target, and the resync that ended right before it."""

    target: str = "prod"
    tables: TablesRead | None = None
    """None: no views were looked for."""
    denied: bool = False
    """Whether tables may not be read."""
    listings: tuple[Listed, ...] = ()
    runs: Mapping[str, Run | GlueError] = field(default_factory=dict)
    unread: Sequence[str] = ()
    error: GlueError | None = None
    finished: bool = True
    duration: float = 0.0

    @property
    def resynced(self) -> bool:
        """Whether a resync has read all that it could: the tables, and the listings to their ends."""
        looked = self.denied or self.tables is not None
        return looked and all(listing.complete for listing in self.listings)

    def apply(self, store: Store, now: float) -> None:
        """Hand it in as the poller does."""
        if self.tables is not None:
            store.apply(self.tables)
        missing: set[str] = set()
        for listed in self.listings:
            if listing := store.open_listing(self.target, listed.scope):
                self._list(store, listed, listing)
                missing |= listing.missing
        if self.resynced:
            error = DENIED if self.denied else None
            store.apply(ResyncEnded(target=self.target, complete=True, error=error))
        ended = PollEnded(
            target=self.target,
            started=now,
            duration=self.duration,
            runs=dict(self.runs),
            missing=missing,
            unread=set(self.unread),
            scopes=[listed.scope for listed in self.listings],
            error=self.error,
            finished=self.finished,
        )
        store.apply(ended)

    def _list(self, store: Store, listed: Listed, listing: Listing) -> None:
        for runs, last in listed.pages():
            page = RunsListed(
                target=self.target,
                listing=listing,
                runs=runs,
                malformed=malformed(listed.unreadable),
                last=last,
                tables_denied={""} if self.denied else frozenset(),
            )
            store.apply(page)


def malformed(run_ids: Sequence[str | None]) -> tuple[Malformed, ...]:
    """Return the records of these runs as they are handed in where they cannot be read."""
    return tuple(Malformed(run_id, "Status is a number") for run_id in run_ids)
