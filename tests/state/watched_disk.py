"""Sees everything that is done to the files of a state, before it is done: to record it, or to refuse it.

For SQLite's own writes, a shim between SQLite and its usual file system layer (its "VFS"), put in with
ctypes: the functions that write are replaced, all others stay. For what Python does itself (say, a rename),
an audit hook. Both hold for the rest of the process, so they belong in one of their own.
"""

import _sqlite3
import ctypes
import os
import sys
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.store.storage import FILE_NAME

SQLITE_OK = 0
SQLITE_OPEN_CREATE = 4
OPENED_AS_JOURNAL = 0x00000800 | 0x00080000
"""A rollback journal or a write-ahead log: its first sync makes its name last, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is about to be done to a file."""

    kind: str
    """``create``, ``write``, ``truncate``, ``sync``, ``delete``, ``rename``; of a folder, ``sync names``."""
    path: str
    offset: int = 0
    """Of a ``write``; of a ``truncate``, the size that is left."""
    data: bytes = b""
    """Of a ``write``."""
    to: str = ""
    """Of a ``rename``: the new path."""
    name_lasts: bool = False
    """Whether the folder is synced with it, and so all names in it."""


Watcher = Callable[[Step], int | None]
"""Called before each step; what it returns, if anything, is SQLite's error code, and the step is not made."""


class _Vfs(ctypes.Structure):
    pass


OPEN = ctypes.CFUNCTYPE(c_int, POINTER(_Vfs), c_void_p, c_void_p, c_int, POINTER(c_int))
DELETE = ctypes.CFUNCTYPE(c_int, POINTER(_Vfs), c_char_p, c_int)
WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)

_Vfs._fields_ = [
    ("version", c_int),
    ("file_size", c_int),
    ("longest_path", c_int),
    ("next", c_void_p),
    ("name", c_char_p),
    ("data", c_void_p),
    ("open", OPEN),
    ("delete", DELETE),
    ("others", c_void_p * 14),
]


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", WRITE),
        ("truncate", TRUNCATE),
        ("sync", SYNC),
        ("others", c_void_p * 13),
    )


_for_ever: list["WatchedDisk"] = []
"""SQLite goes on calling them."""


class WatchedDisk:
    """Puts itself under SQLite when it is made, for as long as the process lives."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._files: dict[int, str] = {}
        self._unsynced_names: set[int] = set()
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._usual = library.sqlite3_vfs_find(None)
        self._shim = _Vfs()
        ctypes.memmove(ctypes.byref(self._shim), self._usual, ctypes.sizeof(_Vfs))
        self._shim.name = b"watched"
        self._shim.open = OPEN(self._open)
        self._shim.delete = DELETE(self._delete)
        self._kept: list[object] = []
        _for_ever.append(self)
        sys.addaudithook(self._audit)
        assert library.sqlite3_vfs_register(ctypes.byref(self._shim), 1) == SQLITE_OK

    def _open(self, _vfs: object, name: int | None, file: int, flags: int, out: object) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        new = bool(path and flags & SQLITE_OPEN_CREATE and not _is_there(path))
        if new:
            refused = self._watcher(Step(kind="create", path=path))
            if refused is not None:
                return refused
        result: int = self._usual.contents.open(self._usual, name, file, flags, out)
        if result == SQLITE_OK and path:
            self._files[file] = path
            self._unsynced_names.discard(file)
            if new and flags & OPENED_AS_JOURNAL:
                self._unsynced_names.add(file)
            self._watch(file)
        return result

    def _watch(self, file: int) -> None:
        """Have this open file call here before it writes."""
        place = ctypes.cast(file, POINTER(c_void_p))
        methods = _Methods()
        assert place.contents.value
        ctypes.memmove(ctypes.byref(methods), place.contents.value, ctypes.sizeof(_Methods))
        usual = _Methods.from_buffer_copy(methods)

        def write(handle: int, data: int, size: int, offset: int) -> int:
            content = ctypes.string_at(data, size)
            step = Step(kind="write", path=self._files[handle], offset=offset, data=content)
            return self._do(step, lambda: usual.write(handle, data, size, offset))

        def truncate(handle: int, size: int) -> int:
            step = Step(kind="truncate", path=self._files[handle], offset=size)
            return self._do(step, lambda: usual.truncate(handle, size))

        def sync(handle: int, flags: int) -> int:
            new = handle in self._unsynced_names
            self._unsynced_names.discard(handle)
            step = Step(kind="sync", path=self._files[handle], name_lasts=new)
            return self._do(step, lambda: usual.sync(handle, flags))

        methods.write, methods.truncate, methods.sync = WRITE(write), TRUNCATE(truncate), SYNC(sync)
        self._kept.append(methods)
        place.contents.value = ctypes.addressof(methods)

    def _delete(self, _vfs: object, name: bytes, sync_folder: int) -> int:
        step = Step(kind="delete", path=name.decode(), name_lasts=bool(sync_folder))
        return self._do(step, lambda: self._usual.contents.delete(self._usual, name, sync_folder))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See what Python is about to do; refuse it by an OSError."""
        step: Step | None = None
        if event == "os.rename" and FILE_NAME in str(arguments[0]):
            step = Step(kind="rename", path=str(arguments[0]), to=str(arguments[1]))
        elif event == "os.remove" and FILE_NAME in str(arguments[0]) and _is_there(str(arguments[0])):
            step = Step(kind="delete", path=str(arguments[0]))
        elif event == "open" and self._is_folder(arguments[0]):
            step = Step(kind="sync names", path=str(arguments[0]), name_lasts=True)
        if step and self._watcher(step) is not None:
            raise OSError(f"no {step.kind} today")

    def _is_folder(self, path: object) -> bool:
        """Tell whether this is the folder of a file that is watched: it is opened to be synced."""
        return isinstance(path, str | os.PathLike) and any(
            Path(file).parent == Path(path) for file in self._files.values()
        )

    def _do(self, step: Step, act: Callable[[], int]) -> int:
        refused = self._watcher(step)
        return act() if refused is None else refused


def _is_there(path: str) -> bool:
    try:
        with open(path, "rb"):  # noqa: PTH123 (no import of pathlib in the middle of SQLite)
            return True
    except OSError:
        return False
