"""What SQLite finds nothing wrong with and cannot be read all the same, wherever it stands."""

import sqlite3
from typing import Any

import pytest

from exporter.store.counting import Counted, ViewCounters
from exporter.store.database import StateDatabase
from exporter.store.integrity import check_contents
from exporter.store.listings import Listings, ListingSummary
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.schema import TABLES
from exporter.store.view_records import ViewRecord, ViewRecords
from tests.support.watching import ended

DAMAGED = "what has been counted or listed cannot be read"
LAST = 10_000
"""A row that is not among those that are looked at together with the first."""


@pytest.fixture
def database() -> StateDatabase:
    return StateDatabase.in_memory()


@pytest.fixture
def connection(database: StateDatabase) -> sqlite3.Connection:
    """Return a connection to a database with a row or more in each table."""
    connection = database.connection
    connection.execute("INSERT INTO catalogs (aws_region, catalog_id) VALUES ('eu-west-1', '123456789012')")
    views = ViewRecords(connection, 1, saved_in="main")
    views.watch_patterns([("sales", "*")], 0.0, alone=True)
    views.put(ViewRecord(database="sales", table="daily_orders", counters=ViewCounters()))
    summary = ListingSummary(newest=1.0, newest_first=True, page_ends=(0.5,))
    Listings(connection, 1).put("prod", (None, None), [], summary)
    RunRecords(connection, 1).put(RunRecord(run=ended("a")))
    RunRecords(connection, 1).put(RunRecord(run=ended("b")))
    connection.execute("UPDATE runs SET id = ? WHERE run_id = 'b'", [LAST])
    return connection


def test_a_sound_state_passes(connection: sqlite3.Connection) -> None:
    check_contents(connection, TABLES)


def test_an_empty_state_passes(database: StateDatabase) -> None:
    check_contents(database.connection, TABLES)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("catalogs", "catalog_id"),
        ("patterns", "table_name"),
        ("views", "table_name"),
        ("listings", "target"),
        ("runs", "error_message"),
        ("runs", "run_id"),
    ],
)
@pytest.mark.parametrize("row", ["first", "last"])
def test_a_text_that_is_no_utf_8_is_damage(
    connection: sqlite3.Connection, table: str, column: str, row: str
) -> None:
    place = "min" if row == "first" else "max"
    query = f"UPDATE {table} SET {column} = CAST(x'ff' AS TEXT) WHERE id = (SELECT {place}(id) FROM {table})"  # noqa: S608 (our own names)
    connection.execute(query)
    with pytest.raises(sqlite3.Error, match="UTF-8"):
        check_contents(connection, TABLES)


@pytest.mark.parametrize("row", [1, 8191, 8192, 8193, LAST])
def test_no_row_is_left_out_where_many_are_looked_at_together(
    connection: sqlite3.Connection, row: int
) -> None:
    connection.execute("DELETE FROM runs WHERE run_id = 'a'")
    connection.execute("UPDATE runs SET id = ?, error_message = CAST(x'ff' AS TEXT)", [row])
    with pytest.raises(sqlite3.Error, match="UTF-8"):
        check_contents(connection, TABLES)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE views SET counters = '{}'",
        "UPDATE runs SET counted = '[1'",
        "UPDATE runs SET counted = '[]'",
        "UPDATE runs SET counted = '7'",
        "UPDATE listings SET page_ends = '[1.0, \"late\"]'",
        "UPDATE listings SET page_ends = '[null]'",
        "UPDATE listings SET page_ends = '[1.0'",
        "UPDATE listings SET page_ends = '7'",
    ],
)
def test_what_was_counted_or_listed_and_does_not_make_sense_is_damage(
    connection: sqlite3.Connection, damage: str
) -> None:
    connection.execute(damage)
    with pytest.raises(sqlite3.DatabaseError, match=f"^{DAMAGED}$"):
        check_contents(connection, TABLES)


def test_a_run_of_a_baseline_has_nothing_to_check(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE runs SET counted = '{}'")
    check_contents(connection, TABLES)


def test_sqlite_answers_a_few_times_however_many_rows_there_are(connection: sqlite3.Connection) -> None:
    """After each answer the thread waits for the interpreter, which is busy while a program starts."""

    def answers() -> int:
        rows: list[tuple[Any, ...]] = []

        def note(_: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
            rows.append(row)
            return row

        connection.row_factory = note
        check_contents(connection, TABLES)
        connection.row_factory = None
        return len(rows)

    before = answers()
    counted = Counted(dpu_seconds=1.0)
    for number in range(300):
        RunRecords(connection, 1).put(RunRecord(run=ended(f"more {number}"), counted=counted))
        views = ViewRecords(connection, 1, saved_in="main")
        views.put(ViewRecord(database="sales", table=f"more {number}", counters=ViewCounters()))
    assert answers() == before
