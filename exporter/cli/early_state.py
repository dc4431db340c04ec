"""Opens the state while the program is still being loaded: SQLite works without the interpreter's lock."""

import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from exporter.store.database import FILE_NAME, StateDatabase


class EarlyState:
    """The state in the folder of ``--storage.path``.

    Only what is there already is opened early: a command that refuses its configuration leaves nothing new.
    As a context manager it closes, in the end, what nobody has asked for.
    """

    def __init__(self, folder: str | None) -> None:
        """Begin. ``folder``: None for a state that ends with the process."""
        self._folder = folder
        self._opened: Future[StateDatabase] | None = None
        if folder is not None and (Path(folder) / FILE_NAME).is_file():
            self._opened = Future()
            threading.Thread(
                target=self._open, args=(Path(folder), self._opened), name="state", daemon=True
            ).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, None
        if opened and not opened.exception():
            opened.result().close()

    @property
    def being_opened(self) -> bool:
        """Whether whoever asks now has to wait."""
        return self._opened is not None and not self._opened.done()

    @property
    def folder(self) -> Path | None:
        """The folder, if there is one."""
        return None if self._folder is None else Path(self._folder)

    def take(self) -> StateDatabase:
        """Return it, to be closed by whoever has asked. Raises StorageError where it cannot be used."""
        opened, self._opened = self._opened, None
        if self._folder is None:
            return StateDatabase.in_memory()
        return opened.result() if opened else StateDatabase.open(self._folder)

    @staticmethod
    def _open(folder: Path, opened: "Future[StateDatabase]") -> None:
        try:
            opened.set_result(StateDatabase.open(folder))
        except BaseException as error:  # noqa: BLE001 (told to whoever asks for it)
            opened.set_exception(error)
