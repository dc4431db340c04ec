"""A materialized view, as the Data Catalog describes it."""

from dataclasses import dataclass
from typing import NamedTuple


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
    """

    database: str
    table: str
    creation_time: float | None = None
    """Unix time in seconds."""
    refresh_seconds: float | None = None
    """The schedule: seconds between two refreshes; None for a view that does not refresh by itself."""


@dataclass(frozen=True, slots=True)
class MalformedView:
    """A record of a listing that could not be read; the rest of its page could."""

    table: str | None
    message: str
    """What is wrong with it, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableListing:
    """One page of ``GetTables``, without the tables that are no materialized views."""

    views: tuple[View, ...]
    malformed: tuple[MalformedView, ...] = ()
    next_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseListing:
    """One page of ``GetDatabases``."""

    names: tuple[str, ...]
    malformed: tuple[str, ...] = ()
    """One line for each record that could not be read: what is wrong with it."""
    next_token: str | None = None
