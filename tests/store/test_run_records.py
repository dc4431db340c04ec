"""The table of remembered runs, asked and told directly."""

from collections.abc import Callable, Collection
from itertools import islice

import pytest

from exporter.model.run import Status
from exporter.store.counting import Counted
from exporter.store.database import StateDatabase
from exporter.store.run_records import READS_UNTIL_GONE, WORTH_SORTING_ALL, RunRecord, RunRecords
from tests.support.clock import START
from tests.support.watching import ended, running

VIEW = 7


def steps_of(database: StateDatabase, work: Callable[[], object]) -> int:
    """Count the instructions that SQLite's virtual machine takes for it."""
    done = 0

    def step() -> int:
        nonlocal done
        done += 1
        return 0

    database.connection.set_progress_handler(step, 1)
    try:
        work()
    finally:
        database.connection.set_progress_handler(None, 0)
    return done


@pytest.fixture
def database() -> StateDatabase:
    return StateDatabase.in_memory()


@pytest.fixture
def records(database: StateDatabase) -> RunRecords:
    return RunRecords(database.connection, 1)


def test_all_of_a_run_is_read_back(records: RunRecords) -> None:
    run = ended("a", status="FAILED")._replace(
        refresh_type="FULL",
        role="arn:aws:iam::123456789012:role/refresh",
        customer_id="210987654321",
        error_message="no such table",
        processed_bytes=1024,
    )
    record = RunRecord(
        run=run,
        view=VIEW,
        settled=True,
        first_seen_ended=START + 61.0,
        misses=1,
        unlisted_since=START + 62.0,
        counted=Counted(refresh_type="FULL", dpu_seconds=120.0, processed_bytes=1024),
    )
    assert None not in record.run
    records.put(record)
    assert records.get(["a", "b"]) == {"a": record}


def test_many_runs_are_read_with_few_queries(database: StateDatabase, records: RunRecords) -> None:
    run_ids = [f"run-{number}" for number in range(1001)]
    for run_id in run_ids:
        records.put(RunRecord(run=running(run_id)))
    queries: list[str] = []
    database.connection.set_trace_callback(queries.append)
    assert records.get(run_ids).keys() == set(run_ids)
    assert len(queries) == 3


def test_a_views_runs_are_counted_by_phase(records: RunRecords) -> None:
    assert records.phases(VIEW) == {"active": 0, "settling": 0, "settled": 0}
    for run in (ended("a"), ended("b")):
        records.put(RunRecord(run=run, view=VIEW, settled=True))
    records.put(RunRecord(run=ended("c"), view=VIEW))
    assert records.phases(VIEW) == {"active": 0, "settling": 1, "settled": 2}
    records.put(RunRecord(run=running("d"), view=VIEW))
    records.put(RunRecord(run=running("of another view"), view=VIEW + 1))
    assert records.phases(VIEW) == {"active": 1, "settling": 1, "settled": 2}


def by_table(records: RunRecords, run_ids: Collection[str]) -> list[str]:
    """Return the IDs of the named runs in the order of their rows."""
    return [run.run_id for run in records.in_rows(records.rows_by_table(run_ids))]


def test_runs_have_their_place_by_table_and_age(database: StateDatabase, records: RunRecords) -> None:
    """Whether many of them are asked for, or few."""
    for table in ("returns", "daily_orders"):
        for age in (1.0, 2.0, 3.0, 4.0):
            run = running(f"{table} {age:.0f}")._replace(table=table, creation_time=START - age)
            records.put(RunRecord(run=run))
    RunRecords(database.connection, 2).put(RunRecord(run=running("of another catalog")))
    in_order = [f"{table} {age}" for table in ("daily_orders", "returns") for age in (4, 3, 2, 1)]
    assert by_table(records, {*in_order, "of another catalog", "never heard of"}) == in_order
    assert by_table(records, {"returns 2", "daily_orders 1"}) == ["daily_orders 1", "returns 2"]
    assert by_table(records, {"of another catalog"}) == []
    assert len(in_order) / WORTH_SORTING_ALL == 2


def test_few_runs_are_looked_for_and_of_a_quarter_on_all_are_sorted(
    database: StateDatabase, records: RunRecords
) -> None:
    remembered = [f"run-{number:02}" for number in range(3 * WORTH_SORTING_ALL)]
    for number, run_id in enumerate(remembered):
        records.put(RunRecord(run=running(run_id)._replace(creation_time=START + number)))
    queries: list[str] = []
    database.connection.set_trace_callback(queries.append)
    for wanted, looked_for in ((remembered[1:3], True), (remembered[1:4], False)):
        assert by_table(records, wanted[::-1]) == wanted
        assert any(wanted[0] in query for query in queries) is looked_for
        queries.clear()


def test_a_run_that_glue_no_longer_finds_has_no_values_in_its_row(records: RunRecords) -> None:
    records.put(RunRecord(run=running("there")))
    records.put(RunRecord(run=running("gone"), misses=READS_UNTIL_GONE))
    assert len(records.rows_by_table({"there", "gone"})) == 2
    assert by_table(records, {"there", "gone"}) == ["there"]


@pytest.mark.parametrize(
    "look",
    [
        lambda records: records.unended(VIEW),
        lambda records: records.newest_with_status(VIEW, Status.FAILED),
        lambda records: records.newest_with_status(VIEW, Status.SUCCEEDED),
        lambda records: records.newest(VIEW, 3),
        lambda records: records.failures_in_a_row(VIEW),
    ],
    ids=["unended", "last failure", "last success", "newest", "failures"],
)
def test_what_a_view_is_summed_up_from_is_found_without_a_look_at_all_its_runs(
    database: StateDatabase, records: RunRecords, look: Callable[[RunRecords], object]
) -> None:
    """After a start each view is summed up, before the exporter is ready."""
    steps: list[int] = []
    numbers = iter(range(1000))
    for more in (20, 180):
        for number in islice(numbers, more):
            run = ended(f"run {number}")._replace(creation_time=START + number)
            records.put(RunRecord(run=run, view=VIEW, settled=True))
        steps.append(steps_of(database, lambda: look(records)))
    few, many = steps
    assert many <= few + 20


def test_to_count_a_views_runs_takes_little_for_each(database: StateDatabase, records: RunRecords) -> None:
    """They are not read: their index is enough."""
    steps: list[int] = []
    for number in range(101):
        records.put(RunRecord(run=ended(f"run {number}"), view=VIEW, settled=True))
        steps.append(steps_of(database, lambda: records.phases(VIEW)))
    assert steps[100] - steps[0] <= 3 * 100


def test_what_glue_reported_is_read_of_the_runs_that_have_values_to_show(records: RunRecords) -> None:
    """An unsettled run that two reads have missed has none; a settled one is shown, whatever became of it."""
    shown = [
        RunRecord(run=ended("settled"), settled=True, misses=2),
        RunRecord(run=running("missed"), misses=1),
    ]
    for record in (*shown, RunRecord(run=running("gone"), misses=2)):
        records.put(record)
    wanted = ["settled", "missed", "gone", "never heard of"]
    assert records.there(wanted) == {record.run.run_id: record.run for record in shown}
    assert records.there([]) == {}
