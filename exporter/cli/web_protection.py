"""TLS and users, as the file of ``--web.config.file`` and the files that it names say."""

import hashlib
import ssl
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from exporter.config.web import load_web
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import WebSettings
from exporter.web.tls import TlsFileError, make_server_context

_PIPE = b"a named pipe"

log = structlog.get_logger()


def content_of(file: str) -> bytes:
    """Return what distinguishes this content of a file from another one; unreadable is a content, too.

    The content, as Kubernetes swaps a symbolic link, and editors write files anew.
    """
    path = Path(file)
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            return _PIPE
        return hashlib.sha256(path.read_bytes()).digest()
    except (OSError, ValueError) as error:
        return type(error).__name__.encode()


def refuse_pipes(*files: str) -> None:
    """Raise ConfigurationError for a named pipe: to open it is to wait for its writer, perhaps forever."""
    for file in files:
        if content_of(file) == _PIPE:
            raise ConfigurationError(file, (Problem(0, "", "is a named pipe: a reload reads files only"),))


@dataclass(frozen=True, slots=True)
class Protection:
    """What a connection or a request has to pass."""

    settings: WebSettings
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    """None: plain HTTP."""
    tls_contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The content of each file that the context was made from, taken before it was read."""


def protect(settings: WebSettings) -> Protection:
    """Read the certificates and keys that the settings name. Raises ConfigurationError or TlsFileError."""
    if settings.tls is None:
        return Protection(settings)
    contents = {file: content_of(file) for file in settings.tls.files}
    return Protection(settings, make_server_context(settings.tls), contents)


def load_protection(file: str) -> Protection:
    """Read the file, and the certificates and keys that it names. Raises ConfigurationError."""
    loaded = load_web(file)
    try:
        return protect(loaded.settings)
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
        """The content of each file when it was last looked at; nothing makes :meth:`follow` look again."""

    def read(self) -> Protection:
        """Read everything again. Raises ConfigurationError."""
        refuse_pipes(self._file)
        return load_protection(self._file)

    def adopt(self, protection: Protection) -> None:
        """Use this protection, even if it is less than before."""
        if protection.settings.at_least(self.current.settings) != protection.settings:
            log.warning("web configuration: protects less than before", **protection.settings.in_words())
        self._use(protection)
        self.in_use = True
        self._seen = {}

    def follow(self) -> None:
        """Use what has changed in the files, as far as it is valid and does not protect less.

        Half a file, while it is being written, must open no door. Certificates and users that protect as much
        as before are used whatever else is wrong: the ones before may have been revoked, or expire.
        """
        before = self.current
        if self._seen and {file: content_of(file) for file in self._seen} == self._seen:
            return
        self._seen = {self._file: content_of(self._file)}
        problems: list[str] = []
        settings = before.settings
        try:
            refuse_pipes(self._file)
            loaded = load_web(self._file).settings
            settings = loaded.at_least(settings)
            if settings != loaded:
                problems.append("it protects less than before, and so waits for a reload or a restart")
        except ConfigurationError as error:
            problems += error.lines()
        files = settings.tls.files if settings.tls else ()
        self._seen = {**self._seen, **{file: content_of(file) for file in files}}
        try:
            refuse_pipes(*files)
            protection = protect(settings)
        except (ConfigurationError, TlsFileError) as error:
            problems.append(str(error))
            protection = replace(before, settings=replace(settings, tls=before.settings.tls))
        for problem in problems:
            log.error("web configuration: not in use", file=self._file, detail=problem)
        self.in_use = not problems
        self._use(protection)

    def _use(self, protection: Protection) -> None:
        before = self.current
        if protection == before:
            return
        new_context = (protection.settings.tls, protection.tls_contents) != (
            before.settings.tls,
            before.tls_contents,
        )
        # A context that stays as it was keeps its connections.
        self.current = protection if new_context else replace(protection, context=before.context)
        if new_context:
            self.on_new_context(protection.context)
        log.info("web configuration: changes are in use", file=self._file, **protection.settings.in_words())
