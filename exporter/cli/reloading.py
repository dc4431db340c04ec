"""Taking over a changed configuration while the exporter runs: all of it, or nothing."""

import threading
import time
from collections.abc import Callable

import structlog

from exporter.cli.exporter_process import Exporter
from exporter.cli.systemd import notify
from exporter.cli.web_protection import WebProtection, content_of, refuse_pipes
from exporter.clock import Clock
from exporter.errors import ConfigurationError
from exporter.model.settings import Settings

UNTOUCHED_FOR = 1.0
"""Seconds that a changed file must stay as it is before it is read: an editor may be half way through it."""
WEB_INTERVAL = 1.0
"""Seconds between checks of the files of the web configuration."""
A_DAY = 86400.0
STOPPING = ("the exporter is stopping",)

log = structlog.get_logger()


class Reloader:
    """Reloads on demand, and automatically when a file's content has changed.

    ``loaded``: the :func:`content_of` the file that the exporter runs with, taken before it was read.
    ``web``: the web configuration, which a reload on demand reads too, and which is followed in between.
    """

    def __init__(
        self,
        file: str,
        load: Callable[[], Settings],
        exporter: Exporter,
        clock: Clock,
        *,
        loaded: bytes,
        web: WebProtection | None = None,
    ) -> None:
        self._file = file
        self._load = load
        self._exporter = exporter
        self._clock = clock
        self.web = web
        self._lock = threading.Lock()
        """Reloads come one after the other."""
        self._seen = loaded
        self._successful = True
        """Whether the last reload succeeded."""
        self._web_in_use = True
        """Whether the web configuration was in use when that was last published."""
        self._wanted = threading.Event()
        """Whether a reload has been requested."""
        self._wake = threading.Event()
        """Whether there is anything to do for :meth:`run`."""
        self._ended = threading.Event()

    def reload(self) -> tuple[str, ...]:
        """Read both configurations again and use them. Returns what is wrong; then nothing has changed."""
        return self._reload(self.web)

    def reload_if_changed(self) -> None:
        """Reload if the file's content differs from that of the last reload, or attempt.

        Not the web configuration: what protects less is taken over on demand alone.
        """
        content = content_of(self._file)
        if content == self._seen:
            return
        while not self._clock.wait(self._ended, UNTOUCHED_FOR):
            before, content = content, content_of(self._file)
            if content == before:
                break
        # A file that was away for a moment is back as it was.
        if content != self._seen:
            self._reload(None)

    def request(self) -> None:
        """Have :meth:`run` reload soon; several requests until then are one."""
        self._wanted.set()
        self._wake.set()

    def run(self, interval: float) -> None:
        """Reload when requested and follow the web configuration, until the end.

        ``interval``: seconds between checks of the file; 0: never.
        """
        interval = interval or A_DAY
        check_at = self._clock.monotonic() + interval
        while not self._ended.is_set():
            pause = max(0.0, check_at - self._clock.monotonic())
            self._clock.wait(self._wake, min(pause, WEB_INTERVAL) if self.web else pause)
            self._wake.clear()
            if self._wanted.is_set():
                self._wanted.clear()
                self.reload()
            self._follow_web()
            if self._clock.monotonic() >= check_at:
                if interval < A_DAY:
                    self.reload_if_changed()
                check_at = self._clock.monotonic() + interval

    def end(self) -> None:
        """Begin no further reload."""
        self._ended.set()
        self._wake.set()

    def _reload(self, web: WebProtection | None) -> tuple[str, ...]:
        with self._lock:
            if self._ended.is_set():
                return STOPPING
            self._seen = content_of(self._file)
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                refuse_pipes(self._file)
                settings = self._load()
                protection = web.read() if web else None
                # Rates first: nothing may be asked at an old one that is higher.
                self._exporter.clients.configure(settings)
                self._exporter.scheduler.configure(settings)
                # Last, for it cannot fail.
                if web and protection:
                    web.adopt(protection)
            except ConfigurationError as error:
                return self._refuse(error.lines())
            except Exception as error:
                # Unexpected, or no more threads to be had: the caller must learn of it.
                log.exception("the configuration was not taken over, or not all of it")
                return self._refuse((f"internal error: {type(error).__name__}",))
            finally:
                notify("READY=1")
            self._publish(successful=True)
            log.info("configuration reloaded", targets=len(settings.targets))
            return ()

    def _refuse(self, problems: tuple[str, ...]) -> tuple[str, ...]:
        for line in problems:
            log.error("configuration not reloaded; keeping the previous one", error=line)
        self._publish(successful=False)
        return problems

    def _follow_web(self) -> None:
        if self.web is None:
            return
        with self._lock:
            try:
                self.web.follow()
            except Exception:  # this thread must live on: the next change may be a valid one
                log.exception("the web configuration could not be checked")
            if self.web.in_use is not self._web_in_use:
                self._publish(successful=self._successful)

    def _publish(self, *, successful: bool) -> None:
        self._successful = successful
        self._web_in_use = self.web is None or self.web.in_use
        self._exporter.store.note_reload(successful=successful and self._web_in_use)
