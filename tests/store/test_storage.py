"""The state on disk: what survives, who may open it, and what happens where it cannot be written."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

import pytest

from exporter.errors import StorageError
from exporter.model.run import Run
from exporter.model.view import View
from exporter.store.catalog import CatalogRows, WatchedPattern
from exporter.store.counters import BASELINE, ViewCounters, count
from exporter.store.log_lines import Line
from exporter.store.runs import RunRecord
from exporter.store.storage import APPLICATION_ID, FILE_NAME, VERSION, Storage
from exporter.store.views import SourceRecord, ViewRecord
from tests.support.store_bench import StoreBench, ended, running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the state is; the first start makes it."""
    return tmp_path / "var" / "state"


@pytest.fixture
def bench(folder: Path) -> Iterator[StoreBench]:
    """Return a store with its state on disk, whose view has its baseline."""
    bench = StoreBench(folder)
    bench.watch("sales.*")
    bench.poll()
    yield bench
    if bench.folder:
        bench.stop()


def news(lines: list[Line]) -> list[str]:
    """Return the lines that are about the disk, as far as the first semicolon."""
    return [line.message.split(";")[0] for line in lines if line.message.startswith("the state ")]


def health(bench: StoreBench) -> tuple[bool | None, int | None]:
    """Return what is published of writing: whether the last write succeeded, and how many failed."""
    exporter = bench.shown.exporter
    assert exporter is not None
    return exporter.storage_last_write_successful, exporter.storage_write_failures


