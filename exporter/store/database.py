"""The state's SQLite database: worked on in memory, written through to a file if there is a folder for it.

Every statement of the exporter runs on a database in memory. What it changed is noted by triggers, and
:meth:`StateDatabase.save` copies the changed rows to the file in one transaction. So a full or broken disk
never stops the work: the rows stay noted, and are written once the disk takes them; and what is on disk is
always the state after some whole save.
"""

import contextlib
import fcntl
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

from exporter.errors import StorageError
from exporter.store import seal
from exporter.store.integrity import check_contents, check_file
from exporter.store.migration import VERSION, migrate
from exporter.store.schema import INDEXES, SCHEMA, TABLES

FILE_NAME = "state.sqlite3"
LOCK_NAME = "lock"
APPLICATION_ID = 0x474D5645  # "GMVE": tells the file from any other SQLite database


class StateDatabase:
    """One connection, used under the store's lock. Closed by :meth:`close`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        lock: IO[str] | None = None,
        file: Path | None = None,
        digest: str | None = None,
    ) -> None:
        self.connection = connection
        self._lock = lock
        self.on_disk = lock is not None
        self._file = file
        self._file_identity = None if file is None else _identity(file)
        self.digest = digest
        """Of the file as it was opened, if that is what the last process left; else None."""
        # In memory there is nothing to lose: who lets go of it need not close it.
        self._closed = weakref.finalize(self, connection.close)

    @classmethod
    def in_memory(cls) -> Self:
        """Open a database that ends with the process."""
        connection = _connect()
        connection.executescript(SCHEMA.format(schema="main") + INDEXES)
        return cls(connection)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Open the state in this folder, made if it is not there.

        Raises StorageError with a sentence that says what to do: for a folder that cannot be written, that
        another process uses, a damaged file, or one of a newer version.
        """
        path = Path(folder)
        lock = _lock(path)
        file = path / FILE_NAME
        try:
            digest = seal.take(file)
            connection = _connect()
            try:
                _attach(connection, file, searched=digest is not None)
                connection.executescript(SCHEMA.format(schema="main"))
                for table in TABLES:
                    _copy_in(connection, table)
                connection.executescript(INDEXES)
                if digest is None:
                    check_contents(connection, TABLES)
                _note_changes(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            lock.close()
            raise StorageError(_explain(file, error)) from error
        except BaseException:
            lock.close()
            raise
        return cls(connection, lock, file, digest)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the state in memory, all or nothing."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def save(self) -> bool:
        """Write what has changed since the last save to the file, in one transaction.

        Returns False where nothing had changed. Raises StorageError where the disk does not take it; then
        everything stays noted for the next save.
        """
        if not self.on_disk:
            return False
        if self._all_saved():
            return False
        if self._file is not None and _identity(self._file) != self._file_identity:
            raise StorageError(
                f"{self._file} has been taken away or replaced: what is written would be lost;"
                " restart the exporter"
            )
        try:
            with self.transaction() as connection:
                for table in TABLES:
                    # The names are our own, see TABLES.
                    connection.execute(
                        f"DELETE FROM disk.{table} WHERE id IN (SELECT id FROM temp.changed_{table})"  # noqa: S608 (our own names)
                    )
                    columns = _columns(connection, table)
                    connection.execute(
                        f"INSERT INTO disk.{table} ({columns}) SELECT {columns} FROM main.{table}"  # noqa: S608 (our own names)
                        f" WHERE id IN (SELECT id FROM temp.changed_{table})"
                    )
                    connection.execute(f"DELETE FROM temp.changed_{table}")  # noqa: S608 (our own names)
        except sqlite3.Error as error:
            raise StorageError(f"the state cannot be written: {error}") from error
        return True

    def close(self, then: Callable[[str], None] | None = None) -> None:
        """Close the database and let another process have the folder.

        ``then``: called in between with the file's digest, if all changes are on disk, in our own file, and
        that is undamaged.
        """
        complete = self.on_disk and self._closed.alive and self._all_saved()
        self._closed()
        try:
            if complete and self._file and _identity(self._file) == self._file_identity:
                digest = seal.leave(self._file)
                if then and digest is not None:
                    then(digest)
        finally:
            if self._lock:
                self._lock.close()

    def _all_saved(self) -> bool:
        return not any(self._changed(table) for table in TABLES)

    def _changed(self, table: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM temp.changed_{table})"  # noqa: S608 (our own names)
        return bool(self.connection.execute(query).fetchone()[0])


def _connect() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    # Large temporary tables and journals would else go to files: a full or read-only disk must not matter.
    connection.execute("PRAGMA temp_store = MEMORY")
    # In memory large pages lose less between rows and around themselves: a run takes 60 bytes less. Twice as
    # large, each change would copy twice as much.
    connection.execute("PRAGMA main.page_size = 32768")
    return connection


def _identity(file: Path) -> tuple[int, int] | None:
    """Tell a file from any other, whatever its name; None where it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _columns(connection: sqlite3.Connection, table: str, schema: str = "main") -> str:
    """Return the table's columns: in a file that was migrated they may come in another order."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?, ?)", [table, schema])
    return ", ".join(name for (name,) in rows)


def _copy_in(connection: sqlite3.Connection, table: str) -> None:
    """Copy the table's rows from the file."""
    columns = _columns(connection, table)
    (indexed,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?, 'main'))", [table]
    ).fetchone()
    if indexed or columns != _columns(connection, table, "disk"):
        connection.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM disk.{table}"  # noqa: S608 (our own names)
        )
    else:
        # Without names SQLite copies whole records, in a third of the time. It would copy indexes, too,
        # with all that is wrong with them.
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM disk.{table}")  # noqa: S608 (our own name)


