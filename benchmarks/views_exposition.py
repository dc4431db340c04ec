"""What the exporter exposes of many views, well or in trouble, without a Glue."""

import uuid
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.lifelike import ACCOUNT, REGION, views
from exporter.clock import Clock
from exporter.metrics.exposition import Exposition
from exporter.model.settings import Settings
from exporter.store.results import ResyncEnded, Scope, SourcesRead, TablesRead
from exporter.store.series import ExporterSeries
from exporter.store.store import Store
from tests.support.outcome import Listed, Outcome
from tests.support.status_scene import HOUR, refresh, view
from tests.support.store_bench import target

if TYPE_CHECKING:
    from exporter.model.run import Run
    from exporter.model.view import View

OWNERS = 50
SOURCE = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/raw/orders"
WELL = ((0.5, "SUCCEEDED"),)
"""Hours since the end of each run that Glue lists of a view, and its status."""
TROUBLED = ((3.5, "SUCCEEDED"), (2.5, "FAILED"), (1.5, "FAILED"), (0.5, "FAILED"))


def exposition(count: int, *, troubled_every: int | None) -> bytes:
    """Return the text of so many hourly views, a target for each of their databases.

    Every so manieth view has failed three times and is overdue; none for None.
    """
    clock = Clock()
    found, now = Exposition(clock, process_metrics=False), clock.time()
    series = ExporterSeries(external_url="https://glue-mv-exporter.example.org")
    store = Store(clock, [found.apply], log=lambda _: None, exporter=series)
    store.exporter = replace(store.exporter, storage_last_write_successful=True, storage_write_failures=0)
    of_database: dict[str, list[View]] = defaultdict(list)
    runs: dict[str, list[Run]] = defaultdict(list)
    for number, (database, table) in enumerate(views(count)):
        name, owner = f"{database}.{table}", f"team-{number % OWNERS}"
        of_database[database].append(view(name, owner=owner, managed=True, sources=(SOURCE,)))
        troubled = troubled_every is not None and number % troubled_every == 0
        for hours, status in TROUBLED if troubled else WELL:
            run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {hours}"))
            error = "Table sales.raw_orders not found" if status == "FAILED" else None
            ended = now - hours * HOUR
            runs[database].append(refresh(run_id, name, ended=ended, status=status, error_message=error))
    targets = [target(database, f"{database}.*") for database in of_database]
    store.configure(Settings(targets=tuple(targets), runs_per_view=0))
    for database, there in of_database.items():
        tables = TablesRead(target=database, views=tuple(there), databases=frozenset({database}))
        listed = Listed(scope=Scope(database=database), runs=tuple(runs[database]))
        Outcome(target=database, tables=tables, listings=(listed,)).apply(store, now)
        store.apply(SourcesRead(target=database, tables={SOURCE: now - 3 * HOUR}))
        store.apply(ResyncEnded(target=database, complete=True))
    return found.scrape().body()
