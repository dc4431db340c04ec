"""How the web server is protected, as plain values: TLS and users."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class ClientAuthType(StrEnum):
    """What is asked of a client's certificate, in Go's words; the later, the stricter."""

    NO_CLIENT_CERT = "NoClientCert"
    VERIFY_CLIENT_CERT_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY_CLIENT_CERT = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """The lowest version of TLS that is spoken; the later, the stricter."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS of the server. Paths as they can be opened."""

    cert_file: str
    """The certificate, and after it those that lead to its root, in PEM."""
    key_file: str
    client_auth_type: ClientAuthType = ClientAuthType.NO_CLIENT_CERT
    client_ca_file: str | None = None
    """Not None where certificates of clients are verified."""
    min_version: TlsVersion = TlsVersion.TLS12

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it names."""
        return (self.cert_file, self.key_file, *([self.client_ca_file] if self.client_ca_file else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The web server's protection."""

    tls: TlsSettings | None = None
    """None: plain HTTP."""
    users: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Bcrypt hashes by user name; empty: nobody is asked for a password. Not to be shown."""

    def weaker_than(self, other: "WebSettings") -> bool:
        """Tell whether somebody who is refused with the other settings might get in with these.

        Certificates and passwords are not judged: to change them is to replace trust, not to lower it.
        """
        return any(ours < theirs for ours, theirs in zip(self.strength, other.strength, strict=True))

    def in_words(self) -> dict[str, str]:
        """Return how it protects, for a line in the log: what operators want to see at a glance."""
        return {
            "tls": "on" if self.tls else "off",
            "client_certificates": self.tls.client_auth_type if self.tls else ClientAuthType.NO_CLIENT_CERT,
            "basic_auth": "on" if self.users else "off",
        }

    @property
    def strength(self) -> tuple[int, ...]:
        """Whom it keeps out, one figure for each way; the larger, the more."""
        tls = self.tls
        return (
            tls is not None,
            list(ClientAuthType).index(tls.client_auth_type) if tls else 0,
            list(TlsVersion).index(tls.min_version) if tls else 0,
            bool(self.users),
        )
