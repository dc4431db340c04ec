"""The state on disk: one SQLite file, read once at the start; what changed is written in one transaction.

Each record is one row, and in it JSON: a list of its members in the order of its class. So a class that gains
or loses a member makes another VERSION.

The rollback journal (not a write-ahead log) keeps everything that was saved in the one file. A new file is
made under another name and renamed, so that a file without the table is always a damaged one.
"""

import fcntl
import functools
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import IO, Any, Final, Self, get_args, get_origin, get_type_hints

from exporter.errors import StorageError
from exporter.model.patterns import Name
from exporter.model.run import run_key
from exporter.store.catalog import CatalogRows, Place, WatchedPattern
from exporter.store.counters import Counted
from exporter.store.runs import RunRecord
from exporter.store.views import SourceRecord, ViewRecord

FILE_NAME = "state.sqlite3"
LOCK_NAME = "lock"
APPLICATION_ID: Final = 0x474D5645  # "GMVE": tells the file from any other SQLite database
VERSION: Final = 8
"""Of table and records. What is released is never changed: a new version comes with a migration."""

_SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE records (
  aws_region TEXT NOT NULL,
  catalog_id TEXT NOT NULL,
  kind TEXT NOT NULL,            -- the member of CatalogRows that holds it
  key TEXT NOT NULL,             -- plain text, or JSON
  record TEXT NOT NULL,          -- JSON
  PRIMARY KEY (aws_region, catalog_id, kind, key)
) STRICT, WITHOUT ROWID;
"""
_DELETE: Final = "DELETE FROM records WHERE aws_region = ? AND catalog_id = ? AND kind = ? AND key = ?"
_WRITE: Final = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)"
_READ: Final = "SELECT key, record FROM records WHERE aws_region = ? AND catalog_id = ? AND kind = ?"
_KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "views": (Name, ViewRecord),
    "runs": (str, RunRecord),
    "sources": (str, SourceRecord),
    "patterns": (Name, WatchedPattern),
    "unreadable": (str, float),
}
"""The types of key and record in each member of CatalogRows."""
_SHARED: Final = (Name, Counted)
"""Types of which many records hold equal values: each is kept once. So is all text, as Glue's."""


class Storage:
    """One file, for one process alone. Used under the store's lock; closed by :meth:`close`."""

    def __init__(self, connection: sqlite3.Connection, file: Path, opened: ExitStack) -> None:
        self._connection = connection
        self._file = file
        self._opened = opened
        status = file.stat()
        self._identity, self._size = (status.st_dev, status.st_ino), status.st_size

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> tuple[Self, dict[Place, CatalogRows]]:
        """Open the state in this folder, made if it is not there; also return all that it holds.

        Raises StorageError with a sentence that says what to do: for a folder that cannot be written, that
        another process uses, a damaged file, or one of another version.
        """
        file = Path(folder) / FILE_NAME
        with ExitStack() as opened:
            opened.enter_context(_lock(Path(folder)))
            try:
                if not file.exists():
                    _create(file)
                connection = opened.enter_context(_connected(file))
                _check(connection, file)
                rows = load(connection)
                # A file that can be read but not written is refused now, not at the first poll.
                connection.executescript(f"BEGIN IMMEDIATE; PRAGMA user_version = {VERSION}; COMMIT;")
                return cls(connection, file, opened.pop_all()), rows
            except (sqlite3.Error, OSError, UnicodeError) as error:  # SQLite's messages quote damaged names
                raise StorageError(_explain(file, error)) from error

    def save(self, changes: Mapping[Place, CatalogRows]) -> None:
        """Write what has changed, all or nothing. Raises StorageError where the disk does not take it."""
        size = self._checked_size()
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for place, rows in changes.items():
                    for kind in _KINDS:
                        self._write((*place, kind), getattr(rows, kind))
        except sqlite3.Error as error:
            raise StorageError(f"the state cannot be written: {error}") from error
        with suppress(OSError):
            self._size = max(size, self._file.stat().st_size)

    def close(self) -> None:
        """Close the file and leave the folder to other processes."""
        self._opened.close()

    def _write(self, where: tuple[str, ...], records: Mapping[Any, Any]) -> None:
        gone = [(*where, _key(key)) for key, record in records.items() if record is None]
        self._connection.executemany(_DELETE, gone)
        kept = ((*where, _key(key), _text(one)) for key, one in records.items() if one is not None)
        self._connection.executemany(_WRITE, kept)

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


# Records as JSON, and back


def _members(record: Any) -> list[Any]:
    """Return the members of a dataclass; a NamedTuple is a list for JSON already."""
    members = (getattr(record, member.name) for member in fields(record))
    return [list(one.items()) if isinstance(one, dict) else one for one in members]


_text: Final = json.JSONEncoder(default=_members, separators=(",", ":")).encode


def _key(key: str | Name) -> str:
    return key if isinstance(key, str) else _text(key)


def _same(value: Any) -> Any:
    return value


def _refuse(constant: str) -> float:
    raise ValueError(constant)


