"""Looks for damage that SQLite does not notice: it keeps no checksums of what it stores."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator

from exporter.store.counting import Counted, ViewCounters

_ROWS = 8192
"""Whose texts are looked at together. After each answer of SQLite this thread waits for the interpreter,
which loads the rest of the program meanwhile: an answer for each row would take longer than all else."""


def check_file(connection: sqlite3.Connection, schema: str) -> None:
    """Raise sqlite3.Error for damage that SQLite itself notices, if it is asked to look for it."""
    problems = connection.execute(f"PRAGMA {schema}.quick_check(1)").fetchone()[0]
    if problems != "ok":
        raise sqlite3.DatabaseError(" ".join(problems.split()))  # several lines otherwise


def check_contents(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Raise sqlite3.Error where some text, or what has been counted, cannot be read."""
    for table in tables:
        _check_texts(connection, table)
    try:
        _read_all(connection, "views", "counters", ViewCounters.load)
        # Most runs of a large catalog had ended before their view's baseline; they hold nothing to check.
        _read_all(connection, "runs", "nullif(counted, '{}')", Counted.load)
        _read_all(connection, "listings", "page_ends", lambda ends: [float(end) for end in json.loads(ends)])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise sqlite3.DatabaseError("what has been counted or listed cannot be read") from error


def _check_texts(connection: sqlite3.Connection, table: str) -> None:
    """Read every text: that raises for one that is no UTF-8, which SQLite itself does not look at."""
    columns = connection.execute("SELECT name FROM pragma_table_info(?, 'main') WHERE type = 'TEXT'", [table])
    # With a comma between them: another separator would be looked at for each of them.
    texts = ", ".join(f"group_concat({name})" for (name,) in columns.fetchall())
    for _ in _answers(connection, table, texts):
        pass


def _read_all(connection: sqlite3.Connection, table: str, column: str, read: Callable[[str], object]) -> None:
    """Have each text of a column read; in none of them there is a line break."""
    for texts in _answers(connection, table, f"group_concat({column}, '\n')"):
        for text in texts.split("\n") if texts is not None else ():
            read(text)


def _answers(connection: sqlite3.Connection, table: str, aggregates: str) -> Iterator[str | None]:
    """Yield the first of these aggregates of many rows, and then of the next ones."""
    (last,) = connection.execute(f"SELECT max(id) FROM main.{table}").fetchone()  # noqa: S608 (our own name)
    for first in range(0, (last or 0) + 1, _ROWS):
        between = (first, first + _ROWS - 1)
        yield connection.execute(
            f"SELECT {aggregates} FROM main.{table} WHERE id BETWEEN ? AND ?",  # noqa: S608 (our own names)
            between,
        ).fetchone()[0]
