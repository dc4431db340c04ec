"""A state that is there is opened early; one that is not is made when it is asked for, and not before."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.cli.early_state import EarlyState
from exporter.errors import StorageError
from exporter.store.database import FILE_NAME, StateDatabase


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that holds a state with one catalog."""
    database = StateDatabase.open(tmp_path)
    database.connection.execute("INSERT INTO catalogs (aws_region, catalog_id) VALUES ('eu-west-1', '1')")
    database.save()
    database.close()
    return tmp_path


def test_without_a_folder_it_ends_with_the_process() -> None:
    with EarlyState(None) as state:
        assert not state.take().on_disk


def test_whoever_asks_gets_what_is_there(folder: Path) -> None:
    with EarlyState(str(folder)) as state:
        database = state.take()
    assert database.connection.execute("SELECT aws_region FROM catalogs").fetchall() == [("eu-west-1",)]
    database.close()


def test_it_tells_whether_whoever_asks_now_has_to_wait(folder: Path) -> None:
    with EarlyState(None) as none, EarlyState(str(folder / "not there")) as new:
        assert not none.being_opened
        assert not new.being_opened
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with EarlyState(str(folder)) as state:
            assert state.being_opened  # it waits for whoever writes there
            somebody.execute("ROLLBACK")
            state.take().close()
            assert not state.being_opened


def test_what_nobody_asks_for_is_closed(folder: Path) -> None:
    """As where the configuration turns out to be invalid: the next process must get the folder."""
    with pytest.raises(LookupError), EarlyState(str(folder)):
        raise LookupError("the configuration is invalid")
    StateDatabase.open(folder).close()


def test_nothing_is_made_before_somebody_asks(tmp_path: Path) -> None:
    """A configuration that is refused leaves nothing behind."""
    folder = tmp_path / "state"
    with EarlyState(str(folder)):
        pass
    assert not folder.exists()
    with EarlyState(str(folder)) as state:
        state.take().close()
    assert (folder / FILE_NAME).is_file()


def test_what_cannot_be_used_is_told_to_whoever_asks(folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"no database " * 1000)
    with EarlyState(str(folder)):
        pass
    with EarlyState(str(folder)) as state, pytest.raises(StorageError, match="damaged"):
        state.take()
