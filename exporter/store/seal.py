"""What a stop leaves beside the state's file: that it was searched for damage, and what it held then.

A start that finds it so need not search again, which takes longer than to compare. ``sha256sum --check``
reads it, too.
"""

import contextlib
import hashlib
import sqlite3
from pathlib import Path

from exporter import __version__
from exporter.store.integrity import check_contents, check_file
from exporter.store.schema import TABLES


def leave(file: Path) -> str | None:
    """Search the file, which nobody has open, and note what it holds.

    Returns its digest; None if the file is damaged.

    A note that cannot be written, or not all of it, costs the next start its time and nothing else.
    """
    digest = _digest(file)
    if digest is None or not _undamaged(file):
        return None  # the next start will find it, too, and say so
    with contextlib.suppress(OSError):
        _beside(file).write_text(_note(file, digest))
    return digest


def take(file: Path) -> str | None:
    """Return the digest of a file that holds what it held when this version left it; the note is gone then.

    None for any other file, or none.
    """
    note = _beside(file)
    try:
        noted = note.read_bytes()
        note.unlink()
    except OSError:
        return None
    digest = _digest(file)
    return digest if digest is not None and noted == _note(file, digest).encode() else None


def _undamaged(file: Path) -> bool:
    try:
        # A new connection: one that was open for long need not see what has become of the file.
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            check_file(connection, "main")
            check_contents(connection, TABLES)
    except sqlite3.Error:
        return False
    return True


def _digest(file: Path) -> str | None:
    """Return a digest of what the file holds; None where it is not there, or not all is in it."""
    log = file.with_name(f"{file.name}-wal")
    try:
        if log.exists() and log.stat().st_size:
            return None
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _note(file: Path, digest: str) -> str:
    # What another version has searched for is not known.
    return f"# searched for damage by glue-mv-exporter {__version__}\n{digest}  {file.name}\n"
