"""A tiny Glue whose whole truth a test knows, and the polls of it that a test asks for."""

import zlib
from dataclasses import dataclass, field

from exporter.errors import GlueError, Reason
from exporter.model.patterns import ViewMatcher
from exporter.model.run import Run
from exporter.model.settings import Target
from exporter.model.view import View
from exporter.store.outcome import Discovery, ListingRead, PollOutcome
from exporter.store.watch import Watch

Name = tuple[str, str]
"""Database and table."""

UNKNOWN_ID = GlueError(Reason.NOT_FOUND, "no such run", operation="GetMaterializedViewRefreshTaskRun")
THROTTLED = GlueError(Reason.THROTTLED, "Rate exceeded", operation="ListMaterializedViewRefreshTaskRuns")
DENIED = GlueError(Reason.ACCESS_DENIED, "not allowed", operation="GetTables")


@dataclass
class SmallGlue:
    """What one catalog holds."""

    views: dict[Name, float] = field(default_factory=dict)
    """Creation times."""
    runs: dict[str, Run] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    """Runs that no answer holds any more, or for the time being."""

    def listed(self) -> list[Run]:
        """Return the runs of a listing, the newest first."""
        there = [run for run in self.runs.values() if run.run_id not in self.forgotten]
        return sorted(there, key=lambda run: run.age_order, reverse=True)

    def get(self, run_id: str) -> Run | GlueError:
        """Answer for one run."""
        return UNKNOWN_ID if run_id in self.forgotten else self.runs.get(run_id, UNKNOWN_ID)

    def start(self, name: Name, now: float) -> str:
        """Add a run of this view and return its ID."""
        run_id = f"run-{len(self.runs)}"
        database, table = name
        self.runs[run_id] = Run(
            run_id=run_id, database=database, table=table, status="STARTING", creation_time=now
        )
        return run_id

    def change(self, run_id: str, **members: object) -> Run:
        """Report something else of a run from now on."""
        self.runs[run_id] = self.runs[run_id]._replace(**members)  # type: ignore[arg-type] # members of Run
        return self.runs[run_id]


def look(glue: SmallGlue, target: Target, *, overlook: Name | None = None) -> Discovery:
    """Look through all tables; ``overlook`` one view, as half an answer would."""
    matcher = ViewMatcher(target)
    return Discovery(
        views=tuple(
            View(database=name[0], table=name[1], creation_time=created, refresh_seconds=3600.0)
            for name, created in glue.views.items()
            if name != overlook and matcher.matching(*name)
        ),
        all_databases=True,
    )


@dataclass(frozen=True, kw_only=True)
class Poll:
    """How one poll goes."""

    tables: str = "read"
    """``read``, ``overlooked`` (one view is missing), ``denied``, ``failed``, or ``not due``."""
    listing: str = "complete"
    """``complete``, ``skipping`` (one record is missing), ``unreadable`` (so is one, and it is known),
    ``early`` (the newest few), ``portions`` (complete, but not in one go), ``parts`` (nor that, and taken in
    before the poll ends), or ``failed``."""
    victim: int = 0
    """Which view or record is missing."""
    order: str = "newest first"
    few: int = 2
    """Runs that an early end has read."""


def poll(glue: SmallGlue, target: Target, watch: Watch, how: Poll, now: float) -> PollOutcome:
    """Return what the poller would hand to the store."""
    discovery = None
    if how.tables == "overlooked" and glue.views:
        names = sorted(glue.views)
        discovery = look(glue, target, overlook=names[how.victim % len(names)])
    elif how.tables in ("read", "overlooked"):
        discovery = look(glue, target)
    runs = glue.listed()
    unreadable: set[str] = set()
    if how.listing in ("skipping", "unreadable") and runs:
        left_out = runs.pop(how.victim % len(runs))
        unreadable = {left_out.run_id} if how.listing == "unreadable" else set()
    if how.listing == "early":
        runs = runs[: how.few]
    if how.order == "oldest first":
        runs.reverse()
    elif how.order == "by chance":
        runs.sort(key=lambda run: zlib.crc32(f"{how.victim} {run.run_id}".encode()))
    listings: tuple[ListingRead, ...] = (
        ListingRead(
            runs=tuple(runs),
            complete=how.listing != "early",
            gaps=how.listing == "unreadable",
            unreadable=frozenset(unreadable),
        ),
    )
    if how.listing in ("portions", "parts"):
        first, rest = tuple(runs[: how.few]), tuple(runs[how.few :])
        before = frozenset(run.run_id for run in first)
        listings = (ListingRead(runs=first), ListingRead(runs=rest, complete=True, listed_before=before))
    if how.listing == "failed" or not target.views:
        listings = ()
    listed = {run.run_id for listing in listings for run in listing.runs}
    asked = [run_id for run_id in watch.due if run_id not in listed]
    if how.listing == "early":
        asked += [run.run_id for run in watch.unsettled if run.run_id not in listed]
    error = THROTTLED if how.listing == "failed" else DENIED if how.tables == "denied" else None
    return PollOutcome(
        target=target.name,
        started=now,
        duration=0.0,
        discovery=discovery,
        tables_denied=how.tables == "denied",
        listings=listings,
        runs={run_id: glue.get(run_id) for run_id in asked},
        error=error,
    )
