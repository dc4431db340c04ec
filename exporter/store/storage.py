"""The state on disk: one SQLite file, read once at the start; what changed is written in one transaction.

The rollback journal (not a write-ahead log) keeps everything that was saved in the one file. A new file is
made under another name and renamed, so that a file without the tables is always a damaged one.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

from exporter.errors import StorageError
from exporter.model.run import Run
from exporter.model.view import View
from exporter.store.catalog import CatalogRows, Place, WatchedPattern
from exporter.store.counters import Counted, ViewCounters
from exporter.store.runs import RunRecord
from exporter.store.views import SourceRecord, ViewRecord

FILE_NAME = "state.sqlite3"
LOCK_NAME = "lock"
APPLICATION_ID: Final = 0x474D5645  # "GMVE": tells the file from any other SQLite database
VERSION: Final = 6
"""Of the tables below. What is released is never changed: a new version comes with a migration."""

_SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE catalogs (
  id INTEGER PRIMARY KEY,
  aws_region TEXT NOT NULL,
  catalog_id TEXT NOT NULL,
  UNIQUE (aws_region, catalog_id)
) STRICT;
CREATE TABLE patterns (
  catalog INTEGER NOT NULL,
  database TEXT NOT NULL,
  table_name TEXT NOT NULL,
  since REAL NOT NULL,           -- Unix time by Glue's clock, like all times here
  listed_at REAL,                -- when the last complete listing of its runs began; NULL: never
  PRIMARY KEY (catalog, database, table_name)
) STRICT, WITHOUT ROWID;
CREATE TABLE views (
  catalog INTEGER NOT NULL,
  database TEXT NOT NULL,
  table_name TEXT NOT NULL,
  creation_time REAL,
  refresh_seconds REAL,
  update_time REAL,
  owner TEXT,
  managed INTEGER,
  version_id TEXT,
  source_version_ids TEXT,       -- JSON; NULL: not reported
  sources TEXT,                  -- JSON, ARNs; NULL: not reported
  iceberg_sources INTEGER NOT NULL, -- 1: all of them are Iceberg tables
  data_changed_at REAL,          -- update_time when version_id was last seen to have changed; NULL: never
  data_changed_after REAL,       -- update_time at the look before that
  compared INTEGER NOT NULL,     -- 1: it was compared with its sources before
  stale_since REAL,              -- what that showed the last time
  described INTEGER NOT NULL,    -- 1: the catalog's tables held it; 0: only its name is known
  misses INTEGER NOT NULL,       -- complete listings of tables in a row that did not hold it
  baseline_at REAL,              -- when its first listing of runs was complete; NULL: still to come
  counts_after REAL,             -- runs created before are not counted; NULL: the baseline decides
  unwatched_since REAL,          -- since when no configuration watches it; NULL: watched
  counters TEXT NOT NULL,        -- JSON, see counters.py
  PRIMARY KEY (catalog, database, table_name)
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
  catalog INTEGER NOT NULL,
  run_key TEXT NOT NULL,         -- the run ID in lower case
  run_id TEXT NOT NULL,          -- as Glue writes it
  database TEXT,
  table_name TEXT,
  status TEXT,
  refresh_type TEXT,
  role TEXT,
  customer_id TEXT,
  error_message TEXT,
  creation_time REAL,
  start_time REAL,
  end_time REAL,
  last_updated REAL,
  dpu_seconds REAL,
  processed_bytes INTEGER,
  view_database TEXT,            -- the view that it belongs to; NULL: it is watched by its ID alone
  view_table TEXT,
  settled INTEGER NOT NULL,
  first_seen_ended REAL,
  misses INTEGER NOT NULL,       -- complete reads in a row that did not find it, unsettled; 2: gone
  unlisted_since REAL,           -- since when no complete listing holds it; NULL: listed
  counted TEXT,                  -- JSON, see counters.py; NULL: not counted yet
  PRIMARY KEY (catalog, run_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE sources (
  catalog INTEGER NOT NULL,
  arn TEXT NOT NULL,
  update_time REAL,              -- as last reported; NULL: it cannot be read
  changes TEXT NOT NULL,         -- JSON: the times of its newest changes
  PRIMARY KEY (catalog, arn)
) STRICT, WITHOUT ROWID;
CREATE TABLE unreadable (
  catalog INTEGER NOT NULL,
  run_key TEXT NOT NULL,         -- a run that could not be read when its view took its baseline; or empty
  at REAL NOT NULL,
  PRIMARY KEY (catalog, run_key)
) STRICT, WITHOUT ROWID;
"""
_VIEW_FIELDS: Final = tuple(one.name for one in fields(View))
_RECORD_FIELDS: Final = tuple(one.name for one in fields(ViewRecord) if one.name != "view")
"""In the order of the columns: first the catalog's, then those of the view, then these."""
_VIEW_BOOLEANS: Final = ("managed", "iceberg_sources", "compared", "described")
_VIEW_LISTS: Final = ("source_version_ids", "sources")
_RUN_COLUMNS: Final = 23

