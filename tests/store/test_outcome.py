"""Where a poll has looked: what it did not find there is not there."""

import pytest

from exporter.store.outcome import Discovery, ListingRead

NOWHERE = Discovery(views=())
A_DATABASE = Discovery(views=(), databases=frozenset({"sales"}))
A_NAME = Discovery(views=(), named=frozenset({("sales", "orders")}))
ALL_DATABASES = Discovery(views=(), all_databases=True, seen_databases=frozenset({"stock"}))
SOME_DATABASES = Discovery(views=(), seen_databases=frozenset({"stock"}))


@pytest.mark.parametrize(
    ("discovery", "database", "table", "looked"),
    [
        pytest.param(NOWHERE, "sales", "orders", False, id="nowhere"),
        pytest.param(A_DATABASE, "sales", "orders", True, id="in a database whose tables were all read"),
        pytest.param(A_DATABASE, "stock", "orders", False, id="in another one"),
        pytest.param(A_NAME, "sales", "orders", True, id="for it by its name"),
        pytest.param(A_NAME, "sales", "returns", False, id="for another name"),
        pytest.param(
            ALL_DATABASES, "sales", "orders", True, id="for all databases, and this is none of them"
        ),
        pytest.param(
            ALL_DATABASES, "stock", "orders", False, id="for all databases, and this is one of them"
        ),
        pytest.param(SOME_DATABASES, "sales", "orders", False, id="for some databases alone"),
    ],
)
def test_a_look_through_the_tables_has_looked(
    discovery: Discovery, database: str, table: str, *, looked: bool
) -> None:
    assert discovery.looked_for(database, table) is looked


@pytest.mark.parametrize(
    ("database", "table", "covers"),
    [
        (None, None, True),
        ("sales", None, True),
        ("sales", "orders", True),
        (None, "orders", True),
        ("stock", None, False),
        ("sales", "returns", False),
        ("stock", "orders", False),
    ],
)
def test_a_listing_covers_the_views_that_its_filter_lets_through(
    database: str | None, table: str | None, *, covers: bool
) -> None:
    assert ListingRead(database=database, table=table).covers("sales", "orders") is covers
