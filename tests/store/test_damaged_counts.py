"""A file whose tables are sound and whose texts are not: SQLite itself finds nothing wrong with it."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import StorageError
from exporter.model.settings import Settings, ViewPattern
from exporter.store.database import FILE_NAME, StateDatabase
from exporter.store.outcome import ListingRead, PollOutcome
from exporter.store.store import Store
from tests.support.clock import ManualClock
from tests.support.watching import ended, running, target


def counted_run(folder: Path) -> None:
    """Leave a state in which one run is counted."""
    clock = ManualClock()
    patterns = (ViewPattern(database="sales", table="daily_orders"),)
    settings = Settings(targets=(replace(target("prod"), views=patterns),))
    store = Store(clock, database=StateDatabase.open(folder))
    store.configure(settings)
    for run in (running("a"), ended("a")):
        listing = ListingRead(runs=(run,), complete=True)
        store.commit(PollOutcome(target="prod", started=clock.time(), duration=0.0, listings=(listing,)))
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE views SET counters = '{\"runs\"'",
        "UPDATE views SET counters = '[]'",
        "UPDATE runs SET counted = '[1]'",
        "UPDATE runs SET counted = '7'",
        "UPDATE runs SET counted = '[\"FULL\", 1.0'",
    ],
)
def test_counts_that_cannot_be_read_are_a_damaged_file(tmp_path: Path, damage: str) -> None:
    """Found at the start, with what to do: not when a poll needs them."""
    counted_run(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute(damage).rowcount == 1
        connection.commit()
    with pytest.raises(StorageError, match=r"is damaged .*move it away"):
        StateDatabase.open(tmp_path)


def test_counts_that_can_be_read_are_taken_over(tmp_path: Path) -> None:
    counted_run(tmp_path)
    StateDatabase.open(tmp_path).close()
