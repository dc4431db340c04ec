"""The web configuration, in the exporter-toolkit's file format as far as it is supported."""

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import bcrypt

from exporter.config.kinds import (
    Key,
    Kind,
    choice,
    duration,
    list_of,
    must_be,
    number,
    read,
    scalar,
    section,
    text,
)
from exporter.config.yaml_lines import Document, Location, read_file, read_yaml, whole_file
from exporter.errors import ConfigurationError
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


def _users(value: object, at: Location, document: Document) -> dict[str, str]:
    users = must_be(dict, "a mapping of user names to hashes", value)
    hashes = {}
    for name, stored in users.items():
        if ":" in name:
            document.report((*at, name), "a user name must not hold a colon: browsers end it there")
        else:
            hashes[name] = read(_PASSWORD, stored, (*at, name), document)
    return hashes


_INTERVAL: Final = duration("0s", "1h")


def _interval(value: object) -> float:
    """Return a duration in Go's form, as far as it makes sense here: milliseconds, too, and 0."""
    if value in (0, "0"):
        return 0.0
    milliseconds = re.fullmatch(r"([0-9]{1,9})ms", value) if isinstance(value, str) else None
    return int(milliseconds[1]) / 1000 if milliseconds else _INTERVAL.parse(value)


_section: Final = partial(section, explain=UNSUPPORTED.get)
_TEXT: Final = text(shortest=1, longest=4096)
_TLS_SERVER: Final = _section(
    {
        "cert_file": Key(_TEXT, required=True),
        "key_file": Key(_TEXT, required=True),
        "client_auth_type": Key(choice(ClientAuthType)),
        "client_ca_file": Key(_TEXT),
        "client_allowed_sans": Key(list_of(_TEXT, may_be_empty=False)),
        "min_version": Key(choice(TlsVersion)),
    },
    make=TlsSettings,
)
_HEADER: Final = text("{} holds what a header cannot: write printable ASCII in one line", "^[ -~]*$")
_HEADERS: Final = section(
    {
        "Content-Security-Policy": Key(_HEADER),
        "Strict-Transport-Security": Key(_HEADER),
        "X-Content-Type-Options": Key(text("must be nosniff", "^(nosniff)?$")),
        "X-Frame-Options": Key(text("must be deny or sameorigin", "^(deny|sameorigin)?$")),
        "X-XSS-Protection": Key(_HEADER),
    }
)
_RATE_LIMIT: Final = section(
    {
        "interval": Key(scalar(_interval, {}), required=True),
        "burst": Key(number(1, 1_000_000, whole=True), required=True),
    },
    make=RateLimit,
)
WEB_CONFIGURATION: Final = _section(
    {
        _TLS: Key(_TLS_SERVER),
        "http_server_config": Key(_section({"headers": Key(_HEADERS)})),
        "basic_auth_users": Key(Kind(_users, {})),
        "rate_limit": Key(_RATE_LIMIT),
    }
)


class LoadedWebConfiguration(NamedTuple):
    """A valid web configuration; whether TLS can use the files that it names is checked by the server."""

    settings: WebSettings
    document: Document

    def problem(self, key: str, message: str) -> ConfigurationError:
        """Return the error for a key of ``tls_server_config``."""
        self.document.report((_TLS, key), message)
        return self.document.error()


def load_web(path: str | os.PathLike[str]) -> LoadedWebConfiguration:
    """Read and validate the file of ``--web.config.file``. Raises ConfigurationError with every problem."""
    file = os.fspath(path)
    content = read_file(file, if_missing="name another with --web.config.file", largest=_LARGEST)
    document = read_yaml(content, file)
    root = {} if document.root is None else document.root
    if isinstance(root, dict) and root.get(_TLS) == {}:
        del root[_TLS]  # as in the toolkit: an empty section asks for nothing
    configuration: dict[str, Any] | None = read(WEB_CONFIGURATION, root, (), document)
    tls: TlsSettings | None = (configuration or {}).get(_TLS)
    if tls is not None:
        _contradictions(tls, document)
    if configuration is None or document.problems:
        raise document.error()
    folder = Path(file).parent
    if tls is not None:
        tls = replace(
            tls,
            cert_file=str(folder / tls.cert_file),
            key_file=str(folder / tls.key_file),
            client_ca_file=tls.client_ca_file and str(folder / tls.client_ca_file),
            client_allowed_sans=frozenset(tls.client_allowed_sans),
        )
    users = configuration.get("basic_auth_users", {})
    if not (tls or users):
        raise whole_file(
            file,
            "protects nothing: write tls_server_config or basic_auth_users,"
            " or leave out --web.config.file to serve plain HTTP without passwords",
        )
    limit: RateLimit | None = configuration.get("rate_limit")
    headers: dict[str, str] = configuration.get("http_server_config", {}).get("headers", {})
    settings = WebSettings(
        tls=tls,
        users=MappingProxyType(users),
        # As in the toolkit, a blank value sets no header, and an interval of 0 turns the limit off.
        headers=MappingProxyType({name: value for name, value in headers.items() if value}),
        rate_limit=limit if limit and limit.interval else None,
    )
    return LoadedWebConfiguration(settings, document)


def _contradictions(tls: TlsSettings, document: Document) -> None:
    if document.wrong((_TLS,)) & {"client_auth_type", "client_ca_file"}:
        return
    required = ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT
    verifies = tls.client_auth_type is not ClientAuthType.NO_CLIENT_CERT
    if tls.client_allowed_sans and tls.client_auth_type is not required:
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
