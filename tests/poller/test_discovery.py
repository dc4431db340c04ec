"""Finding the views that a target's patterns want, and the calls that this takes."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.patterns import ViewMatcher
from exporter.model.settings import ViewPattern
from exporter.model.view import DatabaseListing, View
from exporter.poller.calls import Calls, GlueUnreachableError
from exporter.poller.crew import Crew
from exporter.poller.discovery import FEW_NAMES, Found, all_pages, discover
from tests.support.clock import ManualClock
from tests.support.reader import MemoryReader, glue_error
from tests.support.watching import target

ALL = ("finance.ledger", "finance.revenue", "sales.orders", "sales.returns", "sales.tmp_orders")


def view(name: str) -> View:
    """Return a view that is named ``database.table``."""
    database, _, table = name.partition(".")
    return View(database=database, table=table, refresh_seconds=3600.0)


def catalog(*names: str) -> MemoryReader:
    """Return a catalog of these views; of the usual ones where none is named."""
    return filled(MemoryReader(), names)


def filled(reader: MemoryReader, names: tuple[str, ...] = ()) -> MemoryReader:
    reader.views = [view(name) for name in names or ALL]
    return reader


def patterns(*names: str) -> tuple[ViewPattern, ...]:
    """Return patterns as a configuration writes them."""
    pairs = (name.partition(".") for name in names)
    return tuple(ViewPattern(database=database, table=table) for database, _, table in pairs)


def look(reader: MemoryReader, *names: str, exclude: tuple[str, ...] = ()) -> Found:
    """Look for what these patterns want, one call after the other."""
    clock = ManualClock()
    calls = Calls(
        Crew("prod", size=1, clock=clock), clock.monotonic() + 30.0, threading.Event(), lambda: None
    )
    watched = replace(target("prod"), views=patterns(*names), exclude_views=patterns(*exclude))
    return discover(calls, reader, ViewMatcher(watched))


def views(found: Found) -> list[str]:
    """Return the names of the views that were found."""
    return sorted(f"{found_view.database}.{found_view.table}" for found_view in found.discovery.views)


def looked_for(found: Found, *names: str) -> list[bool]:
    """Tell of each view whether it would have been found."""
    return [found.discovery.looked_for(*name.split(".")) for name in names]


@pytest.mark.parametrize(
    ("names", "calls", "expected"),
    [
        pytest.param(["sales.orders"], ["get_table sales.orders"], ["sales.orders"], id="one view"),
        pytest.param(
            ["sales.orders", "finance.ledger", "sales.orders"],
            ["get_table sales.orders", "get_table finance.ledger"],
            ["finance.ledger", "sales.orders"],
            id="one named twice",
        ),
        pytest.param(
            ["sales.a", "sales.b", "sales.orders"],
            ["get_table sales.a", "get_table sales.b", "get_table sales.orders"],
            ["sales.orders"],
            id="few of one database",
        ),
        pytest.param(
            ["sales.a", "sales.b", "sales.c", "sales.orders"],
            ["get_tables sales"],
            ["sales.orders"],
            id="many of one database",
        ),
        pytest.param(
            ["sales.a", "sales.b", "finance.ledger", "finance.c"],
            ["get_table sales.a", "get_table sales.b", "get_table finance.ledger", "get_table finance.c"],
            ["finance.ledger"],
            id="few of each database",
        ),
        pytest.param(
            ["sales.*"],
            ["get_tables sales"],
            ["sales.orders", "sales.returns", "sales.tmp_orders"],
            id="glob in one database",
        ),
        pytest.param(
            ["sales.*orders", "sales.ret*", "sales.orders"],
            ["get_tables sales"],
            ["sales.orders", "sales.returns", "sales.tmp_orders"],
            id="several of one database",
        ),
        pytest.param(
            ["sales.ret*", "finance.ledger"],
            ["get_tables sales", "get_table finance.ledger"],
            ["finance.ledger", "sales.returns"],
            id="glob in one database, a view of another",
        ),
        pytest.param(
            ["*.*"], ["get_databases", "get_tables finance", "get_tables sales"], list(ALL), id="everything"
        ),
        pytest.param(
            ["fin*.*", "sales.orders"],
            ["get_databases", "get_tables finance", "get_table sales.orders"],
            ["finance.ledger", "finance.revenue", "sales.orders"],
            id="glob database, a view of another",
        ),
        pytest.param(
            ["*.orders", "sales.returns"],
            ["get_databases", "get_tables finance", "get_tables sales"],
            ["sales.orders", "sales.returns"],
            id="glob database, a view that its listing holds",
        ),
        pytest.param(["dbt_*.*"], ["get_databases"], [], id="glob that no database matches"),
        pytest.param([], [], [], id="runs alone are watched"),
    ],
)
def test_what_is_asked_for_and_found(names: list[str], calls: list[str], expected: list[str]) -> None:
    """As few calls as it takes."""
    reader = catalog()
    found = look(reader, *names)
    assert reader.calls == calls
    assert views(found) == expected
    assert (found.error, found.denied, found.malformed) == (None, False, [])
    assert all(looked_for(found, *(name for name in names if "*" not in name)))


def test_few_are_three() -> None:
    """The cases above name three and four views of a database."""
    assert FEW_NAMES == 3


@pytest.mark.parametrize(
    ("names", "exclude", "calls", "expected"),
    [
        (["sales.*"], ["sales.tmp_*"], ["get_tables sales"], ["sales.orders", "sales.returns"]),
        (
            ["*.*"],
            ["*.*orders", "finance.ledger"],
            ["get_databases", "get_tables finance", "get_tables sales"],
            ["finance.revenue", "sales.returns"],
        ),
        (["sales.tmp_orders"], ["*.tmp_*"], [], []),
        (
            ["sales.tmp_orders", "sales.orders"],
            ["*.tmp_*"],
            ["get_table sales.orders"],
            ["sales.orders"],
        ),
        (
            ["sales.a", "sales.b", "sales.c", "sales.tmp_orders"],
            ["*.tmp_*"],
            ["get_table sales.a", "get_table sales.b", "get_table sales.c"],
            [],
        ),
    ],
)
def test_what_is_excluded_is_not_found_nor_asked_for_by_name(
    names: list[str], exclude: list[str], calls: list[str], expected: list[str]
) -> None:
    reader = catalog()
    assert views(look(reader, *names, exclude=tuple(exclude))) == expected
    assert reader.calls == calls


def test_all_pages_are_read() -> None:
    reader = catalog()
    reader.page_size = 1
    assert views(look(reader, "*.*")) == list(ALL)
    assert reader.calls == [
        "get_databases",
        "get_databases from 1",
        "get_tables finance",
        "get_tables finance from 1",
        "get_tables sales",
        "get_tables sales from 1",
        "get_tables sales from 2",
    ]


def test_a_table_that_is_not_there_is_an_answer() -> None:
    """A view that was dropped, or is not created yet, is no failure."""
    found = look(catalog(), "sales.dropped")
    assert views(found) == []
    assert found.error is None
    assert looked_for(found, "sales.dropped", "sales.orders") == [True, False]


def test_a_database_that_is_not_there_is_an_answer() -> None:
    reader = catalog()
    reader.answers["get_tables dropped"] = glue_error(Reason.NOT_FOUND, operation="GetTables")
    found = look(reader, "dropped.*", "sales.ret*")
    assert views(found) == ["sales.returns"]
    assert found.error is None
    assert looked_for(found, "dropped.anything", "sales.anything", "finance.ledger") == [True, True, False]


def test_a_database_that_a_complete_list_does_not_hold_is_known_not_to_be_there() -> None:
    found = look(catalog(), "fin*.*")
    assert looked_for(found, "fin_dropped.anything", "finance.gone", "sales.orders") == [True, True, False]


class Plain(MemoryReader):
    """A catalog whose tables are no materialized views."""

    def get_table(self, database: str, table: str) -> View | None:
        """Return nothing, once the table has been found."""
        super().get_table(database, table)
        return None


def test_a_table_that_is_no_materialized_view_is_an_answer() -> None:
    found = look(filled(Plain()), "sales.orders")
    assert views(found) == []
    assert found.error is None
    assert looked_for(found, "sales.orders") == [True]


@pytest.mark.parametrize(
    ("failing", "names", "expected", "unknown"),
    [
        ("get_table sales.orders", ["sales.orders", "finance.ledger"], ["finance.ledger"], "sales.orders"),
        ("get_tables sales", ["sales.*", "finance.ledger"], ["finance.ledger"], "sales.orders"),
        ("get_databases", ["sal*.*", "finance.ledger"], ["finance.ledger"], "sales.orders"),
    ],
)
@pytest.mark.parametrize("reason", [Reason.ACCESS_DENIED, Reason.THROTTLED, Reason.UNEXPECTED])
def test_a_failure_is_told_and_costs_only_what_it_kept_from_being_read(
    failing: str, names: list[str], expected: list[str], unknown: str, reason: Reason
) -> None:
    """Nothing that was not read passes for gone. Missing permission is told apart: it will not pass."""
    reader = catalog()
    error = glue_error(reason)
    reader.answers[failing] = error
    found = look(reader, *names)
    assert views(found) == expected
    assert found.error is error
    assert found.denied is (reason is Reason.ACCESS_DENIED)
    assert looked_for(found, unknown, "finance.ledger") == [False, True]


def test_the_first_of_several_failures_is_told_and_a_denial_is_never_lost() -> None:
    reader = catalog()
    first = glue_error(Reason.THROTTLED)
    reader.answers["get_table sales.orders"] = first
    reader.answers["get_table finance.ledger"] = glue_error(Reason.ACCESS_DENIED)
    found = look(reader, "sales.orders", "finance.ledger")
    assert found.error is first
    assert found.denied


def test_half_a_listing_of_tables_is_none() -> None:
    """What the first page held says nothing of what the second would have."""
    reader = catalog()
    reader.page_size = 1
    error = glue_error(Reason.THROTTLED, operation="GetTables")
    reader.answers["get_tables sales from 1"] = error
    found = look(reader, "sales.*", "finance.*")
    assert views(found) == ["finance.ledger", "finance.revenue"]
    assert found.error is error
    assert looked_for(found, "sales.orders", "finance.gone") == [False, True]


def test_half_a_list_of_databases_is_none() -> None:
    reader = catalog()
    reader.page_size = 1
    reader.answers["get_databases from 1"] = glue_error(Reason.THROTTLED, operation="GetDatabases")
    found = look(reader, "*.*")
    assert reader.calls == ["get_databases", "get_databases from 1"]
    assert views(found) == []
    assert looked_for(found, "finance.ledger", "sales.orders") == [False, False]


def test_a_dead_endpoint_ends_the_look_after_three_calls() -> None:
    """The next poll tries again."""
    reader = catalog()
    names = ("a.x", "b.x", "c.x", "d.x", "e.x")
    for name in names:
        reader.answers[f"get_table {name}"] = glue_error(Reason.TIMEOUT, operation="GetTable")
    with pytest.raises(GlueUnreachableError, match=r"^GetTable: no$"):
        look(reader, *names)
    assert reader.calls == ["get_table a.x", "get_table b.x", "get_table c.x"]


def _pages(*tokens: str | None) -> Callable[[str | None], DatabaseListing]:
    """Return a listing whose pages hand out these tokens, and name the token that they were asked with."""
    left = list(tokens)
    return lambda token: DatabaseListing(names=(token or "first",), next_token=left.pop(0))


def test_each_page_is_asked_for_with_the_token_of_the_one_before() -> None:
    pages = all_pages(_pages("a", "b", None), "GetDatabases")
    assert [page.names for page in pages] == [("first",), ("a",), ("b",)]


def test_a_token_that_comes_twice_is_an_error() -> None:
    """Else the listing would never end."""
    with pytest.raises(GlueError) as caught:
        all_pages(_pages("a", "b", "a"), "GetDatabases")
    assert str(caught.value) == "GetDatabases: a paging token came twice"
    assert caught.value.reason is Reason.UNEXPECTED
