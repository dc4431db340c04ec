"""A state of an older version is brought forward, wholly or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.store.database import FILE_NAME, StateDatabase
from exporter.store.migration import MIGRATIONS, VERSION, migrate
from tests.support.view_bench import DAILY, ViewBench
from tests.support.watching import ended

TO_VERSION_2 = (
    "ALTER TABLE disk.views ADD COLUMN owner TEXT",
    "UPDATE disk.views SET owner = database || '.' || table_name",
)
TO_VERSION_3 = ("CREATE TABLE disk.notes (id INTEGER PRIMARY KEY) STRICT",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Leave the state of an exporter that has counted a run of a view."""
    bench = ViewBench(tmp_path)
    bench.watch(DAILY)
    bench.poll()
    bench.poll(ended("a"))
    bench.stop()
    return tmp_path


@pytest.fixture
def connection(folder: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to which that state is attached."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS disk", [str(folder / FILE_NAME)])
        connection.execute("PRAGMA disk.user_version = 1")
        yield connection


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA disk.user_version").fetchone()[0])


def test_all_steps_from_the_files_version_on_are_taken(connection: sqlite3.Connection) -> None:
    migrate(connection, 1, [TO_VERSION_2, TO_VERSION_3])
    assert version(connection) == 3
    assert connection.execute("SELECT owner FROM disk.views").fetchall() == [(DAILY,)]
    assert connection.execute("SELECT COUNT(*) FROM disk.notes").fetchone() == (0,)


def test_steps_before_the_files_version_are_not_taken_again(connection: sqlite3.Connection) -> None:
    migrate(connection, 1, [TO_VERSION_2])
    migrate(connection, 2, [TO_VERSION_2, TO_VERSION_3])
    assert version(connection) == 3


def test_a_file_of_this_version_is_left_alone(connection: sqlite3.Connection) -> None:
    migrate(connection, 3, [("nonsense",), ("nonsense",)])
    assert version(connection) == 1


def test_a_step_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        migrate(connection, 1, [TO_VERSION_2, ("nonsense",)])
    assert version(connection) == 1
    columns = [row[0] for row in connection.execute("SELECT name FROM pragma_table_info('views', 'disk')")]
    assert "owner" not in columns


def test_the_version_follows_from_the_steps() -> None:
    assert len(MIGRATIONS) + 1 == VERSION


@pytest.mark.parametrize("table", ["views", "runs"])
def test_columns_in_another_order_make_no_difference(folder: Path, table: str) -> None:
    """A migration adds its columns at the end, a new file may have them in the middle."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        (schema,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [table]).fetchone()
        names = "SELECT name FROM pragma_table_info(?)"
        columns = [row[0] for row in connection.execute(names, [table])]
        lines = schema.splitlines()
        moved = "\n".join([*lines[:4], *lines[5:-2], lines[4], *lines[-2:]])
        connection.execute(f"ALTER TABLE {table} RENAME TO before")
        connection.execute(moved)
        listed = ",".join(columns)
        connection.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM before")  # noqa: S608 (names of columns)
        connection.execute("DROP TABLE before")
        connection.commit()
        reordered = [row[0] for row in connection.execute(names, [table])]
    assert sorted(reordered) == sorted(columns)
    assert reordered != columns
    bench = ViewBench(folder)
    bench.watch(DAILY)
    bench.poll(ended("a"), ended("b"))
    bench.restart()
    bench.watch(DAILY)
    bench.poll(ended("a"), ended("b"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 2}
    bench.stop()


def test_a_file_is_this_versions_after_it_has_been_opened(folder: Path) -> None:
    StateDatabase.open(folder).close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