def _lock(folder: Path) -> IO[str]:
    """Take the folder for this process alone, for as long as the returned file is open."""
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


def _attach(connection: sqlite3.Connection, file: Path, *, searched: bool) -> None:
    """Attach the file as ``disk``, in a state that this version can use and write.

    ``searched``: it holds what was found to be undamaged before.
    """
    connection.execute("ATTACH ? AS disk", (str(file),))
    application_id = connection.execute("PRAGMA disk.application_id").fetchone()[0]
    version = connection.execute("PRAGMA disk.user_version").fetchone()[0]
    empty = not connection.execute("SELECT EXISTS (SELECT 1 FROM disk.sqlite_schema)").fetchone()[0]
    if not empty and application_id != APPLICATION_ID:
        raise StorageError(f"{file} is not a state of this exporter: choose another --storage.path")
    if version > VERSION:
        raise StorageError(
            f"{file} was written by a newer version of the exporter (state version {version}, this one"
            f" knows {VERSION}): run that version again, or choose another --storage.path"
        )
    if not searched:
        check_file(connection, "disk")
    connection.execute("PRAGMA disk.journal_mode = WAL")
    # A power cut must not lose a save: what was published as counted would be counted again.
    connection.execute("PRAGMA disk.synchronous = FULL")
    if empty:
        connection.executescript(
            "BEGIN;"
            + SCHEMA.format(schema="disk")
            + f"PRAGMA disk.application_id = {APPLICATION_ID};"
            + f"PRAGMA disk.user_version = {VERSION};"
            + "COMMIT;"
        )
    else:
        migrate(connection, version)
    # A file that can be read but not written shows here, not at the first poll.
    connection.executescript(
        f"BEGIN IMMEDIATE; PRAGMA disk.user_version = {VERSION};"
        "CREATE TABLE disk.write_check (x); DROP TABLE disk.write_check; COMMIT;"
    )


def _note_changes(connection: sqlite3.Connection) -> None:
    """Have the IDs of changed rows collected in ``temp.changed_*``."""
    for table in TABLES:
        connection.execute(f"CREATE TABLE temp.changed_{table} (id INTEGER PRIMARY KEY)")
        for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
            connection.execute(
                f"CREATE TEMP TRIGGER note_{event}_{table} AFTER {event} ON main.{table} BEGIN"  # noqa: S608 (our own names)
                # Not INSERT OR IGNORE: within an upsert, the upsert's own way with conflicts is taken.
                f" INSERT INTO changed_{table} SELECT {row}.id"
                f" WHERE NOT EXISTS (SELECT 1 FROM changed_{table} WHERE id = {row}.id); END"
            )


def _explain(file: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"{file} cannot be written: make the folder of --storage.path writable for this user ({error})"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return f"{file} cannot be written: is the disk full or broken? ({error})"
    return (
        f"{file} is damaged ({error}): move it away to start anew; counters then begin at 0,"
        " and runs that have ended by then are not counted"
    )
