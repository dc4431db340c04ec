"""A store with targets, views and runs in every state that a status page tells of."""

from collections.abc import Callable, Sequence
from typing import Any

from exporter.errors import GlueError
from exporter.model.run import Run
from exporter.model.settings import Settings, Target
from exporter.model.view import View
from exporter.store.log_lines import Line, write
from exporter.store.results import TablesRead
from exporter.store.series import SeriesListener
from exporter.store.store import Store
from tests.support.clock import START, ManualClock
from tests.support.outcome import Listed, Outcome

HOUR = 3600.0


def view(name: str, **members: Any) -> View:
    """Return a view that should refresh every hour, written ``database.table``."""
    database, table = name.split(".", 1)
    known = {"creation_time": START - 1000 * HOUR, "refresh_seconds": HOUR}
    return View(database=database, table=table, **{**known, **members})


def refresh(run_id: str, of: str | None, *, ended: float | None = START - HOUR / 2, **members: Any) -> Run:
    """Return a run of ten minutes that succeeded, or still goes on if ``ended`` is None."""
    database, table = of.split(".", 1) if of else (None, None)
    end = START if ended is None else ended
    run = Run(
        run_id=run_id,
        database=database,
        table=table,
        status="RUNNING" if ended is None else "SUCCEEDED",
        refresh_type="INCREMENTAL",
        creation_time=end - 630,
        start_time=end - 600,
        end_time=ended,
        dpu_seconds=None if ended is None else 360.0,
        processed_bytes=None if ended is None else 2_500_000,
    )
    return run._replace(**members)


class Scene:
    """One store, filled poll by poll."""

    def __init__(
        self,
        *targets: Target,
        runs_per_view: int = 1,
        listeners: Sequence[SeriesListener] = (),
        log: Callable[[Line], object] = write,
    ) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock, listeners, log=log)
        self.store.configure(Settings(targets=targets, runs_per_view=runs_per_view))

    def poll(
        self,
        target: str,
        views: tuple[View, ...] = (),
        runs: tuple[Run, ...] = (),
        *,
        errors: dict[str, GlueError] | None = None,
        error: GlueError | None = None,
        duration: float = 0.25,
    ) -> None:
        """Commit a poll that found these views and read the listing of all runs, unless it failed."""
        databases = frozenset(found.database for found in views)
        tables = TablesRead(target=target, views=views, databases=databases, all_databases=databases)
        Outcome(
            target=target,
            tables=None if error else tables,
            listings=() if error else (Listed(runs=runs),),
            runs=errors or {},
            error=error,
            duration=duration,
        ).apply(self.store, self.clock.time())
