"""Taking over changed configurations while the exporter runs: all of what they say, or nothing."""

import hashlib
import math
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from exporter.cli.systemd import notify
from exporter.clock import Clock
from exporter.config import LARGEST
from exporter.config.web import load_web
from exporter.config.yaml_lines import whole_file
from exporter.errors import ConfigurationError
from exporter.model.settings import Settings, WebSettings
from exporter.web.tls import TlsFileError, make_server_context

if TYPE_CHECKING:
    from exporter.cli.exporter_process import Exporter

TICK = 1.0
"""Seconds between checks of the web configuration's files.

And those that a changed file must stay as it is before it is read: an editor may be half way through it.
"""
STOPPING = ("the exporter is stopping",)
_SPECIAL = b"a named pipe or a device"

log = structlog.get_logger()


def content_of(file: str) -> bytes:
    """Return what distinguishes this content of a file from another one; unreadable is a content, too.

    The content, as Kubernetes swaps a symbolic link, and editors write files anew.
    """
    path = Path(file)
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return _SPECIAL
        with path.open("rb") as stream:
            return hashlib.sha256(stream.read(LARGEST + 1)).digest()
    except (OSError, ValueError) as error:
        return type(error).__name__.encode()


def _contents(files: Iterable[str]) -> dict[str, bytes]:
    return {file: content_of(file) for file in files}


def _refuse_special(*files: str) -> None:
    """Raise ConfigurationError for what is not a file: a pipe may never get a writer, or a device end."""
    for file in files:
        if content_of(file) == _SPECIAL:
            raise whole_file(file, "is a named pipe or a device: a reload reads files only")


@dataclass(frozen=True, slots=True)
class Protection:
    """What a connection or a request has to pass: TLS and users."""

    settings: WebSettings
    context: ssl.SSLContext | None = field(repr=False, compare=False)
    """None: plain HTTP."""
    contents: Mapping[str, bytes] = field(repr=False)
    """The content of each file that the context was made from, taken before it was read."""


def _protect(settings: WebSettings, before: Protection | None) -> Protection:
    """Read the certificates and keys that the settings name. Raises ConfigurationError or TlsFileError."""
    files = settings.tls.files if settings.tls else ()
    _refuse_special(*files)
    contents = _contents(files)
    if before and (settings.tls, contents) == (before.settings.tls, before.contents):
        return replace(before, settings=settings)  # a context that stays as it was keeps its connections
    return Protection(settings, make_server_context(settings.tls) if settings.tls else None, contents)


def load_protection(file: str, before: Protection | None = None) -> Protection:
    """Read a web configuration, and the files that it names. Raises ConfigurationError."""
    loaded = load_web(file)
    try:
        return _protect(loaded.settings, before)
    except TlsFileError as error:
        raise loaded.problem(error.key, error.message) from None


class WebProtection:
    """The protection in use. One thread at a time may change it; any may read it."""

    def __init__(self, file: str) -> None:
        """Read everything. Raises ConfigurationError."""
        self._file = file
        self.current = load_protection(file)
        self.in_use = True
        """Whether everything that the files say is in use."""
        self.on_new_context: Callable[[ssl.SSLContext | None], None] = lambda _: None
        """Called when new connections need another TLS context."""
        self._seen: Mapping[str, bytes] = {}
        """The content of each file when :meth:`follow` last read it."""

    def read(self) -> Protection:
        """Read everything again. Raises ConfigurationError."""
        _refuse_special(self._file)
        return load_protection(self._file, self.current)

    def adopt(self, protection: Protection) -> None:
        """Use this protection, even if it is less than before."""
        if protection.settings.at_least(self.current.settings) != protection.settings:
            log.warning("web configuration: protects less than before", **protection.settings.in_words())
        self._use(protection, [])
        self._seen = {}

    def follow(self) -> None:
        """Use what has changed in the files, as far as it is valid and does not protect less.

        Half a file, while it is being written, must open no door. Certificates and users that protect as much
        as before are used whatever else is wrong: the ones before may have been revoked, or expire.
        """
        if self._seen and self._seen == _contents(self._seen):
            return
        self._seen = _contents([self._file])
        problems: list[str] = []
        settings = self.current.settings
        try:
            _refuse_special(self._file)
            wanted = load_web(self._file).settings
            settings = wanted.at_least(settings)
            if settings != wanted:
                problems.append("it protects less than before, and so waits for a reload or a restart")
        except ConfigurationError as error:
            problems += error.lines()
        self._seen = {**self._seen, **_contents(settings.tls.files if settings.tls else ())}
        try:
            protection = _protect(settings, self.current)
        except (ConfigurationError, TlsFileError) as error:
            problems.append(str(error))
            tls = self.current.settings.tls
            protection = replace(self.current, settings=replace(settings, tls=tls))
        self._use(protection, problems)

    def _use(self, protection: Protection, problems: list[str]) -> None:
        for problem in problems:
            log.error("web configuration: not in use", file=self._file, detail=problem)
        self.in_use = not problems
        before, self.current = self.current, protection
        if protection.context is not before.context:
            self.on_new_context(protection.context)
        if protection != before:
            log.info(
                "web configuration: changes are in use", file=self._file, **protection.settings.in_words()
            )


