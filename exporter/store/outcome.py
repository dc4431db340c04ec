"""What a poll hands to the store, and what the store says happened."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from exporter.errors import GlueError
from exporter.model.run import Run, RunKey
from exporter.model.view import View
from exporter.store.listings import ListingSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a look through the catalog's tables found, and where it looked to the end."""

    views: tuple[View, ...]
    """The materialized views that the target's patterns want."""
    databases: frozenset[str] = frozenset()
    """Databases whose tables were all read."""
    named: frozenset[tuple[str, str]] = frozenset()
    """(database, table) pairs that were asked for by name."""
    all_databases: bool = False
    """Whether all databases were listed, so that one that is not among them is not there."""
    seen_databases: frozenset[str] = frozenset()
    """The databases of that list."""

    def looked_for(self, database: str, table: str) -> bool:
        """Tell whether this view would have been found, if it were there."""
        return (
            database in self.databases
            or (database, table) in self.named
            or (self.all_databases and database not in self.seen_databases)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRead:
    """What was read of one listing of runs."""

    database: str | None = None
    """The filter; None: every database."""
    table: str | None = None
    runs: tuple[Run, ...] = ()
    """Each run once, as the last page that held it told."""
    complete: bool = False
    """Whether the last page was read."""
    listed_before: AbstractSet[str] = frozenset()
    """Of a complete listing that was handed over in parts: the IDs of the runs of the earlier ones."""
    several_polls: bool = False
    """Whether earlier polls have read a part of it."""
    summary: ListingSummary | None = None
    """Of a complete listing: what it teaches for the next time."""
    gaps: bool = False
    """Whether some record could not be read: then what is not among ``runs`` may be there all the same."""
    unreadable: frozenset[str] = frozenset()
    """The run IDs of such records, as far as they could be read."""

    def covers(self, database: str | None, table: str | None) -> bool:
        """Tell whether the listing holds this view's runs."""
        return self.database in (None, database) and self.table in (None, table)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPart:
    """What a poll that goes on has read so far.

    It is taken in before the poll's end: all runs of a large account at once would take several times the
    memory of what is kept of them.
    """

    target: str
    discovery: Discovery | None
    """Told in the first part alone."""
    tables_denied: bool
    listing: ListingRead


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """What one poll of one target read, and how it ended."""

    target: str
    started: float
    """Unix time."""
    duration: float
    """Seconds."""
    discovery: Discovery | None = None
    """None: the tables were not looked through, or could not be."""
    discovery_taken_in: bool = False
    """Whether a :class:`PollPart` has told of it before."""
    tables_denied: bool = False
    """Whether some tables may not be read, so that views there are known by their names and runs alone."""
    listings: tuple[ListingRead, ...] = ()
    """Those that could be read, to the end or as far as was needed."""
    runs: Mapping[str, Run | GlueError] = field(default_factory=dict)
    """By run ID: what reading it by itself returned, or why that failed."""
    malformed: Sequence[str] = ()
    """One line for each record of a listing that could not be read."""
    unread: frozenset[str] = frozenset()
    """Run IDs that were due and that an unreachable Glue kept from being read."""
    error: GlueError | None = None
    """Why the poll did not finish, or the first read that failed for another reason than an unknown ID."""
    finished: bool = True
    """False: time ran out, or Glue could not be reached, before everything due was read."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a target asked for in vain, because another one earlier in the file watches it."""

    target: str
    owner: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run was seen ended for the first time."""

    key: RunKey
    run: Run


@dataclass(frozen=True, slots=True)
class RunFailing:
    """A run could be read before (or was never tried) and cannot be read now."""

    key: RunKey
    error: GlueError


@dataclass(frozen=True, slots=True)
class RunReadable:
    """A run could not be read before and can be read now."""

    key: RunKey


@dataclass(frozen=True, slots=True)
class UnlistedStatus:
    """Glue reported a status that the API model does not list, for the first time."""

    key: RunKey
    status: str


@dataclass(frozen=True, slots=True)
class TargetDown:
    """The target's polls succeeded before (or there was none) and do not succeed now."""

    target: str
    error: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class TargetUp:
    """The target's polls did not succeed before (or there was none) and succeed now."""

    target: str
    first: bool


@dataclass(frozen=True, slots=True)
class OwnedElsewhere:
    """Another target, earlier in the file, watches these runs and views of the same region and catalog."""

    target: str
    owner: str
    names: tuple[str, ...]
    """Run IDs, and views as ``database.table``."""


@dataclass(frozen=True, slots=True)
class PatternMatchesNothing:
    """A pattern matches no view."""

    target: str
    pattern: str


@dataclass(frozen=True, slots=True)
class RunIgnored:
    """A listed run names no view, and the request's filter does not either."""

    key: RunKey


@dataclass(frozen=True, slots=True)
class RecordMalformed:
    """A record of a listing could not be read."""

    target: str
    message: str


@dataclass(frozen=True, slots=True)
class StorageFailing:
    """The state could be written before and cannot be written now."""

    error: str


@dataclass(frozen=True, slots=True)
class StorageWorking:
    """The state could not be written before and can be written now."""


Event = (
    RunEnded
    | RunFailing
    | RunReadable
    | UnlistedStatus
    | TargetDown
    | TargetUp
    | OwnedElsewhere
    | PatternMatchesNothing
    | RunIgnored
    | RecordMalformed
    | StorageFailing
    | StorageWorking
)
"""Worth a line in the log, once each."""
