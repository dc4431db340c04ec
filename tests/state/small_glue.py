"""A tiny Glue whose whole truth a test knows, and the polls of it that a test asks for."""

import zlib
from dataclasses import dataclass, field

from exporter.errors import GlueError, Reason
from exporter.model.patterns import Name, ViewMatcher
from exporter.model.run import Run, run_key
from exporter.model.settings import Target
from exporter.model.view import View
from exporter.store.results import TablesRead
from exporter.store.targets import Watch
from tests.support.outcome import DENIED, Listed, Outcome

UNKNOWN_ID = GlueError(Reason.NOT_FOUND, "no such run", operation="GetMaterializedViewRefreshTaskRun")
THROTTLED = GlueError(Reason.THROTTLED, "Rate exceeded", operation="ListMaterializedViewRefreshTaskRuns")
DATABASES = frozenset({"sales", "hr"})


@dataclass
class SmallGlue:
    """What one catalog holds."""

    views: dict[Name, float] = field(default_factory=dict)
    """Creation times."""
    runs: dict[str, Run] = field(default_factory=dict)
    """By key; every other ID is written in upper case."""
    forgotten: set[str] = field(default_factory=set)
    """Keys of the runs that no answer holds any more, or for the time being."""

    def listed(self) -> list[Run]:
        """Return the runs of a listing, the newest first."""
        there = [run for run in self.runs.values() if run_key(run.run_id) not in self.forgotten]
        return sorted(there, key=lambda run: run.age_order, reverse=True)

    def get(self, run_id: str) -> Run | GlueError:
        key = run_key(run_id)
        return UNKNOWN_ID if key in self.forgotten else self.runs.get(key, UNKNOWN_ID)

    def start(self, name: Name, now: float) -> str:
        """Add a run of this view and return its key."""
        key = f"run-{len(self.runs)}"
        database, table = name
        run_id = key.upper() if len(self.runs) % 2 else key
        self.runs[key] = Run(
            run_id=run_id, database=database, table=table, status="STARTING", creation_time=now
        )
        return key

    def change(self, key: str, **members: object) -> Run:
        """Report something else of a run from now on."""
        self.runs[key] = self.runs[key]._replace(**members)  # type: ignore[arg-type] # members of Run
        return self.runs[key]


def look(glue: SmallGlue, target: Target, *, overlook: Name | None = None) -> TablesRead:
    """Look through all tables; ``overlook`` one view, as half an answer would."""
    matcher = ViewMatcher(target)
    return TablesRead(
        target=target.name,
        views=tuple(
            View(database=name[0], table=name[1], creation_time=created, refresh_seconds=3600.0)
            for name, created in glue.views.items()
            if name != overlook and matcher.matching(*name)
        ),
        databases=DATABASES,
        all_databases=DATABASES,
    )


@dataclass(frozen=True, kw_only=True)
class Poll:
    """How one poll goes, and the resync before it."""

    tables: str = "read"
    """``read``, ``overlooked`` (one view is missing), ``denied``, or ``not read``."""
    listing: str = "complete"
    """``complete``, ``pages`` (complete, on two pages), ``skipping`` (one record is missing), ``unreadable``
    (one record cannot be read), ``nameless`` (nor does it name its run), ``early`` (the newest few), or
    ``failed``."""
    victim: int = 0
    """Which view or record is missing."""
    order: str = "newest first"
    few: int = 2
    """Runs on the first page, or that an early end has read."""


def list_runs(glue: SmallGlue, how: Poll) -> Listed:
    """Return what a listing of the whole catalog holds."""
    runs = glue.listed()
    unreadable: tuple[str | None, ...] = ()
    if how.listing in ("skipping", "unreadable", "nameless") and runs:
        left_out = runs.pop(how.victim % len(runs)).run_id
        unreadable = {"unreadable": (left_out,), "nameless": (None,)}.get(how.listing, ())
    if how.listing == "early":
        runs = runs[: how.few]
    if how.order == "oldest first":
        runs.reverse()
    elif how.order == "by chance":
        runs.sort(key=lambda run: zlib.crc32(f"{how.victim} {run.run_id}".encode()))
    return Listed(
        runs=tuple(runs),
        complete=how.listing != "early",
        unreadable=unreadable,
        cut=how.few if how.listing == "pages" else None,
    )


def poll(glue: SmallGlue, target: Target, watch: Watch, how: Poll) -> Outcome:
    """Return what the poller would hand to the store."""
    tables = None
    if how.tables == "overlooked" and glue.views:
        names = sorted(glue.views)
        tables = look(glue, target, overlook=names[how.victim % len(names)])
    elif how.tables in ("read", "overlooked"):
        tables = look(glue, target)
    listings = (list_runs(glue, how),) if target.views and how.listing != "failed" else ()
    listed = {run.run_id for listing in listings for run in listing.runs}
    asked = [run_id for run_id in watch.due if run_id not in listed]
    if how.listing == "early":
        asked += [run.run_id for run in watch.unsettled if run.run_id not in listed]
    error = THROTTLED if how.listing == "failed" else DENIED if how.tables == "denied" else None
    return Outcome(
        target=target.name,
        tables=tables,
        denied=how.tables == "denied",
        listings=listings,
        runs={run_id: glue.get(run_id) for run_id in asked},
        error=error,
    )
