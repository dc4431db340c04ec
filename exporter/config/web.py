"""The web configuration, in the exporter-toolkit's file format as far as it is supported."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import bcrypt

from exporter.config.kinds import (
    ListOf,
    MappingOf,
    Scalar,
    Section,
    choice,
    duration,
    key,
    number,
    read,
    text,
)
from exporter.config.yaml_lines import Document, read_file, read_yaml, whole_file
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import ClientAuthType, RateLimit, TlsSettings, TlsVersion, WebSettings

MOST_COST: Final = 14
"""Of a hash: each step doubles the time, and this one takes about a second for a check."""
_LARGEST: Final = 1024 * 1024
"""Bytes: it holds a few paths and users."""
_TLS: Final = "tls_server_config"
_HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_NOT_A_HASH: Final = (
    "not a valid bcrypt hash: write the line that `htpasswd -nBC 10 USER` prints as USER: HASH"
)

_DEFAULTS: Final = "is not supported: OpenSSL's secure defaults are used; remove it"
UNSUPPORTED: Final = {
    "cert": "is not supported: write the certificate to a file and name it with cert_file",
    "key": "is not supported: write the key to a file and name it with key_file",
    "client_ca": "is not supported: write the certificates to a file and name it with client_ca_file",
    "max_version": "is not supported: the newest version that both sides support is used; remove it",
    "cipher_suites": _DEFAULTS,
    "curve_preferences": _DEFAULTS,
    "prefer_server_cipher_suites": _DEFAULTS,
    "http2": "is not supported: the server speaks HTTP/1.1; remove it",
}
"""The toolkit's other keys, and what to do about each."""

