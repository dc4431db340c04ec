"""A target that watches views, and the polls of it that a test spells out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.errors import GlueError
from exporter.model.run import Run
from exporter.model.view import View
from exporter.store.outcome import Discovery, Event, ListingRead, PollOutcome
from tests.state.bench import StateBench, target
from tests.support.clock import START
from tests.support.watching import ended

DAILY = "sales.daily_orders"
"""The view to which the runs of these tests belong."""
DAY = 86400.0


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


@dataclass
class ViewBench(StateBench):
    """A store that watches views."""

    def watch(self, *patterns: str, runs_per_view: int = 1) -> list[Event]:
        """Have one target, ``prod``, watch these views."""
        return self.configure(target("prod", *patterns), runs_per_view=runs_per_view)

    def poll(
        self,
        *listed: Run,
        tables: Sequence[View] | None = (view(),),
        by_name: Sequence[str] = (),
        complete: bool = True,
        listed_before: Sequence[str] = (),
        read: Mapping[str, Run | GlueError] | None = None,
        denied: bool = False,
        target: str = "prod",
    ) -> list[Event]:
        """Commit a poll that listed these runs and found these views in the database ``sales``.

        ``tables`` None: they were not looked through. ``by_name``: views that were asked for by name.
        ``listed_before``: runs that earlier polls have read of the same listing. ``read``: what reading
        runs by themselves returned.
        """
        named = frozenset((database, table) for database, table in (n.split(".") for n in by_name))
        found = Discovery(views=tuple(tables or ()), databases=frozenset({"sales"}), named=named)
        return self.commit(
            PollOutcome(
                target=target,
                started=self.clock.time(),
                duration=0.0,
                discovery=None if tables is None else found,
                tables_denied=denied,
                listings=(
                    ListingRead(runs=listed, complete=complete, listed_before=frozenset(listed_before)),
                ),
                runs=read or {},
            )
        )

    def remembered(self, table: str = "runs", column: str = "run_id") -> set[str]:
        """Return the names of the rows of one of the state's tables."""
        query = f"SELECT {column} FROM {table}"  # noqa: S608 (the test's own words)
        return {row[0] for row in self.database.connection.execute(query)}
