"""TLS and users as they are now: the files are read again when they change."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from exporter.errors import ConfigurationError
from exporter.model.settings import WebSettings
from exporter.web.tls import make_server_context

log = structlog.get_logger()

_ROUNDS = 3
"""Reads until the files that are named stay the same; more would chase somebody who keeps writing."""


@dataclass(frozen=True, slots=True)
class Security:
    """What a connection or a request has to pass."""

    settings: WebSettings
    context: ssl.SSLContext | None = field(repr=False)
    """None: plain HTTP."""

    @classmethod
    def of(cls, settings: WebSettings) -> "Security":
        """Make the TLS context that the settings ask for. Raises TlsFileError."""
        return cls(settings, make_server_context(settings.tls) if settings.tls else None)


class UnusableFilesError(ConfigurationError):
    """The web configuration is valid, but a file that it names cannot be used."""

    def __init__(self, error: ConfigurationError, files: tuple[str, ...]) -> None:
        super().__init__(error.file, error.problems)
        self.files = files
        """All that it names: once they change, it is worth another try."""


_Stamp = tuple[tuple[int, ...] | None, ...]


class LiveSecurity:
    """The security of now. Safe to be used from any thread.

    Whether a file has changed is asked of the file system at every connection and request, as the
    exporter-toolkit does: a few microseconds, and a rotated certificate is there at once.
    """

    def __init__(self, file: str, load: Callable[[], Security]) -> None:
        """``load`` reads the file and all that it names, and raises ConfigurationError, as does this."""
        self.tell: Callable[[bool], None] = lambda _: None
        """Called after each look at changed files: whether what they say is in use. It must not wait."""
        self._file = file
        self._load = load
        self._lock = threading.Lock()
        self._stamp: _Stamp = ()
        self._files: tuple[str, ...] = (file,)
        self.generation = 0
        """Grows with every change."""
        self.current = self._read()

    def refresh(self) -> Security:
        """Return the security of now, read again if a file has changed.

        What cannot be used is logged once and changes nothing. Nor does what would lower the protection:
        half a file, while it is being written, must not open the door. That takes :meth:`reload`.
        """
        if _stamp(self._files) == self._stamp:
            return self.current
        with self._lock:
            if _stamp(self._files) == self._stamp:
                return self.current
            try:
                security = self._read()
            except ConfigurationError as error:
                log.error(  # noqa: TRY400 (the user's mistake, not ours: no traceback)
                    "web configuration: invalid, the last good one stays", file=self._file, detail=str(error)
                )
                self.tell(False)
                return self.current
            if security.settings.weaker_than(self.current.settings):
                log.warning(
                    "web configuration: protects less than before, and so waits for a reload or a restart",
                    file=self._file,
                )
                self.tell(False)
                return self.current
            self._adopt(security)
            log.info(
                "web configuration: changed files are in use", file=self._file, **security.settings.in_words()
            )
        return self.current

    def reload(self) -> None:
        """Read everything again and use it, also if it protects less.

        Raises ConfigurationError, and changes nothing then.
        """
        with self._lock:
            before, security = self.current.settings, self._read()
            self._adopt(security)
            if security.settings.weaker_than(before):
                log.warning(
                    "web configuration: protects less from now on",
                    file=self._file,
                    **security.settings.in_words(),
                )

    def _adopt(self, security: Security) -> None:
        self.current = security
        self.generation += 1
        self.tell(True)

    def _read(self) -> Security:
        result: Security | UnusableFilesError | None = None
        for _ in range(_ROUNDS):
            # Before they are read: what changes meanwhile is seen as changed the next time.
            self._stamp = _stamp(self._files)
            result, named = self._attempt()
            files = (self._file, *named)
            if files == self._files:
                break
            self._files = files
        assert result is not None  # noqa: S101 (for the type checker: the loop has run)
        if isinstance(result, UnusableFilesError):
            raise result
        return result

    def _attempt(self) -> tuple[Security | UnusableFilesError, tuple[str, ...]]:
        """Read once; return what came of it, and the files that are named."""
        try:
            security = self._load()
        except UnusableFilesError as error:
            return error, error.files
        tls = security.settings.tls
        return security, tls.files if tls else ()


def _stamp(files: tuple[str, ...]) -> _Stamp:
    """Return what differs when one of the files is written, replaced, or reached through another link."""
    return tuple(_one_stamp(file) for file in files)


def _one_stamp(file: str) -> tuple[int, ...] | None:
    try:
        status = Path(file).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