T = TypeVar("T")


class Storage:
    """One file, for one process alone. Used under the store's lock; closed by :meth:`close`."""

    def __init__(self, connection: sqlite3.Connection, lock: IO[str], file: Path) -> None:
        self._connection = connection
        self._lock = lock
        self._file = file
        self._size = 0
        self._identity = _identity(file)
        self._catalogs: dict[Place, int] = {}

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> tuple[Self, dict[Place, CatalogRows]]:
        """Open the state in this folder, made if it is not there; also return all that it holds.

        Raises StorageError with a sentence that says what to do: for a folder that cannot be written, that
        another process uses, a damaged file, or one of a newer version.
        """
        path = Path(folder)
        lock = _lock(path)
        file = path / FILE_NAME
        try:
            if not file.exists():
                _create(file)
            connection = _connect(file)
            try:
                _check(connection, file)
                storage = cls(connection, lock, file)
                rows = storage._load()
                # A file that can be read but not written is refused now, not at the first poll.
                connection.executescript(f"BEGIN IMMEDIATE; PRAGMA user_version = {VERSION}; COMMIT;")
                storage._note_size()
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError, UnicodeError) as error:  # SQLite's messages quote damaged names
            lock.close()
            raise StorageError(_explain(file, error)) from error
        except BaseException:
            lock.close()
            raise
        return storage, rows

    def save(self, changes: Mapping[Place, CatalogRows], gone: Iterable[Place] = ()) -> None:
        """Write what has changed, all or nothing. Raises StorageError where the disk does not take it."""
        size = self._checked_size()
        try:
            with self._transaction():
                for place, rows in changes.items():
                    self._write(self._row_of(place), rows)
                for place in gone:
                    self._connection.execute(
                        "DELETE FROM catalogs WHERE aws_region = ? AND catalog_id = ?", place
                    )
                    self._catalogs.pop(place, None)
        except sqlite3.Error as error:
            self._catalogs = {}  # rows of this transaction are not there
            raise StorageError(f"the state cannot be written: {error}") from error
        self._note_size(at_least=size)

    def close(self) -> None:
        """Close the file and leave the folder to other processes."""
        self._connection.close()
        self._lock.close()

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _checked_size(self) -> int:
        """Return the file's size. Raises StorageError where it is not the file that was written last."""
        try:
            status = self._file.stat()
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._identity:
            problem = "has been removed or replaced"
        elif status.st_size < self._size:
            problem = f"has been cut from {self._size} to {status.st_size} bytes"
        else:
            return status.st_size
        raise StorageError(
            f"{self._file} {problem} by another program: what is written would be lost; restart the exporter"
        )

    def _note_size(self, at_least: int = 0) -> None:
        with contextlib.suppress(OSError):
            self._size = max(at_least, self._file.stat().st_size)

    def _row_of(self, place: Place) -> int:
        if place not in self._catalogs:
            self._connection.execute(
                "INSERT OR IGNORE INTO catalogs (aws_region, catalog_id) VALUES (?, ?)", place
            )
            query = "SELECT id FROM catalogs WHERE aws_region = ? AND catalog_id = ?"
            (self._catalogs[place],) = self._connection.execute(query, place).fetchone()
        return self._catalogs[place]

    def _write(self, catalog: int, rows: CatalogRows) -> None:
        gone = [(catalog, *name) for name, view in rows.views.items() if view is None]
        self._many("DELETE FROM views WHERE catalog = ? AND database = ? AND table_name = ?", gone)
        views = (_view_row(catalog, view) for view in rows.views.values() if view)
        self._insert("views", 1 + len(_VIEW_FIELDS) + len(_RECORD_FIELDS), views)
        forgotten = [(catalog, key) for key, run in rows.runs.items() if run is None]
        self._many("DELETE FROM runs WHERE catalog = ? AND run_key = ?", forgotten)
        self._insert("runs", _RUN_COLUMNS, (_run_row(catalog, k, run) for k, run in rows.runs.items() if run))
        unused = [(catalog, arn) for arn, source in rows.sources.items() if source is None]
        self._many("DELETE FROM sources WHERE catalog = ? AND arn = ?", unused)
        sources = (
            (catalog, arn, source.update_time, json.dumps(source.changes))
            for arn, source in rows.sources.items()
            if source
        )
        self._insert("sources", 4, sources)
        if rows.rest:  # seldom, and then whole
            for table in ("patterns", "unreadable"):
                self._many(f"DELETE FROM {table} WHERE catalog = ?", [(catalog,)])  # noqa: S608 (our own names)
            patterns = ((catalog, *name, p.since, p.listed_at) for name, p in rows.patterns.items())
            self._insert("patterns", 5, patterns)
            self._insert("unreadable", 3, ((catalog, key, at) for key, at in rows.unreadable.items()))

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)

    def _insert(self, table: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * columns)
        self._many(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608 (our own names)

    def _load(self) -> dict[Place, CatalogRows]:
        """Return all that the file holds. Raises sqlite3.Error for what cannot be read."""
        found: dict[Place, CatalogRows] = {}
        by_row: dict[int, CatalogRows] = {}
        for row, aws_region, catalog_id in self._rows("catalogs"):
            self._catalogs[aws_region, catalog_id] = row
            found[aws_region, catalog_id] = by_row[row] = CatalogRows()
        try:
            for catalog, database, table, since, listed_at in self._rows("patterns"):
                by_row[catalog].patterns[database, table] = WatchedPattern(since, listed_at)
            for catalog, key, at in self._rows("unreadable"):
                by_row[catalog].unreadable[key] = at
            for catalog, *values in self._rows("views"):
                view = _read_view(values)
                by_row[catalog].views[view.name] = view
            for catalog, arn, update_time, changes in self._rows("sources"):
                known = SourceRecord(update_time, tuple(map(float, json.loads(changes))))
                by_row[catalog].sources[sys.intern(arn)] = known
            shared: dict[Any, Any] = {}
            for catalog, key, *values in self._rows("runs"):
                by_row[catalog].runs[key] = _read_run(key, values, shared)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise sqlite3.DatabaseError("what has been counted cannot be read") from error
        return found

    def _rows(self, table: str) -> sqlite3.Cursor:
        return self._connection.execute(f"SELECT * FROM {table}")  # noqa: S608 (our own names)


def _view_row(catalog: int, view: ViewRecord) -> tuple[Any, ...]:
    members = {name: getattr(view.view, name) for name in _VIEW_FIELDS}
    members |= {name: getattr(view, name) for name in _RECORD_FIELDS}
    members |= {name: json.dumps(members[name]) for name in _VIEW_LISTS if members[name]}
    members["counters"] = view.counters.dump()
    return (catalog, *members.values())


def _read_view(values: list[Any]) -> ViewRecord:
    members = dict(zip((*_VIEW_FIELDS, *_RECORD_FIELDS), values, strict=True))
    members |= {name: bool(members[name]) for name in _VIEW_BOOLEANS if members[name] is not None}
    members |= {
        name: tuple(map(sys.intern, json.loads(members[name]))) for name in _VIEW_LISTS if members[name]
    }
    members["counters"] = ViewCounters.load(members["counters"])
    view = View(**{name: members.pop(name) for name in _VIEW_FIELDS})
    return ViewRecord(view=view, **members)


def _run_row(catalog: int, key: str, record: RunRecord) -> tuple[Any, ...]:
    return (
        catalog, key, *record.run, *(record.view or (None, None)), record.settled, record.first_seen_ended,
        record.misses, record.unlisted_since, record.counted.dump() if record.counted else None,
    )  # fmt: skip


def _read_run(key: str, values: list[Any], shared: dict[Any, Any]) -> RunRecord:
    run_id, *members = values[: len(Run._fields)]
    database, table, settled, first_seen_ended, misses, unlisted_since, counted = values[len(Run._fields) :]
    # Names, types and roles are the same in many runs: each is kept once.
    texts = [sys.intern(text) if text is not None else None for text in members[:6]]
    name = (database, table)
    return RunRecord(
        Run._make((key if run_id == key else run_id, *texts, *members[6:])),
        None if database is None else shared.setdefault(name, name),
        bool(settled),
        first_seen_ended,
        misses,
        unlisted_since,
        None if counted is None else Counted.load(counted),
    )


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        # A power cut must not lose a save: what was published as counted would be counted again.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(file: Path) -> None:
    """Make a new file, complete or not at all."""
    new = file.with_name(f"{file.name}.new")
    for leftover in (new, new.with_name(f"{new.name}-journal")):
        leftover.unlink(missing_ok=True)
    with contextlib.closing(_connect(new)) as connection:
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(connection: sqlite3.Connection, file: Path) -> None:
    """Raise StorageError for a file that is not ours or newer, sqlite3.Error for a damaged one."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if not tables:
        raise sqlite3.DatabaseError("it is empty")
    if application_id != APPLICATION_ID:
        raise StorageError(f"{file} is not a state of this exporter: choose another --storage.path")
    if version > VERSION:
        raise StorageError(
            f"{file} was written by a newer version of the exporter (state version {version}, this one"
            f" knows {VERSION}): run that version again, or choose another --storage.path"
        )
    if version < VERSION:
        raise StorageError(
            f"{file} was written by a version of the exporter that was never released (state version"
            f" {version}): move it away to start with an empty state"
        )
    (pages,), (page_size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    if file.stat().st_size < pages * page_size:
        raise sqlite3.DatabaseError("its end is missing")  # SQLite takes the rest of the last page for zeros
    problems = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problems != "ok":
        raise sqlite3.DatabaseError(" ".join(problems.split()))  # several lines otherwise


def _identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino


def _lock(folder: Path) -> IO[str]:
    """Lock the folder for this process alone, for as long as the returned file is open."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_NAME).open("a")
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise StorageError(f"the folder {folder} of --storage.path cannot be written: {reason}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StorageError(
            f"another exporter uses {folder}: two on one folder would count every run twice;"
            " stop it, or give this one a --storage.path of its own"
        ) from error
    return lock


def _explain(file: Path, error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if isinstance(error, PermissionError) or name.startswith(
        ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
    ):
        return f"{file} cannot be written: make the folder of --storage.path writable for this user ({error})"
    if isinstance(error, OSError) or name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return f"{file} cannot be written: is the disk full or broken? ({error})"
    return (
        f"{file} is damaged ({error}): move it away to start with an empty state; counters then begin at 0,"
        " and runs that have ended by then are not counted"
    )
