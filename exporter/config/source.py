"""A file's bytes and text, or a sentence about what keeps them from being read."""

import os
from pathlib import Path
from typing import Final

from exporter.errors import ConfigurationError, Problem

LARGEST: Final = 32 * 1024 * 1024
"""Bytes: a hundred thousand runs take four million."""


def read_bytes(path: str | os.PathLike[str], *, if_missing: str) -> bytes:
    """Return a file's content, one byte over :data:`LARGEST` at most. Raises ConfigurationError."""
    file = os.fspath(path)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise whole_file(file, f"there is no such file: {if_missing}") from None
    except IsADirectoryError:
        raise whole_file(file, "is a folder: name the file in it") from None
    except PermissionError:
        raise whole_file(
            file, "may not be read by this user: change its mode or owner, or the user"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is malformed"
        raise whole_file(file, f"cannot be read: {reason}") from None


def decode(text: bytes, file: str) -> str:
    """Return the text. Raises ConfigurationError where it is not UTF-8."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise whole_file(file, "is not text in UTF-8: save it in that encoding", line) from None


def whole_file(file: str, message: str, line: int = 0) -> ConfigurationError:
    """Return the error for a file that is wrong as a whole."""
    return ConfigurationError(file, (Problem(line, "", message),))
