"""The table of listings, asked and told directly."""

import pytest

from exporter.store.database import StateDatabase
from exporter.store.listings import Listings, ListingSummary
from tests.support.clock import START

ORDERS, RETURNS = ("sales", "daily_orders"), ("sales", "returns")
VIEWS = [ORDERS, RETURNS]
WHOLE_CATALOG = (None, None)
SUMMARY = ListingSummary(newest=START, newest_first=True, page_ends=(START - 120.0, START - 60.0))
OTHER = ListingSummary(newest=None, newest_first=False, page_ends=())


@pytest.fixture
def database() -> StateDatabase:
    return StateDatabase.in_memory()


@pytest.fixture
def listings(database: StateDatabase) -> Listings:
    return Listings(database.connection, 1)


@pytest.mark.parametrize("summary", [SUMMARY, OTHER])
def test_what_a_listing_taught_is_read_back(listings: Listings, summary: ListingSummary) -> None:
    listings.put("prod", WHOLE_CATALOG, VIEWS, summary)
    assert listings.get("prod", WHOLE_CATALOG, reversed(VIEWS)) == summary


def test_what_was_learnt_last_holds(database: StateDatabase, listings: Listings) -> None:
    for summary in (OTHER, SUMMARY):
        listings.put("prod", ORDERS, VIEWS, summary)
    assert listings.get("prod", ORDERS, VIEWS) == SUMMARY
    assert database.connection.execute("SELECT COUNT(*) FROM listings").fetchone() == (1,)


def test_what_was_learnt_holds_for_the_same_target_filter_views_and_catalog_alone(
    database: StateDatabase, listings: Listings
) -> None:
    listings.put("prod", ORDERS, VIEWS, SUMMARY)
    assert listings.get("lake", ORDERS, VIEWS) is None
    assert listings.get("prod", ("sales", None), VIEWS) is None
    assert listings.get("prod", (None, "daily_orders"), VIEWS) is None
    assert listings.get("prod", ORDERS, [ORDERS]) is None
    assert Listings(database.connection, 2).get("prod", ORDERS, VIEWS) is None


def test_each_listing_is_remembered_by_itself(database: StateDatabase, listings: Listings) -> None:
    places = [("prod", ORDERS), ("prod", ("sales", None)), ("prod", (None, "daily_orders")), ("lake", ORDERS)]
    for target, filters in places:
        listings.put(target, filters, VIEWS, SUMMARY)
    Listings(database.connection, 2).put("prod", ORDERS, VIEWS, OTHER)
    assert [listings.get(target, filters, VIEWS) for target, filters in places] == [SUMMARY] * 4
    assert Listings(database.connection, 2).get("prod", ORDERS, VIEWS) == OTHER


def test_listings_of_targets_that_are_gone_are_forgotten(database: StateDatabase, listings: Listings) -> None:
    elsewhere = Listings(database.connection, 2)
    for target in ("prod", "lake"):
        listings.put(target, ORDERS, VIEWS, SUMMARY)
    elsewhere.put("lake", ORDERS, VIEWS, SUMMARY)
    listings.keep({"prod"})
    assert listings.get("prod", ORDERS, VIEWS) == SUMMARY
    assert listings.get("lake", ORDERS, VIEWS) is None
    assert elsewhere.get("lake", ORDERS, VIEWS) == SUMMARY
