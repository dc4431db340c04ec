"""A materialized view, as the Data Catalog describes it."""

from dataclasses import dataclass
from typing import NamedTuple

from exporter.model.source import SourceTable


class ViewKey(NamedTuple):
    """What tells one view from every other."""

    aws_region: str
    catalog_id: str
    database: str
    table: str


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
    in one order whatever Glue's; None also where the list is empty, which says nothing."""
    sources: tuple[str, ...] | None = None
    """``ViewDefinition.SubObjects``: the ARNs of the source tables, each once; see ``parse_source_arn``. None
    also where the list is empty."""
    iceberg_sources: bool = False
    """Whether ``SubObjectsStatistics`` says of every source that it is an Iceberg table. Its entries do not
    say which source they describe, so that a mixed list says nothing about any of them."""

    def as_source(self) -> SourceTable:
        """Return the view as a source of another one: a materialized view is an Iceberg table."""
        return SourceTable(table=self.table, update_time=self.update_time, iceberg=True)


@dataclass(frozen=True, slots=True)
class MalformedView:
    """A record of a listing that could not be read; the rest of its page could."""

    table: str | None
    message: str
    """What is wrong with it, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableListing:
    """One page of ``GetTables``."""

    views: tuple[View, ...]
    sources: tuple[SourceTable, ...] = ()
    """The other tables of the page, which may be sources of views anywhere."""
    malformed: tuple[MalformedView, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseListing:
    """One page of ``GetDatabases``."""

    names: tuple[str, ...]
    malformed: tuple[str, ...] = ()
    """One line for each record that could not be read: what is wrong with it."""
    next_token: str | None = None
