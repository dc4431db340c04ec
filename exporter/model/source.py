"""A table that a materialized view reads."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple


class SourceKey(NamedTuple):
    """What tells one source table from every other."""

    aws_region: str
    catalog_id: str
    database: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A table that is not a materialized view, and so may be a source. See ``changed_at``."""

    table: str
    update_time: float | None = None
    """Unix time in seconds of the table's last change in the catalog; None where it is malformed, and for a
    resource link, which does not say when the table behind it changed."""
    iceberg: bool = False
    """Whether its record says that it is an Iceberg table. Only there do changes of data show in it."""

    @property
    def changed_at(self) -> float | None:
        """When its data last changed, as far as the catalog shows it; None where it does not."""
        return self.update_time if self.iceberg else None


_ARN: Final = re.compile(
    r"arn:aws[a-z0-9-]*:glue:([a-z0-9-]+):(\d{12}):table/(?:(s3tablescatalog/[^/]+)/)?([^/]+)/([^/]+)"
)


def parse_source_arn(arn: str) -> SourceKey | None:
    """Return which table an ARN of ``ViewDefinition.SubObjects`` names; None for one of another form.

    The table of an S3 Tables bucket is ``table/s3tablescatalog/BUCKET/NAMESPACE/NAME``.
    """
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    aws_region, account, bucket, database, table = match.groups()
    return SourceKey(aws_region, f"{account}:{bucket}" if bucket else account, database, table)
