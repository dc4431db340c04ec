"""How far a listing of runs is read, what its order has to do with it, and which listings serve a target."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from exporter.errors import Reason
from exporter.model.patterns import Name, ViewMatcher
from exporter.model.run import Page, Run
from exporter.poller.listing import Listings, Order, scopes_for
from exporter.poller.workers import Calls, WorkerPool
from exporter.store.results import Scope
from tests.poller.bench import Bench, SmallPages, nothing, run, running, watching
from tests.support.store_bench import DAY

PAGES = ["list_runs sales.orders", *(f"list_runs sales.orders from {start}" for start in (10, 20, 30))]
"""What is asked for to read 35 runs."""
ALL = Scope()


class TenAPage(SmallPages):
    """Ten runs a page."""

    runs_a_page = 10


def newest_first(*, every: float = 60.0) -> list[Run]:
    """Return settled runs that were created every so many seconds."""
    return [run(f"run-{number}", DAY + number * every) for number in range(35)]


SORTED = newest_first()
FAST = newest_first(every=20.0)
"""A page is 200 s."""
SHUFFLED = random.Random(0).sample(SORTED, len(SORTED))  # noqa: S311 (no secret: any order will do)
ONE_WITHOUT_AGE = [*SORTED[:5], SORTED[5]._replace(creation_time=None), *SORTED[6:]]
AGELESS = [one._replace(creation_time=None) for one in SORTED]
ONE_SWAPPED = [SORTED[1], SORTED[0], *SORTED[2:]]


def read_before(runs: Sequence[Run]) -> Bench:
    """Return a target with one view, whose listing of runs has been read to its end."""
    bench = Bench(watching("sales.orders"), TenAPage())
    bench.has(*runs)
    bench.run()
    return bench


# Stopping early


@pytest.mark.parametrize(
    ("before", "now", "number"),
    [
        pytest.param(SORTED, SORTED, 1, id="overlaps what is known"),
        pytest.param(FAST, FAST, 2, id="five minutes of what is known: a run may show up late"),
        pytest.param(SORTED[12:], SORTED, 2, id="more than a page is new"),
        pytest.param(SHUFFLED, SHUFFLED, 4, id="shuffled"),
        pytest.param(SORTED[::-1], SORTED[::-1], 4, id="oldest first"),
        pytest.param(ONE_WITHOUT_AGE, ONE_WITHOUT_AGE, 4, id="one of no known age"),
        pytest.param(AGELESS, AGELESS, 4, id="all of no known age"),
    ],
)
def test_stops_early_only_where_nothing_further_down_can_be_new(
    before: Sequence[Run], now: Sequence[Run], number: int
) -> None:
    bench = read_before(before)
    bench.has(*now)
    assert bench.later() == PAGES[:number]
    assert bench.up is True


def test_a_listing_that_was_never_read_to_its_end_is_not_for_a_poll_to_finish() -> None:
    bench = Bench(watching("sales.orders"), TenAPage())
    bench.has(*SORTED)
    bench.reader.fails(PAGES[1], Reason.UNEXPECTED)
    bench.run()
    assert bench.later() == sorted([PAGES[0], *PAGES[:2]]), "the resync tries again"
    assert bench.later() == PAGES[:1]


def test_after_an_empty_listing_polls_still_go_down_to_what_was_known_before() -> None:
    bench = read_before(SORTED[25:])
    for runs, pages in ([], PAGES[:1]), (SORTED, PAGES[:4]):
        bench.has(*runs)
        assert bench.later() == pages


def test_after_an_empty_listing_and_an_outage_a_poll_reads_all_that_is_new() -> None:
    bench = read_before([])
    bench.reader.fails(PAGES[0], Reason.THROTTLED)
    bench.later()
    del bench.reader.answers[PAGES[0]]
    bench.has(*SORTED)
    assert bench.later() == PAGES[:4]


def test_a_listing_without_order_that_grew_too_long_for_a_poll_is_left_to_the_resync() -> None:
    class Slow(TenAPage):
        seconds = 0.0

        def list_runs(self, **parameters: Any) -> Page[Run]:
            bench.clock.advance(self.seconds)
            return super().list_runs(**parameters)

    reader = Slow()
    bench = Bench(watching("sales.orders"), reader)
    bench.has(*SHUFFLED)
    bench.run()
    reader.seconds = 10.0
    bench.later()
    assert bench.up is False, "the poll ran out of time"
    reader.seconds = 0.0
    bench.clock.advance(30.0)
    bench.poll.run(nothing)
    bench.await_resync()
    assert bench.poll.resync.listed_since(Scope("sales", "orders"), bench.clock.monotonic() - 1.0)


def test_tables_that_are_denied_meanwhile_change_nothing_about_a_listing() -> None:
    """Else its last pages would begin to watch a view, and old runs on the first ones would be new."""
    bench = Bench(watching("*.*"), SmallPages())
    bench.run()
    bench.has(*(run(name, DAY, of="secret.v") for name in "abcd"), views=())
    denied = iter([set[str](), {"secret"}, {"secret"}])
    listings = Listings(bench.poll.polling, ViewMatcher(bench.target), lambda: next(denied))
    for _ in range(2):
        assert not list(bench.shown.views)
        pool = WorkerPool("prod", bench.clock)
        calls = Calls(pool, deadline=math.inf, stop=bench.stop, heartbeat=nothing)
        listings.read(bench.reader, calls, ALL)
    assert list(bench.shown.views)


def test_an_order_that_changes_is_noticed_and_not_relied_on_before_it_is_proven_again() -> None:
    bench = read_before(SORTED)
    numbers = []
    for runs in (SORTED, ONE_SWAPPED, SORTED, SORTED):
        bench.has(*runs)
        numbers.append(len(bench.later()))
    assert numbers == [1, 4, 4, 1], "the third read proves it"


def test_disorder_is_noted_even_if_the_read_never_gets_to_its_end() -> None:
    """And no half read that is in order makes up for it."""
    bench = read_before(SORTED)
    bench.reader.fails(PAGES[1], Reason.INVALID_INPUT)
    for runs in (ONE_SWAPPED, SORTED, SORTED):
        bench.has(*runs)
        assert bench.later() == PAGES[:2]
        assert bench.up is False, "half a listing never passes for a listing"


def test_after_a_read_that_broke_off_the_next_one_goes_down_to_what_was_known_before() -> None:
    bench = read_before(SORTED[25:])
    bench.has(*SORTED)
    bench.reader.fails(PAGES[1], Reason.INVALID_INPUT)
    assert bench.later() == PAGES[:2]
    del bench.reader.answers[PAGES[1]]
    assert bench.later() == PAGES[:4]
    assert bench.shown.runs_total("sales.orders") == {"SUCCEEDED": 25}


# Unsettled runs: further pages, or one by one


@pytest.mark.parametrize(
    ("unsettled", "number"),
    [
        pytest.param([5], 1, id="one on page 1"),
        pytest.param([15], 1, id="one on page 2: a call each way"),
        pytest.param([15, 16], 2, id="two on page 2"),
        pytest.param([10, 11], 2, id="the first two on page 2"),
        pytest.param([25, 26], 1, id="two on page 3: two calls each way"),
        pytest.param([25, 26, 27], 3, id="three on page 3"),
        pytest.param([5, 15, 25, 26], 3, id="three of four further down"),
        pytest.param([15, 16, 34], 1, id="three, but one is on page 4"),
    ],
)
def test_unsettled_runs_are_paged_to_where_that_takes_fewer_calls_than_asking_for_each(
    unsettled: list[int], number: int
) -> None:
    """Those that no page held are asked for."""
    runs = [one._replace(status="RUNNING") if n in unsettled else one for n, one in enumerate(SORTED)]
    asked = [f"run-{one}" for one in unsettled if one >= 10 * number]
    assert read_before(runs).later() == sorted([*PAGES[:number], *asked])


@pytest.mark.parametrize("age", [1.0, DAY + 540.0], ids=["where they would be", "at the end of page 1"])
def test_runs_that_are_gone_from_the_first_page_are_not_looked_for_on_others(age: float) -> None:
    gone = [running(name, age) for name in "ab"]
    bench = read_before(sorted([*gone, *SORTED], key=lambda one: -(one.creation_time or 0.0)))
    bench.has(*SORTED)
    assert bench.later() == ["a", "b", PAGES[0]]


# Which listings


ONE = {("sales", "orders")}
THREE = {("sales", f"v{number}") for number in range(3)}
APART = {("sales", "orders"), ("sales", "returns"), ("finance", "revenue")}
SALES, FINANCE = Scope("sales"), Scope("finance")


def each(views: set[Name]) -> tuple[Scope, ...]:
    return tuple(Scope(*name) for name in sorted(views))


def unsorted(scope: Scope, pages: int) -> Mapping[Scope, Order]:
    """Return what is known of a listing of so many pages."""
    return {scope: Order(complete=True, newest_first=False, pages=pages)}


@pytest.mark.parametrize(
    ("views", "orders", "expected"),
    [
        pytest.param(set(), {}, (), id="none"),
        pytest.param(ONE, {}, each(ONE), id="one view"),
        pytest.param(THREE, {}, (SALES,), id="one database"),
        pytest.param(APART, {}, (ALL,), id="two databases"),
        pytest.param(APART, {ALL: Order(complete=True, pages=500)}, (ALL,), id="newest first: one a poll"),
        pytest.param(APART, {ALL: Order(newest_first=False, pages=500)}, (ALL,), id="not known yet"),
        pytest.param(APART, unsorted(ALL, 2), (ALL,), id="two pages for two databases"),
        pytest.param(APART, unsorted(ALL, 3), (FINANCE, SALES), id="three pages for two databases"),
        pytest.param(APART, unsorted(ALL, 4), each(APART), id="four pages for three views"),
        pytest.param(THREE, unsorted(SALES, 3), (SALES,), id="three pages for three views"),
        pytest.param(THREE, unsorted(SALES, 4), each(THREE), id="four for three"),
        pytest.param(ONE, unsorted(each(ONE)[0], 9), each(ONE), id="one view, unsorted"),
    ],
)
def test_the_narrowest_single_listing_or_narrower_ones_where_it_is_unsorted_and_they_take_fewer_calls(
    views: set[Name], orders: Mapping[Scope, Order], expected: tuple[Scope, ...]
) -> None:
    """Of an unsorted one every poll reads all pages."""
    assert scopes_for(views, orders) == expected
