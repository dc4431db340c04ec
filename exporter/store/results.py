"""What polls and resyncs hand to the store."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from exporter.errors import GlueError
from exporter.model.patterns import Name, Ownership
from exporter.model.run import Malformed, Run
from exporter.model.view import View
from exporter.store.views import ViewState


@dataclass(frozen=True, slots=True)
class Scope:
    """A listing's filter: the whole catalog, one database, or one table."""

    database: str | None = None
    table: str | None = None

    def covers(self, database: str | None, table: str | None) -> bool:
        """Return whether the listing holds this view's runs."""
        return self.database in (None, database) and self.table in (None, table)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesRead:
    """What some calls of a resync say about views, and which tables they read to the end."""

    target: str
    views: tuple[View, ...] = ()
    """The materialized views that the target's patterns want."""
    databases: frozenset[str] = frozenset()
    """Databases whose tables were all read."""
    named: frozenset[Name] = frozenset()
    """Tables that were asked for by name."""
    all_databases: frozenset[str] | None = None
    """Every database of the catalog; None where they were not listed."""
    malformed: tuple[str, ...] = ()
    """One line for each record that could not be read."""
    progress: str = ""
    """How far the resync is, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesRead:
    """What a resync says about source tables."""

    target: str
    tables: Mapping[str, float | str]
    """By ARN: when it was last changed, as Unix time; or why that is not known, in a word or two."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Listing:
    """A listing of runs that is being read, page by page; :meth:`Store.open_listing` makes it.

    Only the store reads and writes what follows, under its lock.
    """

    target: str
    scope: Scope
    ownership: Ownership
    """Who watched what when it was opened."""
    covered: dict[Name, ViewState]
    """The watched views whose runs it holds, as they were when it was opened; and those found by it."""
    began: float | None = None
    """When its first page was read, as Unix time by Glue's clock."""
    seen: set[str] = field(default_factory=set)
    """Keys of the runs that were seen since then, by whatever read."""
    unreadable: set[str] = field(default_factory=set)
    """Keys of the runs that could not be read; empty text for a record that does not name its run."""
    missing: set[str] = field(default_factory=set)
    """Once it is closed: keys of the unsettled runs that it did not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsListed:
    """One page of a listing."""

    target: str
    listing: Listing
    runs: tuple[Run, ...]
    malformed: tuple[Malformed, ...] = ()
    last: bool = False
    """Whether the listing is complete with it, all pages from the first on having been handed in."""
    tables_denied: AbstractSet[str] = frozenset()
    """The databases whose tables may not be read, so that views there are known by their runs alone; with an
    empty name in it: all databases."""


@dataclass(slots=True, kw_only=True)
class PollEnded:
    """How one poll of one target went. The poll fills it in as it goes on."""

    target: str
    started: float
    """Unix time of this machine's clock."""
    duration: float = 0.0
    """Seconds."""
    runs: dict[str, Run | GlueError] = field(default_factory=dict)
    """By run ID: what reading it by itself returned, or why that failed."""
    missing: set[str] = field(default_factory=set)
    """Keys of the runs that a complete listing of the same poll did not hold: that counts as one read."""
    unread: set[str] = field(default_factory=set)
    """Keys of runs that were due and that an unreachable Glue kept from being read."""
    left: set[str] = field(default_factory=set)
    """Keys of the views' unsettled runs that no listing held, and that were not read by their IDs either."""
    views: AbstractSet[Name] | None = None
    """The views whose runs it was to read; None: those of all views."""
    scopes: list[Scope] = field(default_factory=list)
    """The listings that were read, to the end or as far as was needed."""
    error: GlueError | None = None
    """Why the poll did not finish, or the first read that failed for another reason than an unknown ID."""
    finished: bool = True
    """False: time ran out, or Glue could not be reached, before everything due was read."""

    def failed(self, error: GlueError) -> None:
        """Note why something could not be read; the first reason is shown."""
        self.error = self.error or error

    def gave_up(self, error: GlueError) -> None:
        """Note why the poll ended before everything was read."""
        self.failed(error)
        self.finished = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncEnded:
    """How one resync of one target went, or how far it is."""

    target: str
    complete: bool
    """Whether everything was read, or failed for a reason that asking again at once does not change."""
    scopes: tuple[Scope, ...] = ()
    """The listings that were read to their end."""
    error: GlueError | None = None
    """The first failure that still stands."""
    progress: str = ""
    """For people, while it is not complete."""


Result = TablesRead | SourcesRead | RunsListed | PollEnded | ResyncEnded
