"""A materialized view, and the source tables that it reads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple


class ViewKey(NamedTuple):
    """Identifies a view, or any other table."""

    aws_region: str
    catalog_id: str
    database: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A table that is not a materialized view, and so may be a source."""

    table: str
    update_time: float | None = None
    """Unix time in seconds of the table's last change in the catalog; None where it is malformed, and for a
    resource link, which does not say when the table behind it changed."""
    iceberg: bool = False
    """Whether its record says that it is an Iceberg table. Only there do changes of data show in it."""


_ARN: Final = re.compile(
    r"arn:aws[a-z0-9-]*:glue:([a-z0-9-]+):(\d{12}):table/(?:(s3tablescatalog/[^/]+)/)?([^/]+)/([^/]+)"
)
"""The table of an S3 Tables bucket is ``table/s3tablescatalog/BUCKET/NAMESPACE/NAME``."""


def parse_source_arn(arn: str) -> ViewKey | None:
    """Return which table an ARN of ``ViewDefinition.SubObjects`` names; None for one of another form."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    aws_region, account, bucket, database, table = match.groups()
    return ViewKey(aws_region, f"{account}:{bucket}" if bucket else account, database, table)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One materialized view. ``None`` means that Glue did not report the member.

    Source: the structure ``Table`` of the API model ``glue/2017-03-31`` where ``IsMaterializedView`` is true.

    A wrong ``Name``, ``CreateTime`` or ``RefreshSeconds`` makes the record malformed. The members below them
    serve freshness alone: where one is malformed it is None, and the view's runs are read all the same.
    """

    database: str
    table: str
    creation_time: float | None = None
    """Unix time in seconds."""
    refresh_seconds: float | None = None
    """The schedule: seconds between two refreshes; None for a view that does not refresh by itself."""
    update_time: float | None = None
    """Unix time in seconds of the table's last change in the catalog: a refresh, an ALTER or a compaction."""
    owner: str | None = None
    managed: bool | None = None
    """``ViewDefinition.IsManaged``: whether Glue manages the view's storage and refreshes."""
    version_id: str | None = None
    """``ViewDefinition.ViewVersionId``: the Iceberg snapshot that holds the view's data."""
    source_version_ids: tuple[str, ...] | None = None
    """``ViewDefinition.SubObjectVersionIds``: the Iceberg snapshots of the sources that the view refers to,
    sorted; None also where the list is empty, which says nothing."""
    sources: tuple[str, ...] | None = None
    """``ViewDefinition.SubObjects``: the ARNs of the source tables, each once; None also where empty."""
    iceberg: ClassVar[bool] = True
    """As of a source: a materialized view is an Iceberg table."""
    iceberg_sources: bool = False
    """Whether ``SubObjectsStatistics`` says of every source that it is an Iceberg table. Its entries do not
    say which source they describe, so that a mixed list says nothing about any of them."""


def source_tables(views: Iterable[View]) -> dict[str, bool]:
    """Return the ARNs of the views' source tables; true: a view says that it is an Iceberg table."""
    tables: dict[str, bool] = {}
    for view in views:
        for arn in view.sources or ():
            tables[arn] = tables.get(arn, False) or view.iceberg_sources
    return tables