class Reloader:
    """Reloads on demand, and automatically when a file's content has changed."""

    def __init__(
        self,
        file: str,
        load: Callable[[], Settings],
        exporter: "Exporter",
        *,
        loaded: bytes,
        interval: float = 0.0,
        web: WebProtection | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Keep what it needs; nothing runs yet.

        ``loaded``: the :func:`content_of` the file in use, taken before it was read.
        ``interval``: seconds between checks of the file; 0: never. ``web``: the web configuration, which a
        reload on demand reads too, and which is followed in between.
        """
        self._file = file
        self._load = load
        self._exporter = exporter
        self._clock = clock or Clock()
        self._interval = interval
        self.web = web
        self._lock = threading.Lock()
        """Reloads come one after the other."""
        self._seen = self._last_seen = loaded
        """The content of the last reload, or attempt, and the one at the last check."""
        self._successful = True
        self._wake = threading.Event()
        """Set: reload now, or end."""
        self._ended = False

    def reload(self, *, on_demand: bool = True) -> tuple[str, ...]:
        """Read both configurations again and use them. Returns what is wrong; then nothing has changed.

        By itself it leaves out the web configuration: one that protects less is taken over on demand alone.
        """
        with self._lock:
            if self._ended:
                return STOPPING
            self._seen = content_of(self._file)
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            problems: tuple[str, ...] = ()
            try:
                _refuse_special(self._file)
                settings = self._load()
                protection = self.web.read() if self.web and on_demand else None
                # Rates first: nothing may be asked at an old one that is higher.
                self._exporter.clients.configure(settings)
                self._exporter.scheduler.configure(settings)
                # Last, for it cannot fail.
                if self.web and protection:
                    self.web.adopt(protection)
            except ConfigurationError as error:
                problems = error.lines()
            except Exception as error:
                # Unexpected, or no more threads to be had: the caller must learn of it.
                log.exception("the configuration was not taken over, or not all of it")
                problems = (f"internal error: {type(error).__name__}",)
            for line in problems:
                log.error("configuration not reloaded; keeping the previous one", error=line)
            notify("READY=1")
            self._successful = not problems
            self._publish()
            if not problems:
                log.info("configuration reloaded", targets=len(settings.targets))
            return problems

    def reload_if_changed(self) -> float:
        """Reload if the file has changed and is not being written. Returns seconds until the next check."""
        previous, self._last_seen = self._last_seen, content_of(self._file)
        if self._last_seen == self._seen:
            return self._interval
        if self._last_seen != previous:
            return TICK
        self.reload(on_demand=False)
        return self._interval

    def request(self) -> None:
        """Have :meth:`run` reload soon; several requests until then are one."""
        self._wake.set()

    def run(self) -> None:
        """Reload when requested or due and follow the web configuration, until the end."""
        check_at = self._clock.monotonic() + (self._interval or math.inf)
        while not self._ended:
            if self._clock.wait(self._wake, TICK):
                self._wake.clear()
                self.reload()
            if self.web:
                self._follow_web(self.web)
            if self._clock.monotonic() >= check_at:
                check_at = self._clock.monotonic() + self.reload_if_changed()

    def end(self) -> None:
        """Begin no further reload."""
        self._ended = True
        self._wake.set()

    def _follow_web(self, web: WebProtection) -> None:
        with self._lock:
            before = web.in_use
            try:
                web.follow()
            except Exception:  # this thread must live on: the next change may be a valid one
                log.exception("the web configuration could not be checked")
            if web.in_use is not before:
                self._publish()

    def _publish(self) -> None:
        in_use = self.web is None or self.web.in_use
        self._exporter.store.note_reload(successful=self._successful and in_use)
