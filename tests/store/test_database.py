"""The state on disk: what survives, who may open it, and what happens where it cannot be written."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from exporter.errors import StorageError
from exporter.store.database import APPLICATION_ID, FILE_NAME, LOCK_NAME, StateDatabase, _explain
from exporter.store.migration import VERSION
from exporter.store.outcome import Event, StorageFailing, StorageWorking
from tests.support.view_bench import DAILY, ViewBench
from tests.support.watching import ended, running, target

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the state is; the first start makes it."""
    return tmp_path / "var" / "state"


@pytest.fixture
def bench(folder: Path) -> Iterator[ViewBench]:
    """Return a store with its state on disk, whose view has its baseline."""
    bench = ViewBench(folder)
    bench.watch("sales.*")
    bench.poll()
    yield bench
    bench.stop()


def news(events: list[Event]) -> list[type[Event]]:
    """Return what the events tell of the disk."""
    return [type(event) for event in events if isinstance(event, StorageFailing | StorageWorking)]


def health(bench: ViewBench) -> tuple[bool | None, int | None]:
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


@pytest.mark.parametrize("start_anew", [ViewBench.restart, ViewBench.crash], ids=["stop", "crash"])
def test_neither_a_stop_nor_a_crash_loses_anything_or_counts_it_twice(
    bench: ViewBench, start_anew: Callable[[ViewBench], None]
) -> None:
    """What the folder holds after a commit is the whole state, without any closing."""
    bench.poll(ended("a"))
    before = bench.shown.facts(DAILY)
    start_anew(bench)
    bench.watch("sales.*")
    bench.poll(ended("a"))
    assert bench.shown.facts(DAILY) == before
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}


