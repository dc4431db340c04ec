"""A state that is what a stop has left need not be searched again; any other one is."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import StorageError
from exporter.store import seal
from exporter.store.database import FILE_NAME, StateDatabase
from tests.support.view_bench import ViewBench
from tests.support.watching import running

NOTE = f"{FILE_NAME}.sha256"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with what a stop has left."""
    bench = ViewBench(tmp_path / "state")
    bench.watch("sales.*")
    bench.poll(running("a"))
    bench.stop()
    return tmp_path / "state"


def damage(folder: Path) -> None:
    """Make a text unreadable, which SQLite itself does not notice."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET status = CAST(x'ff' AS TEXT)")


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()


def test_a_stop_leaves_a_note_that_sha256sum_can_check(folder: Path) -> None:
    searched, line = (folder / NOTE).read_text().splitlines()
    assert searched.startswith("# searched for damage by glue-mv-exporter ")
    assert line == f"{digest(folder)}  {FILE_NAME}"


def test_the_note_is_gone_as_soon_as_the_state_is_in_use(folder: Path) -> None:
    """After a crash there is none."""
    held = digest(folder)
    database = StateDatabase.open(folder)
    assert database.digest == held
    assert not (folder / NOTE).exists()
    database.close()
    assert (folder / NOTE).exists()


def test_what_was_searched_is_not_searched_again(folder: Path) -> None:
    """As this note shows, which says so of a file that is damaged."""
    (folder / NOTE).unlink()
    damage(folder)
    whole = Path(shutil.copytree(folder, folder.parent / "searched"))
    (folder / NOTE).write_text(seal._note(folder / FILE_NAME, digest(folder)))
    StateDatabase.open(folder).close()
    with pytest.raises(StorageError, match="is damaged"):
        StateDatabase.open(whole)


def test_a_file_that_has_changed_since_is_searched(folder: Path) -> None:
    damage(folder)
    with pytest.raises(StorageError, match="is damaged"):
        StateDatabase.open(folder)


def test_what_another_version_has_searched_is_searched(folder: Path) -> None:
    """It may have looked for something else."""
    damage(folder)
    note = seal._note(folder / FILE_NAME, digest(folder))
    (folder / NOTE).write_text(note.replace("glue-mv-exporter ", "glue-mv-exporter 0."))
    with pytest.raises(StorageError, match="is damaged"):
        StateDatabase.open(folder)


def test_a_file_that_is_damaged_when_it_is_closed_gets_no_note(folder: Path) -> None:
    """Something has written into it: the next start tells of it."""
    (folder / NOTE).unlink()
    damage(folder)
    assert seal.leave(folder / FILE_NAME) is None
    (folder / FILE_NAME).write_bytes(b"no database, but long enough to be one" * 1000)
    assert seal.leave(folder / FILE_NAME) is None
    assert not (folder / NOTE).exists()


@pytest.mark.parametrize("taken_away", [False, True])
def test_to_search_leaves_nothing_else_behind(folder: Path, taken_away: bool) -> None:  # noqa: FBT001 (a case)
    if taken_away:
        (folder / FILE_NAME).unlink()
    before = {path.name for path in folder.iterdir()}
    assert (seal.leave(folder / FILE_NAME) is None) == taken_away
    assert {path.name for path in folder.iterdir()} == before


def test_a_note_that_cannot_be_written_costs_nothing_but_time(folder: Path) -> None:
    (folder / NOTE).unlink()
    (folder / NOTE).mkdir()
    assert seal.leave(folder / FILE_NAME) == digest(folder)
    database = StateDatabase.open(folder)
    assert database.digest is None
    database.close()


def test_part_of_a_note_is_none(folder: Path) -> None:
    note = (folder / NOTE).read_bytes()
    (folder / NOTE).write_bytes(note[:-1])
    assert seal.take(folder / FILE_NAME) is None


def test_a_name_that_a_url_would_read_otherwise_is_a_name(folder: Path) -> None:
    odd = folder.rename(folder.parent / "100% #1?mode=memory")
    assert seal.leave(odd / FILE_NAME) == digest(odd)
