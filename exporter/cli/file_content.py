"""Whether files have changed, by content: Kubernetes swaps a symbolic link, and editors write files anew."""

import hashlib
import stat
from pathlib import Path

from exporter.errors import ConfigurationError, Problem

_PIPE = b"a named pipe"


def content_of(file: str) -> bytes:
    """Return what distinguishes this content of a file from another one; unreadable is a content, too."""
    path = Path(file)
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            return _PIPE
        return hashlib.sha256(path.read_bytes()).digest()
    except (OSError, ValueError) as error:
        return type(error).__name__.encode()


def contents_of(*files: str) -> dict[str, bytes]:
    """Return the :func:`content_of` each file."""
    return {file: content_of(file) for file in files}


def refuse_pipes(*files: str) -> None:
    """Raise ConfigurationError for a named pipe: to open it is to wait for its writer, perhaps forever."""
    for file in files:
        if content_of(file) == _PIPE:
            raise ConfigurationError(file, (Problem(0, "", "is a named pipe: a reload reads files only"),))
