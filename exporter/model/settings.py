"""What the configuration files ask for, as plain values: no other part knows a file format."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRole:
    """A role to assume before calling Glue."""

    role_arn: str
    external_id: str | None = field(default=None, repr=False)
    """Shared with the role's owner and not to be shown: left out of every repr."""
    session_name: str = "glue-mv-exporter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How Glue is reached. Targets with equal access share credentials and the rate limit."""

    aws_region: str | None = None
    """None: the AWS SDK's own region."""
    profile: str | None = None
    assume_role: AssumeRole | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPattern:
    """Materialized views to watch: names or globs (``*``, ``?``, ``[…]``) of database and table."""

    database: str
    table: str
    expected_interval: float | None = None
    """Seconds; None: the view's own schedule."""
    owner: str | None = None
    """Who is told when such a view is in trouble; None: the target's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One catalog in one region, and what to watch in it."""

    name: str
    access: Access
    catalog_id: str | None = None
    """None: the account of the credentials."""
    run_ids: tuple[str, ...] = ()
    """Each once, as they are written in the file."""
    views: tuple[ViewPattern, ...] = ()
    exclude_views: tuple[ViewPattern, ...] = ()
    owner: str | None = None
    """Who is told when a view is in trouble."""
    source_tables: bool = True
    """Whether the views' source tables are read."""
    max_requests_per_second: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. Durations in seconds."""

    targets: tuple[Target, ...]
    """In the order of the file, with ``aws_regions`` and ``catalog_ids`` expanded."""
    poll_interval: float = 30.0
    settle_period: float = 600.0
    resync_interval: float = 900.0
    runs_per_view: int = 1


class ClientAuthType(StrEnum):
    """What is asked of a client's certificate, in Go's words; later members are stricter."""

    NO_CLIENT_CERT = "NoClientCert"
    VERIFY_CLIENT_CERT_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY_CLIENT_CERT = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """The lowest version of TLS that is spoken; later members are stricter."""

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
    client_allowed_sans: frozenset[str] = frozenset()
    """Of which a client's certificate must have one as a subject alternative name; empty: any will do."""
    min_version: TlsVersion = TlsVersion.TLS12

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it names."""
        return (self.cert_file, self.key_file, *([self.client_ca_file] if self.client_ca_file else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests are answered."""

    interval: float
    """Seconds between two requests, in the long run."""
    burst: int
    """Requests that may come at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The web server's protection."""

    tls: TlsSettings | None = None
    """None: plain HTTP."""
    users: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Bcrypt hashes by user name; empty: nobody is asked for a password. Not to be shown."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Headers of every answer, which replace the exporter's own."""
    rate_limit: RateLimit | None = None

    def at_least(self, other: "WebSettings") -> "WebSettings":
        """Return these settings, but where they protect less than the other ones, those.

        Certificates and passwords are not judged: to change them is to replace trust, not to lower it.
        """
        weaker = any(ours < theirs for ours, theirs in zip(self.strength, other.strength, strict=True))
        return replace(
            self,
            tls=other.tls if weaker else self.tls,
            users=self.users or other.users,
            rate_limit=self.rate_limit or other.rate_limit,
        )

    def in_words(self) -> dict[str, str]:
        """Return how it protects, for a line in the log: what operators want to see at a glance."""
        return {
            "tls": "on" if self.tls else "off",
            "client_certificates": self.tls.client_auth_type if self.tls else ClientAuthType.NO_CLIENT_CERT,
            "basic_auth": "on" if self.users else "off",
        }

    @property
    def strength(self) -> tuple[int, ...]:
        """How TLS keeps clients out, one figure for each way; the larger, the more."""
        tls = self.tls
        return (
            tls is not None,
            list(ClientAuthType).index(tls.client_auth_type) if tls else 0,
            list(TlsVersion).index(tls.min_version) if tls else 0,
            bool(tls and tls.client_allowed_sans),
        )


def check_http_url(text: str, *, example: str) -> None:
    """Raise ValueError, without the text, for what is not an http or https URL that ends with its path."""
    wrong = f"not a valid http or https URL with a host: write one such as {example}"
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    well_formed = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if not text.startswith(("http://", "https://")) or not has_host or not well_formed:
        raise ValueError(wrong)
    if "?" in text or "#" in text:
        raise ValueError("must end with the path: no ? and no #")