class _Reader:
    """Makes values of our types of what JSON holds; what does not fit raises ValueError or LookupError.

    Each type becomes a table of what makes its values, by the types that JSON has for them: ``float | None``
    becomes ``{float: _same, int: float, NoneType: _same}``, and a text in its place is a KeyError.
    """

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    def read(self, kind: Any) -> Callable[[str], Any]:
        """Return what reads a value of this type; plain text is not JSON."""
        makers = self._makers(kind)
        if kind is str:
            return makers[str]
        decode = json.JSONDecoder(parse_constant=_refuse).decode

        def read(text: str) -> Any:
            value = decode(text)
            return makers[type(value)](value)

        return read

    def _makers(self, kind: Any) -> dict[type, Callable[[Any], Any]]:
        """Return what makes a value of this type, by the type of what JSON holds."""
        if get_origin(kind) is UnionType:
            return {of: make for one in get_args(kind) for of, make in self._makers(one).items()}
        if kind is float:
            return {float: _same, int: float}
        if kind in (int, bool, NoneType):
            return {kind: _same}
        if kind is str:
            return {str: sys.intern}
        make = self._list_maker(kind)

        def make_once(values: Any) -> Any:
            made = make(values)
            return self._shared.setdefault(made, made)

        return {list: make_once if kind in _SHARED else make}

    def _list_maker(self, kind: Any) -> Callable[[Any], Any]:
        """Return what makes a mapping, a tuple or a record of a list."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is dict:
            make_item = self._list_maker(GenericAlias(tuple, arguments))
            return lambda values: dict(map(make_item, values))
        if origin is tuple and arguments[-1] is ...:
            makers = self._makers(arguments[0])
            return lambda values: tuple([makers[type(value)](value) for value in values])
        build: Callable[[list[Any]], Any] = tuple
        if origin is None:
            names = getattr(kind, "_fields", None) or [member.name for member in fields(kind)]
            arguments = tuple(map(get_type_hints(kind).__getitem__, names))
            build = getattr(kind, "_make", lambda values: kind(**dict(zip(names, values, strict=True))))
        members = list(map(self._makers, arguments))

        @functools.cache  # few combinations of types occur, and in each few members have to be made
        def plan(types: tuple[type, ...]) -> list[tuple[int, Callable[[Any], Any]]]:
            makers = [member[one] for one, member in zip(types, members, strict=True)]
            return [(place, make) for place, make in enumerate(makers) if make is not _same]

        def make(values: list[Any]) -> Any:
            for place, make_member in plan(tuple(map(type, values))):
                values[place] = make_member(values[place])
            return build(values)

        return make


def load(connection: sqlite3.Connection) -> dict[Place, CatalogRows]:
    """Return all that the file holds. Raises sqlite3.Error for what cannot be read."""
    found: dict[Place, CatalogRows] = {}
    reader = _Reader()
    readers = {kind: tuple(map(reader.read, types)) for kind, types in _KINDS.items()}
    try:
        for *place, kind in connection.execute("SELECT DISTINCT aws_region, catalog_id, kind FROM records"):
            rows = found.setdefault(tuple(place), CatalogRows())
            read_key, read_record = readers[kind]
            records = connection.execute(_READ, (*place, kind))
            getattr(rows, kind).update((read_key(key), read_record(record)) for key, record in records)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise sqlite3.DatabaseError("what has been counted cannot be read") from error
    for rows in found.values():
        views_fit = all(view and view.name == name for name, view in rows.views.items())
        runs_fit = all(run and run_key(run.run.run_id) == key for key, run in rows.runs.items())
        sources_fit = all(
            source and (source.changes or source.update_time is None) for source in rows.sources.values()
        )
        if not (views_fit and runs_fit and sources_fit):
            raise sqlite3.DatabaseError("a record does not fit its key, or itself")
    return found


@contextmanager
def _connected(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, check_same_thread=False, isolation_level=None)) as connection:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        # A power cut must not lose a save: what was published as counted would be counted again.
        connection.execute("PRAGMA synchronous = FULL")
        yield connection


def _create(file: Path) -> None:
    """Make a new file, complete or not at all."""
    new = file.with_name(f"{file.name}.new")
    for leftover in (new, new.with_name(f"{new.name}-journal")):
        leftover.unlink(missing_ok=True)
    with _connected(new) as connection:
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(connection: sqlite3.Connection, file: Path) -> None:
    """Raise StorageError for a file that is not ours or newer, sqlite3.Error for a damaged one."""
    pragmas = ("application_id", "user_version", "page_count", "page_size")
    application_id, version, pages, page_size = (
        connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas
    )
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if not tables:
        raise sqlite3.DatabaseError("it is empty")
    if application_id != APPLICATION_ID:
        raise StorageError(f"{file} is not a state of this exporter: choose another --storage.path")
    if version != VERSION:
        raise StorageError(
            f"{file} was written by another version of the exporter (state version {version}, this one"
            f" knows {VERSION}): run that version again, or choose another --storage.path"
        )
    if file.stat().st_size < pages * page_size:
        raise sqlite3.DatabaseError("its end is missing")  # SQLite takes the rest of the last page for zeros
    problems = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problems != "ok":
        raise sqlite3.DatabaseError(" ".join(problems.split()))  # several lines otherwise


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
