"""A target that watches views, and the polls of it that a test spells out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.errors import GlueError
from exporter.model.run import Run
from exporter.model.view import View
from exporter.store.log_lines import Line
from exporter.store.results import Listing, RunsListed, Scope, TablesRead
from tests.state.bench import StateBench, target
from tests.support.clock import START
from tests.support.outcome import Listed, Outcome
from tests.support.watching import ended

DAILY = "sales.daily_orders"
"""The view to which the runs of these tests belong."""
DAY = 86400.0
EVERYTHING = Scope()


def view(name: str = DAILY, *, created: float | None = START - DAY, every: float | None = 3600.0) -> View:
    """Return a view as the catalog's tables tell of it."""
    database, table = name.split(".")
    return View(database=database, table=table, creation_time=created, refresh_seconds=every)


def started(run: Run, seconds: float) -> Run:
    """Return the run as it is with another time of creation: so many seconds after the clock's start."""
    return run._replace(creation_time=START + seconds)


def failed(run_id: str, seconds: float) -> Run:
    """Return a failed run that was created so many seconds after the clock's start."""
    return started(ended(run_id, status="FAILED"), seconds)


def of(name: str, run: Run) -> Run:
    database, table = name.split(".")
    return run._replace(database=database, table=table)


def found(
    *views: View, databases: Sequence[str] = ("sales",), by_name: Sequence[str] = (), target: str = "prod"
) -> TablesRead:
    """Return what it says of views that all tables of these databases were read."""
    named = frozenset((database, table) for database, table in (name.split(".") for name in by_name))
    return TablesRead(target=target, views=views, databases=frozenset(databases), named=named)


@dataclass
class ViewBench(StateBench):
    """A store that watches views."""

    def watch(self, *patterns: str, runs_per_view: int = 1) -> list[Line]:
        """Have one target, ``prod``, watch these views."""
        return self.configure(target("prod", *patterns), runs_per_view=runs_per_view)

    def poll(
        self,
        *listed: Run,
        tables: Sequence[View] | None = (view(),),
        by_name: Sequence[str] = (),
        complete: bool = True,
        scope: Scope = EVERYTHING,
        unreadable: Sequence[str | None] = (),
        cut: int | None = None,
        read: Mapping[str, Run | GlueError] | None = None,
        denied: bool = False,
        target: str = "prod",
    ) -> list[Line]:
        """Commit a resync and a poll that listed these runs and found these views in the database ``sales``.

        ``tables`` None: they were not looked through. ``by_name``: views that were asked for by name.
        ``cut``: after so many runs comes another page. ``read``: what reading runs by themselves returned.
        """
        listing = Listed(scope=scope, runs=listed, complete=complete, unreadable=tuple(unreadable), cut=cut)
        looked = None if tables is None else found(*tables, by_name=by_name, target=target)
        return self.commit(
            Outcome(target=target, tables=looked, denied=denied, listings=(listing,), runs=read or {})
        )

    def hand_in(self, listing: Listing, *runs: Run, last: bool = False, denied: bool = False) -> None:
        """Have the store apply one page of a listing that goes on for a while."""
        page = RunsListed(target=listing.target, listing=listing, runs=runs, last=last, tables_denied=denied)
        self.store.apply(page)

    def open_listing(self, target: str = "prod") -> Listing:
        listing = self.store.open_listing(target, EVERYTHING)
        assert listing
        return listing

    def read(
        self,
        read: Mapping[str, Run | GlueError],
        *,
        error: GlueError | None = None,
        target: str = "prod",
    ) -> list[Line]:
        """Commit a poll that read runs by their IDs alone."""
        return self.commit(Outcome(target=target, runs=read, error=error, finished=error is None))
