"""Looks for damage that SQLite does not notice: it keeps no checksums of what it stores."""

import json
import sqlite3
from collections.abc import Iterable

from exporter.store.counting import Counted, ViewCounters

_ROWS = 4096
"""Whose texts are looked at together: one by one takes four times as long."""


def check_contents(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Raise sqlite3.Error where some text, or what has been counted, cannot be read."""
    for table in tables:
        _check_texts(connection, table)
    try:
        for (counters,) in connection.execute("SELECT counters FROM main.views"):
            ViewCounters.load(counters)
        # Most runs of a large catalog had ended before their view's baseline; they hold nothing to check.
        for (counted,) in connection.execute("SELECT counted FROM main.runs WHERE counted <> '{}'"):
            Counted.load(counted)
        for (page_ends,) in connection.execute("SELECT page_ends FROM main.listings"):
            [float(end) for end in json.loads(page_ends)]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise sqlite3.DatabaseError("what has been counted or listed cannot be read") from error


def _check_texts(connection: sqlite3.Connection, table: str) -> None:
    """Read every text: that raises for one that is no UTF-8, which SQLite itself does not look at."""
    columns = connection.execute("SELECT name FROM pragma_table_info(?, 'main') WHERE type = 'TEXT'", [table])
    # A line break itself: char(10) is worked out anew for each row, which takes as long as the rest.
    texts = ", ".join(f"group_concat({name}, '\n')" for (name,) in columns.fetchall())
    (last,) = connection.execute(f"SELECT max(id) FROM main.{table}").fetchone()  # noqa: S608 (our own name)
    for first in range(0, (last or 0) + 1, _ROWS):
        between = (first, first + _ROWS - 1)
        connection.execute(f"SELECT {texts} FROM main.{table} WHERE id BETWEEN ? AND ?", between).fetchone()  # noqa: S608 (our own names)
