"""TLS and users, as the file of ``--web.config.file`` and the files that it names say."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from exporter.cli.file_content import contents_of, refuse_pipes
from exporter.config.web import load_web
from exporter.errors import ConfigurationError
from exporter.model.settings import WebSettings
from exporter.web.tls import TlsFileError, make_server_context

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Protection:
    """What a connection or a request has to pass."""

    settings: WebSettings
    context: ssl.SSLContext | None = field(repr=False)
    """None: plain HTTP."""
    tls_contents: Mapping[str, bytes] = field(repr=False)
    """The content of each file that the context was made from, taken before it was read."""


def load_protection(file: str) -> Protection:
    """Read the file, and the certificates and keys that it names. Raises ConfigurationError."""
    loaded = load_web(file)
    tls = loaded.settings.tls
    if tls is None:
        return Protection(loaded.settings, None, {})
    contents = contents_of(*tls.files)
    try:
        return Protection(loaded.settings, make_server_context(tls), contents)
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
        self._seen: Mapping[str, bytes] = {file: b"not looked at yet"}

    def users(self) -> Mapping[str, str]:
        """Return the bcrypt hashes in use, by user name."""
        return self.current.settings.users

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
        self._seen = {self._file: b"not looked at yet"}

    def follow(self) -> None:
        """Use what has changed in the files, as far as it is valid and does not protect less.

        Half a file, while it is being written, must open no door. Certificates and users that protect as much
        as before are used whatever else is wrong: the ones before may have been revoked, or expire.
        """
        if contents_of(*self._seen) == self._seen:
            return
        web_content = contents_of(self._file)
        problems = []
        settings = self.current.settings
        try:
            refuse_pipes(self._file)
            loaded = load_web(self._file).settings
            settings = loaded.at_least(settings)
            if settings != loaded:
                problems.append("it protects less than before, and so waits for a reload or a restart")
        except ConfigurationError as error:
            problems += error.lines()
        files = settings.tls.files if settings.tls else ()
        tls_contents = contents_of(*files)
        self._seen = {**web_content, **tls_contents}
        context = self.current.context
        if settings.tls != self.current.settings.tls or tls_contents != self.current.tls_contents:
            try:
                refuse_pipes(*files)
                context = make_server_context(settings.tls) if settings.tls else None
            except (ConfigurationError, TlsFileError) as error:
                problems.append(str(error))
                settings = replace(settings, tls=self.current.settings.tls)
                tls_contents = dict(self.current.tls_contents)
        for problem in problems:
            log.error("web configuration: not in use", file=self._file, detail=problem)
        self.in_use = not problems
        self._use(Protection(settings, context, tls_contents))

    def _use(self, protection: Protection) -> None:
        before = self.current
        if (protection.settings.tls, protection.tls_contents) == (before.settings.tls, before.tls_contents):
            protection = replace(protection, context=before.context)  # its connections may stay
        self.current = protection
        if protection.context is not before.context:
            self.on_new_context(protection.context)
        if protection != before:
            in_words = protection.settings.in_words()
            log.info("web configuration: changes are in use", file=self._file, **in_words)
