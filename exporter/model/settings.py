"""What the configuration asks for, as plain values: the parts that watch and poll know no file format."""

from dataclasses import dataclass, field


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
