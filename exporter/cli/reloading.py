"""Taking over a changed configuration while the exporter runs: all of it, or nothing."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.cli.exporter_process import Exporter
from exporter.clock import Clock
from exporter.errors import ConfigurationError
from exporter.model.settings import Settings

log = structlog.get_logger()


class Reloader:
    """Reloads on demand, and by itself when the file's content has changed."""

    def __init__(self, file: str, load: Callable[[], Settings], exporter: Exporter, clock: Clock) -> None:
        self._file = Path(file)
        self._load = load
        self._exporter = exporter
        self._clock = clock
        self._lock = threading.Lock()
        """Reloads come one after the other."""
        self._seen = self._digest()

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again and take it over. Returns what is wrong; then nothing has changed."""
        with self._lock:
            self._seen = self._digest()
            try:
                settings = self._load()
            except ConfigurationError as error:
                return self._refuse(error.lines())
            self._exporter.loop.configure(settings)
            self._exporter.clients.configure(settings)
            self._exporter.store.note_reload(successful=True)
            log.info("configuration reloaded", targets=len(settings.targets))
            return ()

    def reload_if_changed(self) -> None:
        """Reload if the file's content is another one than at the last (tried) reload.

        By content: Kubernetes swaps a symbolic link, and editors write files anew.
        """
        if self._digest() != self._seen:
            self.reload()

    def watch(self, interval: float, stop: threading.Event) -> None:
        """Look at the file every ``interval`` seconds until ``stop`` is set."""
        while not self._clock.wait(stop, interval):
            self.reload_if_changed()

    def _refuse(self, problems: tuple[str, ...]) -> tuple[str, ...]:
        for line in problems:
            log.error("configuration not reloaded; the old one stays", error=line)
        self._exporter.store.note_reload(successful=False)
        return problems

    def _digest(self) -> bytes:
        """Return what tells this content from another one; unreadable is a content, too."""
        try:
            return hashlib.sha256(self._file.read_bytes()).digest()
        except OSError as error:
            return type(error).__name__.encode()
