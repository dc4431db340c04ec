"""How far a listing of runs is read, what its order has to do with it, and which listings serve a target."""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.patterns import Name, Ownership
from exporter.model.run import Run, RunListing, run_key
from exporter.poller.listing import ListingReader, Order, Orders, ReadListing, scopes_for
from exporter.poller.workers import Calls, WorkerPool
from exporter.store.results import Listing, RunsListed, Scope
from tests.poller.bench import nothing, run
from tests.support.clock import START, ManualClock
from tests.support.reader import MemoryReader, PagesByToken, glue_error

PAGES = ["list_runs *.*", *(f"list_runs *.* from {start}" for start in (1000, 2000, 3000))]
"""What is asked for to read 3,500 runs."""
ALL = Scope()


@dataclass
class Reading:
    """Reads listings, and keeps what was handed in."""

    reader: MemoryReader
    orders: Orders = field(default_factory=dict)
    pages: list[RunsListed] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)

    def _listings(self) -> ListingReader:
        calls = Calls(
            WorkerPool("prod", size=1, clock=self.clock),
            deadline=self.clock.monotonic() + 30.0,
            stop=threading.Event(),
            heartbeat=nothing,
        )
        return ListingReader(
            self.reader, calls, self.clock, self.orders, self.pages.append, tables_denied=False
        )

    def all(self) -> ReadListing:
        """Read all pages, and count calls anew."""
        read = self._listings().read_all(listing())
        self.reader.forget_calls()
        return read

    def new(self, *unsettled: Run, wanted: Sequence[str] = ()) -> ReadListing:
        by_key = {run_key(run.run_id): run for run in unsettled}
        return self._listings().read_new(listing(), by_key, frozenset(wanted))

    def some(self, wanted: Sequence[str], most_pages: int) -> ReadListing:
        return self._listings().read_some(listing(), frozenset(wanted), most_pages)


def listing() -> Listing:
    return Listing("prod", ALL, Ownership(), {})


def nth(number: int, *, every: float = 60.0) -> Run:
    """Return the newest run but so many, one created every so many seconds."""
    return run(f"run-{number}", number * every)


def newest_first(*, every: float = 60.0) -> list[Run]:
    return [nth(number, every=every) for number in range(3500)]


SORTED = newest_first()
FAST = newest_first(every=0.2)
"""A page is 200 s."""
SHUFFLED = random.Random(0).sample(SORTED, len(SORTED))  # noqa: S311 (no secret: any order will do)
ONE_WITHOUT_AGE = [*SORTED[:5], SORTED[5]._replace(creation_time=None), *SORTED[6:]]
AGELESS = [Run(run_id=str(number)) for number in range(3500)]
ONE_SWAPPED = [*SORTED[:10], SORTED[20], *SORTED[11:20], SORTED[10], *SORTED[21:]]


def test_each_page_is_handed_in_as_it_comes_and_the_last_one_says_so() -> None:
    reading = Reading(MemoryReader(SORTED))
    read = reading.all()
    assert [(len(one.runs), one.last) for one in reading.pages] == [*[(1000, False)] * 3, (500, True)]
    assert {id(one.listing) for one in reading.pages} == {id(read.listing)}
    assert (read.complete, read.runs, read.error) == (True, 3500, None)


class FailsOnPage2(PagesByToken):
    """Lists some runs, and then fails."""

    runs: tuple[Run, ...] = ()

    def page(self, token: str | None) -> RunListing:
        if token:
            raise glue_error(Reason.INVALID_INPUT, "token expired")
        return RunListing(runs=self.runs, malformed=(), next_token="1")


def test_pages_before_a_failure_have_been_handed_in_and_teach_nothing_of_the_rest() -> None:
    """Half a listing never passes for a listing."""
    reader = FailsOnPage2()
    reader.runs = (nth(0),)
    reading = Reading(reader)
    with pytest.raises(GlueError, match="token expired"):
        reading.all()
    assert [one.last for one in reading.pages] == [False]
    assert (reading.orders[ALL].complete, reading.orders[ALL].newest) == (False, None)


# Stopping early


@pytest.mark.parametrize(
    ("before", "now", "pages"),
    [
        pytest.param(SORTED, SORTED, 1, id="overlaps what is known"),
        pytest.param(FAST, FAST, 2, id="five minutes of what is known: a run may show up late"),
        pytest.param(SORTED[1500:], SORTED, 2, id="more than a page is new"),
        pytest.param([], SORTED, 1, id="never read to its end: the resync does that"),
        pytest.param(SHUFFLED, SHUFFLED, 4, id="shuffled"),
        pytest.param(SORTED[::-1], SORTED[::-1], 4, id="oldest first"),
        pytest.param(ONE_WITHOUT_AGE, ONE_WITHOUT_AGE, 4, id="one of no known age"),
        pytest.param(AGELESS, AGELESS, 4, id="all of no known age"),
    ],
)
def test_stops_early_only_where_nothing_further_down_can_be_new(
    before: Sequence[Run], now: Sequence[Run], pages: int
) -> None:
    reading = Reading(MemoryReader(before))
    if before:
        assert reading.all().complete
    reading.reader = MemoryReader(now)
    read = reading.new()
    assert reading.reader.calls == PAGES[:pages]
    assert (read.complete, read.runs) == (pages == 4, min(1000 * pages, 3500))


