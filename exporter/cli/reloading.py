"""Taking over a changed configuration while the exporter runs: all of it, or nothing."""

import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.cli.exporter_process import Exporter
from exporter.clock import Clock
from exporter.errors import ConfigurationError
from exporter.model.settings import Settings

UNTOUCHED_FOR = 1.0
"""Seconds that a changed file must stay as it is before it is read: an editor may be half way through it."""
A_DAY = 86400.0
TICK = 0.1
"""Seconds between two looks whether the exporter is ending."""
STOPPING = ("the exporter is stopping",)

log = structlog.get_logger()


def content_of(file: str) -> bytes:
    """Return what tells this content of a file from another one; unreadable is a content, too.

    By content: Kubernetes swaps a symbolic link, and editors write files anew.
    """
    try:
        return hashlib.sha256(Path(file).read_bytes()).digest()
    except OSError as error:
        return type(error).__name__.encode()


class Reloader:
    """Reloads on demand, and by itself when the file's content has changed.

    ``loaded``: the :func:`content_of` the file that the exporter runs with, taken before it was read.
    """

    def __init__(
        self, file: str, load: Callable[[], Settings], exporter: Exporter, clock: Clock, *, loaded: bytes
    ) -> None:
        self._file = file
        self._load = load
        self._exporter = exporter
        self._clock = clock
        self._lock = threading.Lock()
        """Reloads come one after the other."""
        self._seen = loaded
        self._taken_over = True
        """Whether the last reload succeeded."""
        self._web_in_use = self._web_told = True
        self._wanted = threading.Event()
        """Whether a reload has been asked for."""
        self._asked = threading.Event()
        """Whether there is anything to do for :meth:`run`."""
        self._ended = threading.Event()

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again and take it over. Returns what is wrong; then nothing has changed."""
        with self._lock:
            if self._ended.is_set():
                return STOPPING
            self._seen = content_of(self._file)
            try:
                settings = self._load()
                # Rates first: nothing may be asked at an old one that is higher.
                self._exporter.clients.configure(settings)
                self._exporter.scheduler.configure(settings)
                self._exporter.clients.release_unused()
            except ConfigurationError as error:
                return self._refuse(error.lines())
            except Exception as error:
                # A fault of this program, or no more threads to be had: who asked must learn of it.
                log.exception("the configuration was not taken over, or not all of it")
                return self._refuse((f"internal error: {type(error).__name__}",))
            self._note(taken_over=True)
            log.info("configuration reloaded", targets=len(settings.targets))
            return ()

    def reload_while_running(self) -> tuple[str, ...]:
        """Reload, but wait for it no longer than the exporter runs: for requests, which hold up its end."""
        result = queue.SimpleQueue[tuple[str, ...]]()
        threading.Thread(target=lambda: result.put(self.reload()), name="reload", daemon=True).start()
        while not self._ended.is_set():
            with contextlib.suppress(queue.Empty):
                return result.get(timeout=TICK)
        return STOPPING

    def reload_if_changed(self) -> None:
        """Reload if the file's content is another one than at the last (tried) reload."""
        content = content_of(self._file)
        if content == self._seen:
            return
        while not self._clock.wait(self._ended, UNTOUCHED_FOR):
            before, content = content, content_of(self._file)
            if content == before:
                break
        # A file that was away for a moment is back as it was.
        if content != self._seen:
            self.reload()

    def ask(self) -> None:
        """Have :meth:`run` reload soon; however often that is asked meanwhile, once is enough."""
        self._wanted.set()
        self._asked.set()

    def note_web(self, in_use: bool) -> None:  # noqa: FBT001 (as LiveSecurity tells it)
        """Take in whether the files of the web configuration are in use as they are now; does not wait.

        They are followed without a reload, but whoever asks whether the configuration is in use means both.
        """
        self._web_in_use = in_use
        self._asked.set()

    def run(self, interval: float) -> None:
        """Reload when asked, and look at the file every ``interval`` seconds (0: never), until the end."""
        while not self._ended.is_set():
            self._clock.wait(self._asked, interval or A_DAY)
            self._asked.clear()
            self._tell_of_web()
            if self._wanted.is_set():
                self._wanted.clear()
                self.reload()
            elif interval:
                self.reload_if_changed()

    def end(self) -> None:
        """Begin no further reload."""
        self._ended.set()
        self._asked.set()

    def _refuse(self, problems: tuple[str, ...]) -> tuple[str, ...]:
        for line in problems:
            log.error("configuration not reloaded; the old one stays", error=line)
        self._note(taken_over=False)
        return problems

    def _tell_of_web(self) -> None:
        with self._lock:
            if self._web_told is not self._web_in_use:
                self._note(taken_over=self._taken_over)

    def _note(self, *, taken_over: bool) -> None:
        self._taken_over, self._web_told = taken_over, self._web_in_use
        self._exporter.store.note_reload(successful=taken_over and self._web_told)
