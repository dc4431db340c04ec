"""The web configuration, in the exporter-toolkit's file format as far as it is supported."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import bcrypt

from exporter.config.kinds import (
    Choice,
    Duration,
    JsonSchema,
    ListOf,
    Number,
    Section,
    Text,
    key,
    nearest,
    read,
)
from exporter.config.yaml_lines import Document, Location, YamlMapping, kind, read_file, read_yaml, whole_file
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import ClientAuthType, RateLimit, TlsSettings, TlsVersion, WebSettings

MOST_COST: Final = 14
"""Of a hash: each step doubles the time, and this one takes about a second for a check."""
_LARGEST: Final = 1024 * 1024
"""Bytes: it holds paths and users."""
_TLS: Final = "tls_server_config"
_HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_NOT_A_HASH: Final = (
    "not a valid bcrypt hash: write the line that `htpasswd -nBC 10 USER` prints as USER: HASH"
)

UNSUPPORTED: Final = {
    "cert": "is not supported: write the certificate to a file and name it with cert_file",
    "key": "is not supported: write the key to a file and name it with key_file",
    "client_ca": "is not supported: write the certificates to a file and name it with client_ca_file",
    "max_version": "is not supported: the newest version that both sides support is used; remove it",
    "cipher_suites": "is not supported: OpenSSL's secure defaults are used; remove it",
    "curve_preferences": "is not supported: OpenSSL's secure defaults are used; remove it",
    "prefer_server_cipher_suites": "is not supported: OpenSSL's secure defaults are used; remove it",
    "http2": "is not supported: the server speaks HTTP/1.1; remove it",
}
"""The toolkit's other keys, and what to do about each."""