def test_an_order_that_changes_is_noticed_and_not_relied_on_before_it_is_proven_again() -> None:
    reading = Reading(MemoryReader(SORTED))
    reading.all()
    pages = []
    for runs in (SORTED, ONE_SWAPPED, SORTED, SORTED):
        reading.reader = MemoryReader(runs)
        reading.new()
        pages.append(len(reading.reader.calls))
    assert pages == [1, 4, 4, 1], "the third read proves it"


@pytest.mark.parametrize("complete", [True, False])
def test_disorder_is_noted_even_if_the_read_never_gets_to_its_end(*, complete: bool) -> None:
    """And no half read that is in order makes up for it."""
    orders = {ALL: Order(complete=True, newest=START, seconds=7.0, pages=3)} if complete else {}
    reader = FailsOnPage2()
    for runs in ((nth(2), nth(1)), (nth(1), nth(2))):
        reader.runs = runs
        with pytest.raises(GlueError):
            Reading(reader, orders).new()
        assert (orders[ALL].newest_first, orders[ALL].complete) == (False, complete)
        assert orders[ALL].seconds == (7.0 if complete else 0.0), "what is known of it stays known"


# Unsettled runs: further pages, or one by one


def numbered(*numbers: int) -> list[Run]:
    return [nth(number) for number in numbers]


@pytest.mark.parametrize(
    ("unsettled", "pages"),
    [
        pytest.param(numbered(5), 1, id="one on page 1"),
        pytest.param(numbered(1500), 1, id="one on page 2: a call each way"),
        pytest.param(numbered(1500, 1501), 2, id="two on page 2"),
        pytest.param(numbered(1000, 1001), 2, id="the first two on page 2"),
        pytest.param(numbered(2500, 2501), 1, id="two on page 3: two calls each way"),
        pytest.param(numbered(2500, 2501, 2502), 3, id="three on page 3"),
        pytest.param(numbered(5, 1500, 2500, 2501), 3, id="three of four further down"),
        pytest.param(numbered(1500, 1501, 3400), 1, id="three, but one is on page 4"),
        pytest.param(AGELESS[:4], 1, id="four of no known age, which might be anywhere"),
        pytest.param([run("a", 1.0), run("b", 2.0)], 1, id="gone from the page where they would be"),
        pytest.param([run("a", 59_940.0), run("b", 59_940.0)], 1, id="gone from the end of page 1"),
    ],
)
def test_unsettled_runs_are_paged_to_where_that_takes_fewer_calls_than_asking_for_each(
    unsettled: list[Run], pages: int
) -> None:
    reading = Reading(MemoryReader(SORTED))
    reading.all()
    reading.new(*unsettled)
    assert reading.reader.calls == PAGES[:pages]


def test_a_read_says_which_of_the_wanted_runs_it_has_found_in_any_case_of_letters() -> None:
    reader = MemoryReader([run("RUN-0"), run("run-1", 60.0), run("run-2", 120.0)])
    assert Reading(reader).new(wanted=["run-0", "run-2", "run-9"]).found == {"run-0", "run-2"}


@pytest.mark.parametrize(
    ("wanted", "pages", "complete"),
    [([5], 1, False), ([5, 1500], 2, False), ([2500], 2, False), ([], 4, True)],
    ids=["all on page 1", "all within two pages", "further down", "nowhere"],
)
@pytest.mark.parametrize("runs", [SORTED, [SORTED[0], *SORTED[:0:-1]]], ids=["sorted", "not"])
def test_some_runs_are_looked_for_on_so_many_pages_and_no_further_than_needed(
    wanted: list[int], pages: int, runs: list[Run], *, complete: bool
) -> None:
    """Whatever the order."""
    reader = MemoryReader(runs)
    keys = [runs[place].run_id for place in wanted] or ["elsewhere"]
    assert Reading(reader).some(keys, 4 if complete else 2).complete is complete
    assert reader.calls == PAGES[:pages]


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


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (ALL, [True, True, True, True]),
        (SALES, [True, True, False, False]),
        (Scope("sales", "orders"), [True, False, False, False]),
    ],
)
def test_what_a_listing_holds(scope: Scope, held: list[bool]) -> None:
    """A run that names no database is in the catalog's listing alone."""
    names = [("sales", "orders"), ("sales", "returns"), ("finance", "orders"), (None, None)]
    assert [scope.covers(*name) for name in names] == held
