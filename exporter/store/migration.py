"""Brings a state that an older version wrote to the tables of this one."""

import sqlite3
from collections.abc import Sequence

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE disk.listings (
             id INTEGER PRIMARY KEY,
             catalog INTEGER NOT NULL,
             target TEXT NOT NULL,
             database TEXT,
             table_name TEXT,
             views TEXT NOT NULL,
             newest REAL,
             newest_first INTEGER NOT NULL,
             page_ends TEXT NOT NULL
           ) STRICT""",
        "DROP INDEX disk.runs_by_age",
        "DROP INDEX disk.runs_unsettled",
    ),
)
"""The statements from version 1 to 2, from 2 to 3, and so on; the file is the schema ``disk``.

What is released is never changed here: files of that version are about. Each step leaves the tables with
the columns that SCHEMA gives to new files, in any order.
"""
VERSION = 1 + len(MIGRATIONS)
"""The version of the tables that this program works on."""


def migrate(
    connection: sqlite3.Connection, version: int, steps: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """Take the attached file from its version to the newest that ``steps`` lead to, wholly or not at all."""
    if version > len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in steps[version - 1 :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA disk.user_version = {1 + len(steps)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