def make_file(folder: Path, *statements: str) -> None:
    """Leave an SQLite database where the state would be."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# What survives


def test_a_poll_that_changes_nothing_writes_nothing(bench: StoreBench) -> None:
    bench.poll(ended("a"))
    assert bench.folder is not None
    before = (bench.folder / FILE_NAME).stat().st_mtime_ns
    for _ in range(3):
        bench.poll(ended("a"))
    bench.watch("sales.*")
    assert (bench.folder / FILE_NAME).stat().st_mtime_ns == before


def test_all_that_is_known_is_read_back(folder: Path) -> None:
    """Every member of every record."""
    counters, counted = count(ViewCounters(), ended("a"), None, has_baseline=True)
    run = Run(
        "A-1", "sales", "orders", "FAILED", "FULL", "role", "customer", "no\nway", 1.0, 2.0, 3.0, 4.0, 5.5, 6
    )
    described = View(
        database="sales",
        table="orders",
        creation_time=1.0,
        refresh_seconds=2.0,
        update_time=3.0,
        owner="team",
        managed=True,
        version_id="5",
        source_version_ids=("1", "2"),
        sources=("arn",),
        iceberg_sources=True,
    )
    view = ViewRecord(
        view=described,
        data_changed_at=1.0,
        data_changed_after=2.0,
        compared=True,
        stale_since=3.0,
        described=True,
        misses=1,
        baseline_at=4.0,
        counts_after=5.0,
        unwatched_since=6.0,
        counters=counters,
    )
    assert None not in (*run, *astuple(view), *astuple(described))
    rows = CatalogRows(
        views={view.name: view, ("sales", "named"): ViewRecord(view=View(database="sales", table="named"))},
        runs={
            "a-1": RunRecord(run, view.name, True, 7.0, 1, 8.0, counted),
            "old": RunRecord(ended("old"), view.name, counted=BASELINE),
            "bare": RunRecord(Run("bare")),
        },
        sources={"arn": SourceRecord(1.0, (2.0, 3.0)), "unread": SourceRecord()},
        patterns={("sales", "*"): WatchedPattern(9.0, 10.0), ("hr", "*"): WatchedPattern(11.0)},
        unreadable={"x": 12.0, "": 13.0},
    )
    place, other = ("eu-west-1", "1"), ("eu-west-1", "2")
    storage, nothing = Storage.open(folder)
    assert nothing == {}
    storage.save({place: rows, other: CatalogRows(runs={"a-1": RunRecord(ended("A-1"))})})
    storage.close()

    storage, read = Storage.open(folder)
    assert read[place] == rows
    assert read[place].runs["old"] == rows.runs["old"]
    forgotten: dict[str, RunRecord | None] = {"old": None, "never there": None}
    changes = CatalogRows({view.name: None}, forgotten, {"arn": None}, {("hr", "*"): None}, {"x": None})
    storage.save({place: changes, other: CatalogRows(runs={"a-1": None})})
    storage.close()

    storage, read = Storage.open(folder)
    storage.close()
    assert read.keys() == {place}
    left = read[place]
    assert {*left.views, *left.runs} == {("sales", "named"), "a-1", "bare"}
    assert {*left.sources, *left.patterns, *left.unreadable} == {"unread", ("sales", "*"), ""}


def test_a_save_that_fails_half_way_changes_nothing(folder: Path) -> None:
    """The next one writes all of it."""
    place = ("eu-west-1", "1")
    storage, _ = Storage.open(folder)
    with closing(sqlite3.connect(folder / FILE_NAME)) as another:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.kind = 'unreadable'"
        another.execute(f"{refuse} BEGIN SELECT RAISE(ABORT, 'not today'); END")
        rows = CatalogRows(runs={"a": RunRecord(ended("a"))}, unreadable={"b": 1.0})
        with pytest.raises(StorageError, match=r"^the state cannot be written: not today"):
            storage.save({place: rows})
        assert another.execute("SELECT COUNT(*) FROM records").fetchone() == (0,)
        another.execute("DROP TRIGGER refuse")
    storage.save({place: rows})
    storage.close()
    storage, read = Storage.open(folder)
    storage.close()
    assert read == {place: rows}


# Who may open it


def test_a_second_exporter_on_the_same_folder_is_refused(bench: StoreBench, folder: Path) -> None:
    with pytest.raises(
        StorageError, match=r"another exporter uses .* count every run twice; stop it, or give .*own$"
    ):
        Storage.open(folder)
    bench.poll(ended("a"))
    assert bench.shown.runs_total() == {"SUCCEEDED": 1}


def test_another_programs_database_is_left_alone_and_the_folder_free_again(folder: Path) -> None:
    make_file(folder, "CREATE TABLE notes (text)")
    before = (folder / FILE_NAME).read_bytes()
    for _ in range(2):
        with pytest.raises(StorageError, match=r"not a state of this exporter: choose another --storage"):
            Storage.open(folder)
    assert (folder / FILE_NAME).read_bytes() == before
    (folder / FILE_NAME).unlink()
    for _ in range(2):
        Storage.open(folder)[0].close()


@pytest.mark.parametrize("version", [VERSION + 1, VERSION - 1])
def test_the_state_of_another_version_is_left_alone(folder: Path, version: int) -> None:
    make_file(
        folder,
        "CREATE TABLE records (name)",
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {version}",
    )
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(StorageError, match=rf"another version .*\(state version {version}.*run that version"):
        Storage.open(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_file_that_is_no_database_is_damaged(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text("no database " * 1000)
    with pytest.raises(
        StorageError, match=r"is damaged .*move it away to start with an empty state; counters then begin"
    ) as refused:
        Storage.open(folder)
    assert str(refused.value).endswith("begin at 0, and runs that have ended by then are not counted")


RECORD = "UPDATE records SET record = ?"
MEMBER = "UPDATE records SET record = json_set(record, ?, json(?)) WHERE kind = ?"


@pytest.mark.parametrize(
    ("damage", "parameters"),
    [
        ("UPDATE records SET catalog_id = CAST(x'ff' AS TEXT)", ()),
        ("UPDATE records SET kind = CAST(x'ff' AS TEXT)", ()),
        ("UPDATE records SET key = CAST(x'ff' AS TEXT) WHERE kind = 'runs'", ()),
        ("UPDATE records SET record = CAST(x'ff' AS TEXT)", ()),
        ("UPDATE records SET kind = 'neither' WHERE kind = 'patterns'", ()),
        ("UPDATE records SET key = 'another' WHERE kind = 'runs'", ()),
        ("UPDATE records SET key = ? WHERE kind = 'views'", ('["sales", "another"]',)),
        ("UPDATE records SET key = 'no JSON' WHERE kind = 'views'", ()),
        ("DROP TABLE records", ()),
        *((RECORD, (text,)) for text in ("", "null", "7", "{}", "[]", "[1]", '["a"', "[" * 100_000)),
        (MEMBER, ("$[0][0]", "null", "runs")),
        (MEMBER, ("$[0][1]", "1", "runs")),
        (MEMBER, ("$[0][8]", '"1"', "runs")),
        (MEMBER, ("$[0][14]", "1", "runs")),
        (MEMBER, ("$[1]", '["sales"]', "runs")),
        (MEMBER, ("$[2]", "1", "runs")),
        (MEMBER, ("$[4]", "true", "runs")),
        (MEMBER, ("$[6][3]", "1.5", "runs")),
        (MEMBER, ("$[10]", "{}", "views")),
        (MEMBER, ("$[10][0][0]", '[["SUCCEEDED", "FULL", "more"], 1]', "views")),
        (MEMBER, ("$[10][0][0][0][1]", '"OTHER"', "views")),
        (MEMBER, ("$[10][3]", "[1]", "views")),
        (MEMBER, ("$[0]", "null", "patterns")),
        (MEMBER, ("$[0]", "9" * 400, "patterns")),
        *((RECORD + " WHERE kind = 'patterns'", (f"[{number}, null]",)) for number in ("NaN", "-Infinity")),
        ("UPDATE records SET (kind, key, record) = ('sources', 'arn', '[5.0, []]') WHERE kind = 'views'", ()),
    ],
)
def test_what_sqlite_finds_nothing_wrong_with_may_be_damage_all_the_same(
    bench: StoreBench, folder: Path, damage: str, parameters: tuple[str, ...]
) -> None:
    """Found at the start, with what to do: not when a poll needs it."""
    bench.poll(running("a"))
    bench.poll(ended("a"))
    bench.stop()
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute(damage, parameters)
        connection.commit()
    with pytest.raises(StorageError, match=r"is damaged .*move it away"):
        Storage.open(folder)
    bench.folder = None


@pytest.mark.parametrize(
    ("made", "at", "told"),
    [
        ("file", "file/state", r"the folder .*file/state of --storage.path cannot be written: Not a dir.*$"),
        ("file", "file", r"file of --storage.path cannot be written: it is a file$"),
        (f"{FILE_NAME}/", "", r"cannot be written: make the folder .* writable .*\(unable to open"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, made: str, at: str, told: str) -> None:
    if made.endswith("/"):
        (tmp_path / made).mkdir()
    else:
        (tmp_path / made).touch()
    with pytest.raises(StorageError, match=told):
        Storage.open(tmp_path / at)


# A file that is damaged or taken away while the program runs, or before it starts


def test_a_file_that_was_not_made_whole_is_made_anew(folder: Path) -> None:
    """The program died while it made it."""
    folder.mkdir(parents=True)
    (folder / f"{FILE_NAME}.new").write_bytes(b"half")
    (folder / f"{FILE_NAME}.new-journal").write_bytes(b"half")
    Storage.open(folder)[0].close()
    assert not (folder / f"{FILE_NAME}.new").exists()


def test_a_file_that_is_gone_is_noticed_and_takes_what_has_waited_once_it_is_back(
    bench: StoreBench, folder: Path
) -> None:
    """Other damage meanwhile: ``tests/e2e/test_state.py``. Nothing but the counters waits for the file."""
    aside = folder / "aside"
    (folder / FILE_NAME).rename(aside)
    (line,) = [line for line in bench.poll(ended("a")) if line.level == "error"]
    assert line.message == "the state cannot be written; counters stand still until it can"
    assert re.search(r"removed or replaced by .*restart the exporter$", str(line.fields["error"]))
    assert bench.shown.runs_total() == {}
    assert (bench.shown.facts().last_run, bench.shown.view().up) == (ended("a"), True)
    successful, failures = health(bench)
    assert (successful, bool(failures)) == (False, True)
    assert news(bench.poll(ended("a"), ended("b"))) == []
    assert (health(bench)[1] or 0) > (failures or 0)
    aside.rename(folder / FILE_NAME)
    assert news(bench.poll(ended("a"), ended("b"))) == ["the state can be written again"]
    assert bench.shown.runs_total() == {"SUCCEEDED": 2}
    assert health(bench)[0]
