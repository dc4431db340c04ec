"""What the exporter exposes of many views, well or in trouble, without a Glue."""

import uuid
from collections import defaultdict
from collections.abc import Iterator

from benchmarks.lifelike import ACCOUNT, REGION, views
from exporter.clock import SystemClock
from exporter.metrics import Exposition
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.model.view import View
from exporter.store.results import ResyncEnded, Scope, SourcesRead, TablesRead
from exporter.store.series import ExporterSeries
from exporter.store.store import Store
from tests.support.outcome import Listed, Outcome

OWNERS = 50
SOURCE = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/raw/orders"
_HOUR = 3600.0


def exposition(count: int, *, troubled_every: int | None) -> bytes:
    """Return the text of so many hourly views, a target for each of their databases.

    Every so manieth view has failed three times and is overdue; none for None.
    """
    clock = SystemClock()
    found, now = Exposition(clock, process_metrics=False), clock.time()
    store = Store(clock, [found.apply], log=lambda _: None)
    store.describe(
        ExporterSeries(
            version="1.0.0",
            python_version="3.13.0",
            boto3_version="1.44.0",
            external_url="https://glue-mv-exporter.example.org",
            last_reload_successful=True,
            last_reload_success_time=now,
            storage_last_write_successful=True,
            storage_write_failures=0,
        )
    )
    of_database: dict[str, list[View]] = defaultdict(list)
    runs: dict[str, list[Run]] = defaultdict(list)
    for number, (database, table) in enumerate(views(count)):
        view = View(
            database=database,
            table=table,
            creation_time=now - 1000 * _HOUR,
            refresh_seconds=_HOUR,
            owner=f"team-{number % OWNERS}",
            managed=True,
            sources=(SOURCE,),
        )
        of_database[database].append(view)
        troubled = troubled_every is not None and number % troubled_every == 0
        runs[database] += _runs(view, now, troubled=troubled)
    store.configure(Settings(targets=tuple(map(_target, of_database)), runs_per_view=0))
    for database, there in of_database.items():
        tables = TablesRead(target=database, views=tuple(there), databases=frozenset({database}))
        listed = Listed(scope=Scope(database=database), runs=tuple(runs[database]))
        Outcome(target=database, tables=tables, listings=(listed,)).apply(store, now)
        store.apply(SourcesRead(target=database, tables={SOURCE: now - 3 * _HOUR}))
        store.apply(ResyncEnded(target=database, complete=True))
    return found.scrape().body()


def _target(database: str) -> Target:
    """Return the target that watches a database."""
    return Target(
        name=database,
        access=Access(aws_region=REGION),
        catalog_id=ACCOUNT,
        views=(ViewPattern(database=database, table="*"),),
    )


def _runs(view: View, now: float, *, troubled: bool) -> Iterator[Run]:
    """Yield what Glue lists of a view: one success, or one long ago and three failures since."""
    failures = [(hours, "FAILED") for hours in (2.5, 1.5, 0.5)]
    for hours, status in [(3.5, "SUCCEEDED"), *failures] if troubled else [(0.5, "SUCCEEDED")]:
        ended = now - hours * _HOUR
        yield Run(
            run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{view.database}.{view.table} {hours}")),
            database=view.database,
            table=view.table,
            status=status,
            refresh_type="INCREMENTAL",
            error_message="Table sales.raw_orders not found" if status == "FAILED" else None,
            creation_time=ended - 320,
            start_time=ended - 300,
            end_time=ended,
            last_updated=ended,
            dpu_seconds=600.0,
            processed_bytes=2**30,
        )