def test_a_run_that_ends_while_the_program_is_away_is_counted(bench: ViewBench) -> None:
    bench.poll(running("a"))
    bench.crash()
    bench.watch("sales.*")
    bench.poll(ended("a"), ended("b"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 2}


def test_a_settled_run_is_not_fetched_again_after_a_start(folder: Path) -> None:
    bench = ViewBench(folder)
    configured = target("prod", "a")
    bench.configure(configured)
    bench.clock.advance(3700.0)
    bench.poll(tables=None, read={"a": ended("a")})
    bench.restart()
    bench.configure(configured)
    watch = bench.store.watch("prod")
    assert watch is not None
    assert watch.due == ()
    bench.stop()


def test_without_a_folder_counters_begin_at_0() -> None:
    bench = ViewBench()
    bench.watch("sales.*")
    bench.poll()
    bench.poll(ended("a"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}
    bench.restart()
    bench.watch("sales.*")
    bench.poll(ended("a"))
    assert bench.shown.runs_total(DAILY) == {}
    bench.stop()


def test_a_poll_that_changes_nothing_writes_nothing(bench: ViewBench) -> None:
    bench.poll(ended("a"))
    assert bench.folder is not None
    wal = bench.folder / f"{FILE_NAME}-wal"
    size = wal.stat().st_size
    for _ in range(3):
        bench.poll(ended("a"))
    assert wal.stat().st_size == size
    assert bench.database.save() is False


def test_save_tells_whether_there_was_anything_to_write(tmp_path: Path) -> None:
    with closing(StateDatabase.open(tmp_path)) as database:
        assert database.save() is False
        add_catalog(database)
        assert database.save() is True
        assert database.save() is False


def test_a_database_in_memory_has_nothing_to_write() -> None:
    with closing(StateDatabase.in_memory()) as database:
        add_catalog(database)
        assert database.save() is False


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    with closing(StateDatabase.open(tmp_path)) as database:
        add_catalog(database)
        database.save()
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            add_catalog(database, "2", "1")
        assert database.save() is False


def add_catalog(database: StateDatabase, *catalog_ids: str) -> None:
    """Change the state in one transaction."""
    with database.transaction() as connection:
        for catalog_id in catalog_ids or ("1",):
            connection.execute(
                "INSERT INTO catalogs (aws_region, catalog_id) VALUES ('eu-west-1', ?)", [catalog_id]
            )


def test_any_thread_may_change_the_state_and_write_it(tmp_path: Path) -> None:
    with closing(StateDatabase.open(tmp_path)) as database, ThreadPoolExecutor(1) as another:
        another.submit(add_catalog, database).result()
        assert another.submit(database.save).result() is True


def test_why_the_file_does_not_take_a_write_is_told(tmp_path: Path) -> None:
    with closing(StateDatabase.open(tmp_path)) as database:
        make_file(tmp_path, "DROP TABLE catalogs")
        add_catalog(database)
        with pytest.raises(StorageError, match=r"^the state cannot be written: no such table"):
            database.save()


# Who may open it


def test_a_second_exporter_on_the_same_folder_is_turned_away(bench: ViewBench, folder: Path) -> None:
    with pytest.raises(
        StorageError, match=r"another exporter uses .* count every run twice; stop it, or give .*own$"
    ):
        StateDatabase.open(folder)
    bench.poll(ended("a"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}


def test_a_folder_is_free_again_once_it_is_closed_or_could_not_be_opened(folder: Path) -> None:
    make_file(folder, "CREATE TABLE notes (text)")
    for _ in range(2):
        with pytest.raises(StorageError, match="is not a state of this exporter"):
            StateDatabase.open(folder)
    (folder / FILE_NAME).unlink()
    for _ in range(2):
        StateDatabase.open(folder).close()


def test_another_programs_database_is_left_alone(folder: Path) -> None:
    make_file(folder, "CREATE TABLE notes (text)")
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(
        StorageError, match=r"is not a state of this exporter: choose another --storage\.path"
    ):
        StateDatabase.open(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_newer_versions_state_is_left_alone(folder: Path) -> None:
    newer = VERSION + 1
    make_file(
        folder,
        "CREATE TABLE views (name)",
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {newer}",
    )
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(StorageError, match=rf"newer version .*\(state version {newer}.*run that version"):
        StateDatabase.open(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_file_that_is_no_database_is_damaged(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text("no database " * 1000)
    with pytest.raises(
        StorageError, match=r"is damaged .*move it away to start anew; counters then begin"
    ) as told:
        StateDatabase.open(folder)
    assert str(told.value).endswith("begin at 0, and runs that have ended by then are not counted")


def test_a_file_with_torn_pages_is_damaged(folder: Path) -> None:
    StateDatabase.open(folder).close()
    file = folder / FILE_NAME
    size = file.stat().st_size
    with file.open("r+b") as content:
        content.seek(4096)
        content.write(b"\xa5" * (size - 4096))
    with pytest.raises(StorageError, match=r"is damaged \(\*\*\* in database disk .*\): move it away"):
        StateDatabase.open(folder)


@pytest.mark.parametrize("row", ["'x', 0", "NULL, 0", "1, 'x'"], ids=["text", "nothing", "no number"])
def test_a_run_with_values_that_no_run_has_is_damage(folder: Path, row: str) -> None:
    """Records are taken in as they are, so this must be noticed before."""
    StateDatabase.open(folder).close()
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as connection:
        (schema,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'runs'").fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        loose = schema.replace("NOT NULL", "").replace("STRICT", "")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'runs'", [loose])
        connection.execute("PRAGMA writable_schema = RESET")
        columns = "catalog, dpu_seconds, run_id, ended, settled, misses"
        connection.execute(f"INSERT INTO runs ({columns}) VALUES ({row}, 'a', 1, 1, 0)")  # noqa: S608 (see above)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'runs'", [schema])
    with pytest.raises(StorageError, match="is damaged"):
        StateDatabase.open(folder)


def test_a_run_that_is_there_twice_is_damage(folder: Path) -> None:
    StateDatabase.open(folder).close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.executemany(
            "INSERT INTO runs (catalog, run_id, ended, settled, misses) VALUES (1, ?, 1, 1, 0)", ["a", "a"]
        )
        connection.commit()
    with pytest.raises(StorageError, match=r"is damaged .*UNIQUE"):
        StateDatabase.open(folder)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StorageError, match=r"the folder .*file/state of --storage.path cannot be written: Not a directory$"
    ):
        StateDatabase.open(tmp_path / "file" / "state")


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file of --storage.path cannot be written: it is a file$"):
        StateDatabase.open(tmp_path / "file")


def test_a_folder_in_the_place_of_the_file_is_told(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)
    with pytest.raises(
        StorageError, match=r"cannot be written: make the folder .* writable .*\(unable to open"
    ):
        StateDatabase.open(folder)


def test_a_file_that_may_only_be_read_is_told(folder: Path) -> None:
    """One that a later SQLite writes in another way is as good as one without the permission to write."""
    StateDatabase.open(folder).close()
    with (folder / FILE_NAME).open("r+b") as content:
        content.seek(18)  # the version that it takes to write it
        content.write(b"\x03")
    with pytest.raises(
        StorageError, match=r"cannot be written: make the folder .* writable .*\(attempt to write"
    ):
        StateDatabase.open(folder)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("SQLITE_PERM", "make the folder of --storage.path writable for this user"),
        ("SQLITE_READONLY_DIRECTORY", "make the folder of --storage.path writable for this user"),
        ("SQLITE_FULL", "is the disk full or broken?"),
        ("SQLITE_IOERR_WRITE", "is the disk full or broken?"),
    ],
)
def test_what_is_wrong_with_the_disk_is_told_with_what_to_do(name: str, advice: str) -> None:
    error = sqlite3.OperationalError("as SQLite says")
    error.sqlite_errorname = name
    assert _explain(Path("file"), error) == f"file cannot be written: {advice} (as SQLite says)"


# A file that is taken away while the program runs


@pytest.mark.parametrize("replaced", [False, True], ids=["taken away", "replaced"])
def test_a_file_that_is_gone_stops_the_counters_and_nothing_else(bench: ViewBench, *, replaced: bool) -> None:
    """What is published as counted must survive; once the file is back, the counters catch up."""
    assert bench.folder is not None
    file, aside = bench.folder / FILE_NAME, bench.folder / "aside"
    file.rename(aside)
    if replaced:
        shutil.copyfile(aside, file)
    assert news(bench.poll(ended("a"))) == [StorageFailing]
    assert bench.shown.runs_total(DAILY) == {}
    assert bench.shown.facts(DAILY).last_run == ended("a")
    assert bench.shown.view(DAILY).up
    assert health(bench) == (False, 1)

    assert news(bench.poll(ended("a"), ended("b"))) == []
    assert bench.shown.runs_total(DAILY) == {}
    assert bench.shown.facts(DAILY).last_run == ended("b")
    assert health(bench) == (False, 2)
    with pytest.raises(StorageError, match=r"taken away or replaced: .* lost; restart the exporter$"):
        bench.database.save()

    aside.rename(file)
    assert news(bench.poll(ended("a"), ended("b"))) == [StorageWorking]
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 2}
    assert health(bench) == (True, 2)


def test_a_crash_while_the_file_is_gone_counts_what_was_not_published(bench: ViewBench) -> None:
    """The state is then that of the last write; nothing of it was published but what it holds."""
    assert bench.folder is not None
    file, aside = bench.folder / FILE_NAME, bench.folder / "aside"
    file.rename(aside)
    bench.poll(ended("a"))
    aside.rename(file)
    bench.crash()
    bench.watch("sales.*")
    bench.poll(ended("a"))
    assert bench.shown.runs_total(DAILY) == {"SUCCEEDED": 1}


# A full disk, played by a limit on the size of files: in a process of its own, for it binds the whole process


def run(script: str, folder: Path) -> Any:
    """Run a script in a process of its own and return what it prints."""
    command = [sys.executable, "-c", dedent(script), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_full_disk_stops_the_counters_until_it_takes_writes_again(folder: Path) -> None:
    told = run(
        """
        import json, resource, sys
        from pathlib import Path
        from exporter.store.outcome import StorageFailing, StorageWorking
        from tests.support.view_bench import DAILY, ViewBench
        from tests.support.watching import ended

        def poll(*runs):
            events = [e for e in bench.poll(*runs) if isinstance(e, StorageFailing | StorageWorking)]
            names = [type(event).__name__ for event in events]
            told.append([names, bench.shown.runs_total(DAILY), bench.shown.facts(DAILY).last_run.run_id])

        folder = Path(sys.argv[1])
        bench, told = ViewBench(folder), []
        bench.watch("sales.*")
        bench.poll()
        poll(ended("a"))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (folder / "state.sqlite3-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        poll(ended("b"))
        poll(ended("b"), ended("c"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        poll(ended("b"), ended("c"))
        bench.crash()
        bench.watch("sales.*")
        poll(ended("a"), ended("b"), ended("c"))
        bench.stop()
        print(json.dumps(told))
        """,
        folder,
    )
    assert told == [
        [[], {"SUCCEEDED": 1}, "a"],
        [["StorageFailing"], {"SUCCEEDED": 1}, "b"],
        [[], {"SUCCEEDED": 1}, "c"],
        [["StorageWorking"], {"SUCCEEDED": 3}, "c"],
        [[], {"SUCCEEDED": 3}, "c"],
    ]


def test_a_disk_that_is_full_at_the_start_is_told_at_the_start(folder: Path) -> None:
    message = run(
        """
        import json, resource, sys
        from exporter.errors import StorageError
        from exporter.store.database import StateDatabase

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
        try:
            StateDatabase.open(sys.argv[1])
        except StorageError as error:
            print(json.dumps(str(error)))
        """,
        folder,
    )
    assert message.startswith(f"{folder / FILE_NAME} cannot be written: is the disk full or broken?")
    assert (folder / LOCK_NAME).exists()


def read_and_closed(folder: Path | None, then: Callable[[str], None], *, take_away: bool = False) -> None:
    """Run a store that reads a run, and close it; perhaps with the file taken away meanwhile."""
    bench = ViewBench(folder)
    bench.watch("sales.*")
    if folder and take_away:
        (folder / FILE_NAME).rename(folder / "taken away")
    bench.poll(running("a"))
    bench.store.close(lambda _, digest: then(digest))


def test_who_closes_is_told_what_the_file_holds_then(folder: Path) -> None:
    told: list[str] = []
    read_and_closed(folder, told.append)
    assert told == [hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()]
    database = StateDatabase.open(folder)
    assert [database.digest] == told
    database.close()
    database.close(told.append)
    assert len(told) == 1


def test_the_folder_is_still_taken_when_it_is_told(folder: Path) -> None:
    """Nobody may change the file before what belongs to it is written."""
    told: list[str] = []

    def another(digest: str) -> None:
        with pytest.raises(StorageError, match="another exporter uses"):
            StateDatabase.open(folder)
        told.append(digest)

    read_and_closed(folder, another)
    assert told
    StateDatabase.open(folder).close()


def test_nothing_is_told_where_something_could_not_be_written(folder: Path) -> None:
    """Memory is ahead of the file then."""
    told: list[str] = []
    read_and_closed(folder, told.append, take_away=True)
    assert told == []


def test_nothing_is_told_of_a_file_that_is_not_ours(folder: Path) -> None:
    """Somebody has put an older one back while the program ran."""
    bench = ViewBench(folder)
    bench.watch("sales.*")
    bench.poll(running("a"))
    shutil.copyfile(folder / FILE_NAME, folder / "copy")
    (folder / "copy").replace(folder / FILE_NAME)
    (folder / f"{FILE_NAME}-wal").unlink()
    told: list[str] = []
    bench.store.close(lambda _, digest: told.append(digest))
    assert told == []


def test_the_folder_is_free_whatever_becomes_of_what_is_told(folder: Path) -> None:
    def fail(_: str) -> None:
        raise LookupError("no memory left")

    with pytest.raises(LookupError):
        read_and_closed(folder, fail)
    StateDatabase.open(folder).close()


def test_nothing_is_told_of_what_ends_with_the_process() -> None:
    told: list[str] = []
    read_and_closed(None, told.append)
    assert told == []


def test_a_file_that_sqlite_has_not_finished_has_no_digest(
    bench: ViewBench, folder: Path, tmp_path: Path
) -> None:
    """As after a crash: the rest is in its log."""
    bench.poll(running("a"))
    crashed = Path(shutil.copytree(folder, tmp_path / "crashed"))
    assert (crashed / f"{FILE_NAME}-wal").stat().st_size > 0
    database = StateDatabase.open(crashed)
    assert database.digest is None
    database.close()


def test_a_new_file_has_no_digest(tmp_path: Path) -> None:
    database = StateDatabase.open(tmp_path / "new")
    assert database.digest is None
    database.close()
