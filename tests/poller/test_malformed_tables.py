"""Records of databases and tables that cannot be read, and pages that go round in a circle."""

from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.view import DatabaseListing, MalformedView, TableListing
from tests.poller.test_discovery import ALL, filled, look, looked_for, patterns, views
from tests.poller.test_poll import Bench
from tests.support.reader import MemoryReader
from tests.support.watching import target


class Malformed(MemoryReader):
    """A catalog that holds records which cannot be read."""

    def __init__(self, *, tables: tuple[MalformedView, ...] = (), databases: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.tables = tables
        self.databases = databases

    def get_databases(self, *, next_token: str | None = None) -> DatabaseListing:
        """Add what is wrong to the page."""
        return replace(super().get_databases(next_token=next_token), malformed=self.databases)

    def get_tables(self, database: str, *, next_token: str | None = None) -> TableListing:
        """Add the records that cannot be read to every page of ``sales``."""
        listing = super().get_tables(database, next_token=next_token)
        return replace(listing, malformed=self.tables) if database == "sales" else listing


def test_a_malformed_table_costs_no_others_but_the_database_is_not_known_to_the_end() -> None:
    """A view that is missing there may be the one that could not be read."""
    records = (
        MalformedView("orders", "CreateTime is no number"),
        MalformedView(None, "a record is no object"),
    )
    found = look(filled(Malformed(tables=records)), "*.*")
    assert views(found) == list(ALL)
    assert found.malformed == [
        "GetTables: table sales.orders: CreateTime is no number",
        "GetTables: a record is no object",
    ]
    assert str(found.error) == "GetTables: table sales.orders: CreateTime is no number"
    assert found.error is not None
    assert found.error.reason is Reason.UNEXPECTED
    assert looked_for(found, "sales.gone", "finance.gone") == [False, True]


def test_a_target_that_is_down_for_a_malformed_table_names_the_operation_once() -> None:
    records = (MalformedView("orders", "CreateTime is no number"),)
    watching = replace(target("prod"), views=patterns("sales.*"))
    bench = Bench(watching, reader=filled(Malformed(tables=records)))
    bench.run()
    assert bench.state.error == "GetTables: table sales.orders: CreateTime is no number"


def test_a_malformed_database_costs_no_others_but_the_list_is_not_known_to_the_end() -> None:
    found = look(filled(Malformed(databases=("a record has no Name",))), "*.*")
    assert views(found) == list(ALL)
    assert found.malformed == ["GetDatabases: a record has no Name"]
    assert str(found.error) == "GetDatabases: a record has no Name"
    assert looked_for(found, "sales.gone", "dropped.anything") == [True, False]


def test_all_that_cannot_be_read_is_told_of_and_the_target_is_down_for_the_first() -> None:
    records = (MalformedView(None, "a record is no object"),)
    found = look(filled(Malformed(tables=records, databases=("a record has no Name",))), "*.*")
    assert found.malformed == ["GetDatabases: a record has no Name", "GetTables: a record is no object"]
    assert str(found.error) == "GetDatabases: a record has no Name"


class Circle(MemoryReader):
    """Gives the same token with each page."""

    def get_databases(
        self,
        *,
        next_token: str | None = None,  # noqa: ARG002 (the reader's signature)
    ) -> DatabaseListing:
        """Return the databases, and ever the same token."""
        return replace(super().get_databases(), next_token="again")

    def get_tables(
        self,
        database: str,
        *,
        next_token: str | None = None,  # noqa: ARG002 (the reader's signature)
    ) -> TableListing:
        """Return the tables, and ever the same token."""
        return replace(super().get_tables(database), next_token="again")


@pytest.mark.parametrize(("pattern", "operation"), [("*.*", "GetDatabases"), ("sales.*", "GetTables")])
def test_a_listing_that_goes_round_in_a_circle_names_its_operation(pattern: str, operation: str) -> None:
    found = look(filled(Circle()), pattern)
    assert str(found.error) == f"{operation}: a paging token came twice"
    assert views(found) == []