_UNVERIFIED: Final = (
    "requests certificates without verifying them, which Python's TLS cannot do and which protects nothing: "
    "write RequireAndVerifyClientCert, VerifyClientCertIfGiven or NoClientCert"
)
_INSECURE: Final = "is insecure, and OpenSSL disables it by default: write TLS12 or TLS13"
_CLIENT_AUTH: Final = choice(
    ClientAuthType,
    dict.fromkeys(("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _UNVERIFIED),
)
_VERSION: Final = choice(TlsVersion, {"TLS10": _INSECURE, "TLS11": _INSECURE})
_TEXT: Final = text(shortest=1, longest=4096)


_HEADER: Final = text("{} holds what a header cannot: write printable ASCII in one line", "^[ -~]*$")
_HEADERS: Final = {
    "Content-Security-Policy": _HEADER,
    "Strict-Transport-Security": _HEADER,
    "X-Content-Type-Options": text("must be nosniff", "^(nosniff)?$"),
    "X-Frame-Options": text("must be deny or sameorigin", "^(deny|sameorigin)?$"),
    "X-XSS-Protection": _HEADER,
}
"""Those that the toolkit lets users set."""


def _kind_of_header(name: str) -> Scalar:
    if name not in _HEADERS:
        raise ValueError(f"cannot be set: headers that can are {', '.join(_HEADERS)}")
    return _HEADERS[name]


def _hash(stored: str) -> None:
    match = _HASH.fullmatch(stored)
    if match is None:
        raise ValueError(_NOT_A_HASH)
    if int(match["cost"]) > MOST_COST:
        raise ValueError(
            f"takes seconds for each check: hash the password with a cost of at most {MOST_COST}"
        )
    try:
        # At the lowest cost: only whether it can be used at all.
        bcrypt.checkpw(b"", f"{stored[:4]}04{stored[6:]}".encode())
    except ValueError:
        raise ValueError(_NOT_A_HASH) from None


_PASSWORD: Final = text(check=_hash)


def _kind_of_user(name: str) -> Scalar:
    if ":" in name:
        raise ValueError("a user name must not hold a colon: browsers end it there")
    return _PASSWORD


def _interval(value: object) -> float:
    """Return a duration in Go's form, as far as it makes sense here: milliseconds, too, and 0."""
    if value in (0, "0"):
        return 0.0
    milliseconds = re.fullmatch(r"([0-9]{1,9})ms", value) if isinstance(value, str) else None
    return int(milliseconds[1]) / 1000 if milliseconds else _INTERVAL.parse(value)


_INTERVAL: Final = duration("0s", "1h")


class _Section(Section):
    @classmethod
    def unknown_key(cls, name: str) -> str:
        return UNSUPPORTED.get(name) or super().unknown_key(name)


@dataclass(frozen=True, kw_only=True)
class TlsServerConfig(_Section):
    """``tls_server_config``. Paths are relative to the folder of the file."""

    cert_file: str = key(_TEXT, required=True)
    key_file: str = key(_TEXT, required=True)
    client_auth_type: ClientAuthType = key(_CLIENT_AUTH, default=ClientAuthType.NO_CLIENT_CERT)
    client_ca_file: str | None = key(_TEXT)
    client_allowed_sans: list[str] | None = key(ListOf(_TEXT, may_be_empty=False))
    min_version: TlsVersion = key(_VERSION, default=TlsVersion.TLS12)


@dataclass(frozen=True, kw_only=True)
class HttpServerConfig(_Section):
    """``http_server_config``."""

    headers: Mapping[str, str] | None = key(MappingOf("a mapping of header names to values", _kind_of_header))


@dataclass(frozen=True, kw_only=True)
class RateLimitConfig(_Section):
    """``rate_limit``: a token bucket."""

    interval: float = key(Scalar(_interval, {}), required=True)
    burst: int = key(number(1, 1_000_000, whole=True), required=True)


@dataclass(frozen=True, kw_only=True)
class WebConfiguration(_Section):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = key(TlsServerConfig)
    http_server_config: HttpServerConfig | None = key(HttpServerConfig)
    basic_auth_users: Mapping[str, str] | None = key(
        MappingOf("a mapping of user names to hashes", _kind_of_user), secret=True
    )
    rate_limit: RateLimitConfig | None = key(RateLimitConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWebConfiguration:
    """A valid web configuration; whether TLS can use the files that it names is checked by the server."""

    settings: WebSettings
    file: str
    """As it was named by the user."""
    lines: Mapping[str, int]
    """The line of each key of ``tls_server_config`` that is written."""

    def problem(self, key: str, message: str) -> ConfigurationError:
        """Return the error for a key of ``tls_server_config``."""
        return ConfigurationError(self.file, (Problem(self.lines.get(key, 0), f"{_TLS}.{key}", message),))


def load_web(path: str | os.PathLike[str]) -> LoadedWebConfiguration:
    """Read and validate the file of ``--web.config.file``. Raises ConfigurationError with every problem."""
    file = os.fspath(path)
    content = read_file(file, if_missing="name another with --web.config.file", largest=_LARGEST)
    document = read_yaml(content, file)
    root = {} if document.root is None else document.root
    if isinstance(root, dict) and root.get(_TLS) == {}:
        del root[_TLS]  # as in the toolkit: an empty section asks for nothing
    configuration = read(WebConfiguration, root, (), document)
    if configuration is not None and configuration.tls_server_config is not None:
        _contradictions(configuration.tls_server_config, document)
    if configuration is None or document.problems:
        raise document.error()
    settings = _settings(configuration, Path(file).parent)
    if settings == WebSettings():
        raise whole_file(
            file,
            "protects nothing: write tls_server_config or basic_auth_users,"
            " or leave out --web.config.file to serve plain HTTP without passwords",
        )
    tls = configuration.tls_server_config
    lines = {key: document.line((_TLS, key)) for key in tls.written} if tls else {}
    return LoadedWebConfiguration(settings=settings, file=file, lines=lines)


def _contradictions(tls: TlsServerConfig, document: Document) -> None:
    if tls.wrong & {"client_auth_type", "client_ca_file"}:
        return
    required = ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT
    verifies = tls.client_auth_type is not ClientAuthType.NO_CLIENT_CERT
    if tls.client_allowed_sans is not None and tls.client_auth_type is not required:
        document.report(
            (_TLS, "client_allowed_sans"),
            f"needs client_auth_type: {required}, or a client without a certificate would get in",
        )
    if verifies and tls.client_ca_file is None:
        document.report(
            (_TLS, "client_auth_type"),
            "needs client_ca_file: the CA certificates that sign the clients' certificates",
        )
    if tls.client_ca_file is not None and not verifies:
        document.report((_TLS, "client_ca_file"), f"has no effect without client_auth_type: {required}")


def _settings(configuration: WebConfiguration, folder: Path) -> WebSettings:
    tls, limit = configuration.tls_server_config, configuration.rate_limit
    headers = (configuration.http_server_config or HttpServerConfig()).headers or {}
    return WebSettings(
        tls=TlsSettings(
            cert_file=str(folder / tls.cert_file),
            key_file=str(folder / tls.key_file),
            client_auth_type=tls.client_auth_type,
            client_ca_file=str(folder / tls.client_ca_file) if tls.client_ca_file is not None else None,
            client_allowed_sans=frozenset(tls.client_allowed_sans or ()),
            min_version=tls.min_version,
        )
        if tls
        else None,
        users=MappingProxyType(configuration.basic_auth_users or {}),
        # As in the toolkit, a blank value sets no header, and an interval of 0 turns the limit off.
        headers=MappingProxyType({name: value for name, value in headers.items() if value}),
        rate_limit=RateLimit(interval=limit.interval, burst=limit.burst)
        if limit and limit.interval
        else None,
    )
