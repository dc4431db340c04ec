"""The web configuration's definition: the exporter-toolkit's file format, as far as it is honoured."""

import re
from typing import Annotated, Final

import bcrypt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from exporter.config import wording
from exporter.model.web_settings import ClientAuthType, TlsVersion

MOST_COST: Final = 14
"""Of a hash: each step doubles the time, and this one takes about a second for a check."""
_HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_HOW_TO_HASH: Final = "write the line that `htpasswd -nBC 10 USER` prints as USER: HASH"
_UNVERIFIED: Final = frozenset({"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"})
_OLD_VERSIONS: Final = frozenset({"TLS10", "TLS11"})


def _client_auth_type(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("client_auth", wording.not_text(value))
    if value in _UNVERIFIED:
        raise PydanticCustomError(
            "client_auth",
            "asks for certificates without verifying them, which Python's TLS cannot do and which keeps"
            f" nobody out: write {ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT},"
            f" {ClientAuthType.VERIFY_CLIENT_CERT_IF_GIVEN} or {ClientAuthType.NO_CLIENT_CERT}",
        )
    try:
        return ClientAuthType(value)
    except ValueError:
        raise PydanticCustomError("client_auth", f"must be one of {', '.join(ClientAuthType)}") from None


def _min_version(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("tls_version", wording.not_text(value))
    if value in _OLD_VERSIONS:
        raise PydanticCustomError(
            "tls_version", "is broken and no longer spoken by OpenSSL as it ships: write TLS12 or TLS13"
        )
    try:
        return TlsVersion(value)
    except ValueError:
        raise PydanticCustomError("tls_version", f"must be {' or '.join(TlsVersion)}") from None


def _user_name(name: str) -> str:
    if ":" in name:
        raise PydanticCustomError("user", "a user name must not hold a colon: browsers end it there")
    return name


def _hash(text: str) -> str:
    match = _HASH.fullmatch(text)
    if match is None:
        raise PydanticCustomError("hash", f"is no bcrypt hash: {_HOW_TO_HASH}")
    if int(match["cost"]) > MOST_COST:
        raise PydanticCustomError(
            "hash", f"takes seconds for every check: hash the password with a cost of at most {MOST_COST}"
        )
    try:
        # At the lowest cost: only whether it can be used at all.
        bcrypt.checkpw(b"", f"{text[:4]}04{text[6:]}".encode())
    except ValueError:
        raise PydanticCustomError("hash", f"is no valid bcrypt hash: {_HOW_TO_HASH}") from None
    return text


def _nothing_if_empty(value: object) -> object:
    """As in the toolkit: an empty section asks for nothing."""
    return None if value == {} else value


_File = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class TlsServerConfig(_Strict):
    """``tls_server_config``. Paths are relative to the folder of the file."""

    cert_file: _File
    key_file: _File
    client_auth_type: Annotated[ClientAuthType, BeforeValidator(_client_auth_type)] = (
        ClientAuthType.NO_CLIENT_CERT
    )
    client_ca_file: _File | None = None
    min_version: Annotated[TlsVersion, BeforeValidator(_min_version)] = TlsVersion.TLS12


class WebConfiguration(_Strict):
    """The whole file; an empty one asks for neither TLS nor passwords."""

    tls_server_config: Annotated[TlsServerConfig | None, BeforeValidator(_nothing_if_empty)] = None
    basic_auth_users: dict[
        Annotated[str, AfterValidator(_user_name)], Annotated[str, AfterValidator(_hash)]
    ] = {}


UNSUPPORTED: Final = {
    "cert": "is not supported: write the certificate to a file and name it with cert_file",
    "key": "is not supported: write the key to a file and name it with key_file",
    "client_ca": "is not supported: write the certificates to a file and name it with client_ca_file",
    "client_allowed_sans": "is not supported: let a CA of its own sign the clients that may come in",
    "max_version": "is not supported: the newest version that both sides speak is taken; remove it",
    "cipher_suites": "is not supported: OpenSSL's own secure choice is taken; remove it",
    "curve_preferences": "is not supported: OpenSSL's own secure choice is taken; remove it",
    "prefer_server_cipher_suites": "is not supported: OpenSSL's own secure choice is taken; remove it",
    "http_server_config": "is not supported: HTTP/1.1 is spoken, with headers of our own; remove it",
    "rate_limit": "is not supported: connections and wrong passwords are limited in any case; remove it",
}
"""The toolkit's other keys, and what to do about each."""