_UNVERIFIED: Final = (
    "requests certificates without verifying them, which Python's TLS cannot do and which protects nothing: "
    "write RequireAndVerifyClientCert, VerifyClientCertIfGiven or NoClientCert"
)
_INSECURE: Final = "is insecure, and OpenSSL disables it by default: write TLS12 or TLS13"
_PROTECTS_NOTHING: Final = (
    "protects nothing: write tls_server_config or basic_auth_users,"
    " or leave out --web.config.file to serve plain HTTP without passwords"
)
_CLIENT_AUTH: Final = Choice(
    ClientAuthType,
    dict.fromkeys(("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _UNVERIFIED),
)
_VERSION: Final = Choice(TlsVersion, {"TLS10": _INSECURE, "TLS11": _INSECURE})
_FILE: Final = Text(shortest=1, longest=4096)
_NAME: Final = Text(shortest=1, longest=4096)

HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that the toolkit lets users set, and the values that it accepts; none: any."""
_HEADER: Final = Text("{} holds what a header cannot: write printable ASCII in one line", r"^[ -~]*$")
_MILLISECONDS: Final = re.compile(r"(?P<number>[0-9]{1,9})ms")


def _hash(text: str) -> None:
    match = _HASH.fullmatch(text)
    if match is None:
        raise ValueError(_NOT_A_HASH)
    if int(match["cost"]) > MOST_COST:
        raise ValueError(
            f"takes seconds for each check: hash the password with a cost of at most {MOST_COST}"
        )
    try:
        # At the lowest cost: only whether it can be used at all.
        bcrypt.checkpw(b"", f"{text[:4]}04{text[6:]}".encode())
    except ValueError:
        raise ValueError(_NOT_A_HASH) from None


_PASSWORD: Final = Text(check=_hash)


class _Section(Section):
    @classmethod
    def unknown_key(cls, name: str) -> str:
        if name in UNSUPPORTED:
            return UNSUPPORTED[name]
        if cls is WebConfiguration and name in TlsServerConfig.known():
            return f"unknown key here; it belongs in {_TLS}"
        return nearest(name, list(cls.known()))


@dataclass(frozen=True, kw_only=True)
class TlsServerConfig(_Section):
    """``tls_server_config``. Paths are relative to the folder of the file."""

    cert_file: str = key(_FILE, required=True)
    key_file: str = key(_FILE, required=True)
    client_auth_type: ClientAuthType = key(_CLIENT_AUTH, default=ClientAuthType.NO_CLIENT_CERT)
    client_ca_file: str | None = key(_FILE)
    client_allowed_sans: list[str] | None = key(ListOf(_NAME, may_be_empty=False))
    min_version: TlsVersion = key(_VERSION, default=TlsVersion.TLS12)


class _Headers:
    """Values by header name."""

    def read(self, value: object, at: Location, document: Document) -> dict[str, str] | None:
        if not isinstance(value, YamlMapping):
            document.report(at, f"must be a mapping of header names to values, not {kind(value)}")
            return None
        for name, text in value.items():
            accepted = HEADERS.get(name)
            if accepted is None:
                document.report((*at, name), f"cannot be set: headers that can are {', '.join(HEADERS)}")
            elif read(_HEADER, text, (*at, name), document) is not None and accepted and text not in accepted:
                document.report((*at, name), f"must be {' or '.join(accepted)}")
        return {name: text for name, text in value.items() if isinstance(text, str)}

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        return {"additionalProperties": {"type": "string"}, "type": "object"}


@dataclass(frozen=True, kw_only=True)
class HttpServerConfig(_Section):
    """``http_server_config``."""

    headers: Mapping[str, str] | None = key(_Headers())


class _Interval(Duration):
    """A duration in Go's form, as far as it makes sense here: milliseconds, too, and 0."""

    def parse(self, value: object) -> float:
        if value in (0, "0"):
            return 0.0
        milliseconds = _MILLISECONDS.fullmatch(value) if isinstance(value, str) else None
        return int(milliseconds["number"]) / 1000 if milliseconds else super().parse(value)


@dataclass(frozen=True, kw_only=True)
class RateLimitConfig(_Section):
    """``rate_limit``: a token bucket."""

    interval: float = key(_Interval("0s", "1h"), required=True)
    burst: int = key(Number(1, 1_000_000, whole=True), required=True)


class _Users:
    """Bcrypt hashes by user name."""

    def read(self, value: object, at: Location, document: Document) -> dict[str, str] | None:
        if not isinstance(value, YamlMapping):
            document.report(at, f"must be a mapping of user names to hashes, not {kind(value)}")
            return None
        for name, stored in value.items():
            if ":" in name:
                document.report((*at, name), "a user name must not hold a colon: browsers end it there")
            else:
                read(_PASSWORD, stored, (*at, name), document)
        return {name: stored for name, stored in value.items() if isinstance(stored, str)}

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        return {"additionalProperties": {"type": "string"}, "type": "object"}


@dataclass(frozen=True, kw_only=True)
class WebConfiguration(_Section):
    """The whole file."""

    hint: ClassVar[str] = "a mapping"

    tls_server_config: TlsServerConfig | None = key(TlsServerConfig)
    http_server_config: HttpServerConfig | None = key(HttpServerConfig)
    basic_auth_users: Mapping[str, str] | None = key(_Users(), secret=True)
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
    content = read_file(file, if_missing="name another with --web.config.file")
    if len(content) > _LARGEST:
        raise whole_file(file, "is larger than 1 MiB: it should hold a few paths and users")
    document = read_yaml(content, file)
    root = YamlMapping() if document.root is None else document.root
    tls = root.get(_TLS) if isinstance(root, YamlMapping) else None
    if isinstance(root, YamlMapping) and tls == {}:
        del root[_TLS]  # as in the toolkit: an empty section asks for nothing
    configuration = read(WebConfiguration, root, (), document)
    if configuration is not None and configuration.tls_server_config is not None:
        _contradictions(configuration.tls_server_config, document)
    if configuration is None or document.problems:
        raise document.error()
    settings = _settings(configuration, Path(file).parent)
    if settings == WebSettings():
        raise whole_file(file, _PROTECTS_NOTHING)
    return LoadedWebConfiguration(
        settings=settings,
        file=file,
        lines=MappingProxyType(dict(tls.lines) if isinstance(tls, YamlMapping) else {}),
    )


def _contradictions(tls: TlsServerConfig, document: Document) -> None:
    required = ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT
    if (
        tls.client_allowed_sans is not None
        and "client_auth_type" not in tls.wrong
        and tls.client_auth_type is not required
    ):
        document.report(
            (_TLS, "client_allowed_sans"),
            f"needs client_auth_type: {required}, or a client without a certificate would get in",
        )
    if tls.wrong & {"client_auth_type", "client_ca_file"}:
        return
    verifies = tls.client_auth_type is not ClientAuthType.NO_CLIENT_CERT
    if verifies and tls.client_ca_file is None:
        document.report(
            (_TLS, "client_auth_type"),
            "needs client_ca_file: the CA certificates that sign the clients' certificates",
        )
    if tls.client_ca_file is not None and not verifies:
        document.report(
            (_TLS, "client_ca_file"),
            f"has no effect without client_auth_type: {required}",
        )


def _settings(configuration: WebConfiguration, folder: Path) -> WebSettings:
    http, limit = configuration.http_server_config, configuration.rate_limit
    headers = (http.headers if http else None) or {}
    return WebSettings(
        tls=_tls_settings(configuration.tls_server_config, folder),
        users=MappingProxyType(dict(configuration.basic_auth_users or {})),
        # As in the toolkit, a blank value sets no header.
        headers=MappingProxyType({name: value for name, value in headers.items() if value}),
        # As in the toolkit, an interval of 0 turns the limit off.
        rate_limit=RateLimit(interval=limit.interval, burst=limit.burst)
        if limit and limit.interval
        else None,
    )


def _tls_settings(tls: TlsServerConfig | None, folder: Path) -> TlsSettings | None:
    if tls is None:
        return None
    return TlsSettings(
        cert_file=str(folder / tls.cert_file),
        key_file=str(folder / tls.key_file),
        client_auth_type=tls.client_auth_type,
        client_ca_file=str(folder / tls.client_ca_file) if tls.client_ca_file is not None else None,
        client_allowed_sans=frozenset(tls.client_allowed_sans or ()),
        min_version=tls.min_version,
    )
