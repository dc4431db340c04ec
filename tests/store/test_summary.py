"""What it takes to sum a view up: after a start that is done for every view before the exporter is ready."""

import pytest

from exporter.model.run import Run
from exporter.store.counting import ViewCounters
from exporter.store.database import StateDatabase
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.view_book import ViewBook, WatchedView
from exporter.store.view_records import ViewRecord, ViewRecords
from tests.support.clock import START
from tests.support.watching import ended, running

VIEW = 7
FAILED = ended("older", status="FAILED")._replace(creation_time=START - 100.0)


@pytest.mark.parametrize(
    ("newest", "queries"),
    [
        pytest.param(ended("a"), 4, id="succeeded: newest runs, last failure, and phases"),
        pytest.param(ended("a", status="FAILED"), 6, id="failed: also the last success and the failures"),
        pytest.param(running("a"), 7, id="running: also what has not ended"),
    ],
)
def test_a_view_is_asked_only_for_what_its_newest_run_does_not_tell(newest: Run, queries: int) -> None:
    database = StateDatabase.in_memory()
    runs = RunRecords(database.connection, 1)
    for run in (FAILED, newest):
        runs.put(RunRecord(run=run, view=VIEW, settled=run.ended))
    record = ViewRecord(id=VIEW, database="sales", table="daily_orders", described=True)
    watched = WatchedView(record, "prod", literal=True, expected_interval=None, saved_counters=ViewCounters())
    asked: list[str] = []
    database.connection.set_trace_callback(asked.append)

    shown = ViewBook(ViewRecords(database.connection, 1, saved_in="main")).summarise(watched, runs, newest=1)

    assert shown == ["a"]
    assert len(asked) == queries
