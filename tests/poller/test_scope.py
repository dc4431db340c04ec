"""Which listings of runs serve a target's views: a table of cases."""

from collections import Counter

import pytest

from exporter.poller.scope import Census, Scope, cheapest, narrowest

POLLS = 30
"""Polls between two complete reads: the default of 15 minutes at one every 30 seconds."""

CATALOG = (Scope(),)
ONE = {("sales", "orders")}
THREE = {("sales", f"v{number}") for number in range(3)}
APART = {("sales", "orders"), ("finance", "revenue")}
BOTH = (Scope("finance"), Scope("sales"))
MANY = {(f"db{number % 10}", f"v{number}") for number in range(500)}


def tables(views: set[tuple[str, str]]) -> tuple[Scope, ...]:
    """Return one listing a view."""
    return tuple(Scope(*name) for name in sorted(views))


def census(
    runs_each: int, views: set[tuple[str, str]], *, newest_first: bool = True, **others: int
) -> Census:
    """Return a catalog with so many runs of each of the views, and other runs by database."""
    runs: Counter[tuple[str | None, str | None]] = Counter(dict.fromkeys(views, runs_each))
    runs.update({(database, "other"): number for database, number in others.items()})
    return Census(runs=runs, newest_first=newest_first)


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        (set(), ()),
        (ONE, (Scope("sales", "orders"),)),
        (THREE, (Scope("sales"),)),
        (APART, CATALOG),
        (MANY, CATALOG),
    ],
    ids=["none", "one view", "one database", "two databases", "many databases"],
)
def test_the_narrowest_single_listing(views: set[tuple[str, str]], expected: tuple[Scope, ...]) -> None:
    """It is what is read before anything is known of the catalog."""
    assert narrowest(views) == expected
    assert cheapest(views, None, POLLS) == expected


@pytest.mark.parametrize(
    ("views", "known", "expected"),
    [
        pytest.param(set(), census(0, set()), (), id="nothing to read"),
        pytest.param(ONE, census(10, ONE, sales=99_000), (Scope("sales", "orders"),), id="one view"),
        pytest.param(THREE, census(10, THREE), (Scope("sales"),), id="three views that fit one page"),
        pytest.param(THREE, census(10, THREE, sales=99_000), tables(THREE), id="three views of a huge one"),
        pytest.param(APART, census(10, APART), CATALOG, id="two databases that fit one page"),
        pytest.param(
            APART,
            census(10, APART, sales=50_000, finance=50_000),
            tables(APART),
            id="two views of two huge databases",
        ),
        pytest.param(MANY, census(20, MANY), CATALOG, id="500 views"),
        pytest.param(MANY, census(20, MANY, dbt=99_000), CATALOG, id="500 views of a huge catalog"),
        pytest.param(
            {(database, f"v{n}") for database in ("sales", "finance") for n in range(4)},
            census(100, {("sales", "v0"), ("finance", "v0")}, dbt=99_000),
            BOTH,
            id="two small databases beside a huge one",
        ),
    ],
)
def test_the_listings_that_take_the_fewest_calls(
    views: set[tuple[str, str]], known: Census, expected: tuple[Scope, ...]
) -> None:
    assert cheapest(views, known, POLLS) == expected


@pytest.mark.parametrize(("newest_first", "expected"), [(True, (Scope("sales"),)), (False, tables(THREE))])
def test_a_listing_that_is_not_newest_first_costs_all_its_pages_at_every_poll(
    *, newest_first: bool, expected: tuple[Scope, ...]
) -> None:
    """Five pages once and then one a poll are fewer than three tables a poll; five pages a poll are not."""
    assert cheapest(THREE, census(10, THREE, sales=4_500, newest_first=newest_first), POLLS) == expected


@pytest.mark.parametrize(
    ("polls", "expected"),
    [(1, BOTH), (3, BOTH), (4, CATALOG), (30, CATALOG)],
)
def test_the_more_polls_between_complete_reads_the_better_a_single_listing(
    polls: int, expected: tuple[Scope, ...]
) -> None:
    """Five pages and then one a poll, against two a poll: even at the fourth poll, and one listing wins."""
    assert cheapest(APART, census(10, APART, dbt=4_500), polls) == expected


@pytest.mark.parametrize(
    ("runs", "newest_first", "calls"),
    [
        (0, True, 3),
        (1_000, True, 3),
        (1_001, True, 4),
        (1_001, False, 6),
    ],
)
def test_what_a_listing_costs_in_three_polls(runs: int, *, newest_first: bool, calls: int) -> None:
    """An empty listing is a call, too; a page holds 1,000 runs."""
    known = Census(runs=Counter({("sales", "orders"): runs}), newest_first=newest_first)
    for scope in (Scope(), Scope("sales"), Scope("sales", "orders")):
        assert known.cost((scope,), polls=3) == calls


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (Scope(), [True, True, True, True]),
        (Scope("sales"), [True, True, False, False]),
        (Scope("sales", "orders"), [True, False, False, False]),
    ],
)
def test_what_a_listing_holds(scope: Scope, held: list[bool]) -> None:
    """A run that names no database is in the catalog's listing alone."""
    names = [("sales", "orders"), ("sales", "returns"), ("finance", "orders"), (None, None)]
    assert [scope.holds(*name) for name in names] == held
