"""The tables of remembered views and patterns, asked and told directly."""

from dataclasses import replace

import pytest

from exporter.model.view import View
from exporter.store.counting import ViewCounters
from exporter.store.database import StateDatabase
from exporter.store.view_records import ViewRecord, ViewRecords
from tests.support.clock import START

COUNTED = replace(ViewCounters(), duration_sum=60.0, durations=(1, *[0] * 10))
RECORD = ViewRecord(
    database="sales",
    table="daily_orders",
    creation_time=START - 60.0,
    refresh_seconds=3600.0,
    described=True,
    misses=1,
    baseline_at=START,
    unwatched_since=START + 60.0,
    forgotten_failures=2,
    forgotten_after="run-7",
    counters=COUNTED,
)
ORDERS, RETURNS, STOCK = ("sales", "orders"), ("sales", "returns"), ("stock", "*")


@pytest.fixture
def database() -> StateDatabase:
    return StateDatabase.in_memory()


@pytest.fixture
def records(database: StateDatabase) -> ViewRecords:
    return ViewRecords(database.connection, 1, saved_in="main")


def test_all_of_a_view_is_read_back(records: ViewRecords) -> None:
    row = records.put(RECORD)
    assert records.all() == [replace(RECORD, id=row)]


def test_what_is_new_of_a_view_stands_in_the_same_row(records: ViewRecords) -> None:
    row = records.put(ViewRecord(database="sales", table="daily_orders"))
    assert records.put(RECORD) == row
    assert records.all() == [replace(RECORD, id=row)]


def test_a_catalog_has_its_views_alone(database: StateDatabase, records: ViewRecords) -> None:
    elsewhere = ViewRecords(database.connection, 2, saved_in="main")
    rows = [records.put(RECORD), elsewhere.put(ViewRecord(database="sales", table="daily_orders"))]
    assert rows[0] != rows[1]
    assert [record.id for record in records.all()] == rows[:1]
    assert records.saved_counters("sales", "daily_orders") == COUNTED
    assert elsewhere.saved_counters("sales", "daily_orders") == ViewCounters()


def test_a_view_that_is_forgotten_is_not_there_any_more(records: ViewRecords) -> None:
    row, other = records.put(RECORD), records.put(replace(RECORD, table="returns"))
    records.forget(row)
    assert [record.id for record in records.all()] == [other]
    assert records.saved_counters("sales", "daily_orders") == ViewCounters()


@pytest.mark.parametrize(
    "differs",
    [{"described": False}, {"misses": 1}, {"creation_time": START}, {"refresh_seconds": None}],
    ids=str,
)
def test_a_view_is_as_its_table_tells_or_not(differs: dict[str, object]) -> None:
    told = View(database="sales", table="daily_orders", creation_time=START - 60.0, refresh_seconds=3600.0)
    same = replace(RECORD, misses=0)
    assert same.same_as(told)
    assert not replace(same, **differs).same_as(told)  # type: ignore[arg-type] # one of its fields


def test_a_pattern_is_watched_since_it_was_first_named(database: StateDatabase, records: ViewRecords) -> None:
    assert records.watch_patterns([ORDERS], START, alone=True) == {ORDERS: START}
    later = START + 60.0
    assert records.watch_patterns([ORDERS, RETURNS], later, alone=True) == {ORDERS: START, RETURNS: later}
    elsewhere = ViewRecords(database.connection, 2, saved_in="main")
    assert elsewhere.watch_patterns([ORDERS], later, alone=True) == {ORDERS: later}
    assert records.watch_patterns([ORDERS], later, alone=True) == {ORDERS: START}


def test_a_pattern_that_nobody_names_any_more_is_forgotten_if_all_who_may_name_it_are_known(
    records: ViewRecords,
) -> None:
    records.watch_patterns([ORDERS, RETURNS, STOCK], START, alone=True)
    records.watch_patterns([ORDERS], START + 60.0, alone=False)
    assert records.watch_patterns([ORDERS, RETURNS], START + 120.0, alone=True) == {
        ORDERS: START,
        RETURNS: START,
    }
    assert records.watch_patterns([STOCK], START + 180.0, alone=True) == {STOCK: START + 180.0}
