"""How far a listing of runs is read, what its order has to do with it, and which listings serve a target."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.patterns import Ownership
from exporter.model.run import MalformedRun, Run, RunListing, run_key
from exporter.poller.listing import ListingReader, Order, Orders, ReadListing, scopes_for
from exporter.poller.workers import Calls, WorkerPool
from exporter.store.results import Listing, RunsListed, Scope
from tests.poller.bench import nothing, run
from tests.support.clock import START, ManualClock
from tests.support.reader import MemoryReader, PagesByToken, glue_error

PAGES = ["list_runs *.*", *(f"list_runs *.* from {start}" for start in (1000, 2000, 3000))]
"""What is asked for to read 3,500 runs."""
ALL = Scope()


class Script(PagesByToken):
    """Answers one listing call after the other from a list."""

    def __init__(self, *answers: RunListing | GlueError) -> None:
        super().__init__()
        self.left = list(answers)
        self.tokens: list[str | None] = []

    def page(self, token: str | None) -> RunListing:
        """Return the next answer, or raise it."""
        self.tokens.append(token)
        answer = self.left.pop(0)
        if isinstance(answer, GlueError):
            raise answer
        return answer


@dataclass
class Reading:
    """Reads listings, and keeps what was handed in."""

    reader: MemoryReader
    orders: Orders = field(default_factory=dict)
    pages: list[RunsListed] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        calls = Calls(
            WorkerPool("prod", size=1, clock=self.clock),
            deadline=self.clock.monotonic() + 30.0,
            stop=threading.Event(),
            heartbeat=nothing,
        )
        self.listings = ListingReader(
            self.reader, calls, self.clock, self.orders, self.pages.append, tables_denied=False
        )

    def all(self, scope: Scope = ALL) -> ReadListing:
        """Read all pages."""
        return self.listings.read_all(listing(scope))

    def new(self, *unsettled: Run, wanted: Sequence[str] = ()) -> ReadListing:
        """Read what may be new."""
        return self.listings.read_new(
            listing(), {run_key(run.run_id): run for run in unsettled}, frozenset(wanted)
        )

    def some(self, wanted: Sequence[str], most_pages: int) -> ReadListing:
        """Look for some runs."""
        return self.listings.read_some(listing(), frozenset(wanted), most_pages)

    @property
    def runs(self) -> list[str]:
        """The IDs of all runs that were handed in, in order."""
        return [run.run_id for page in self.pages for run in page.runs]


def listing(scope: Scope = ALL) -> Listing:
    """Return what the store opens."""
    return Listing("prod", scope, Ownership(), {})


def nth(number: int, *, every: float = 60.0) -> Run:
    """Return the newest run but so many, one created every so many seconds."""
    return run(f"run-{number}", number * every)


def newest_first(*, every: float = 60.0) -> list[Run]:
    """Return four pages of runs."""
    return [nth(number, every=every) for number in range(3500)]


def page(*runs: Run, next_token: str | None = None, malformed: Sequence[MalformedRun] = ()) -> RunListing:
    """Return a page."""
    return RunListing(runs=runs, malformed=tuple(malformed), next_token=next_token)


def known(reader: MemoryReader) -> Reading:
    """Return a reading after a first complete one, and count calls anew."""
    reading = Reading(reader)
    assert reading.all().complete
    reader.forget_calls()
    return reading


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        (Scope(), "list_runs *.*"),
        (Scope("sales"), "list_runs sales.*"),
        (Scope("sales", "orders"), "list_runs sales.orders"),
    ],
)
def test_a_listing_is_asked_for_with_its_filter(scope: Scope, asked: str) -> None:
    reader = MemoryReader([nth(0)])
    assert Reading(reader).all(scope).listing.scope == scope
    assert reader.calls == [asked]


def test_each_page_is_handed_in_as_it_comes_and_the_last_one_says_so() -> None:
    reading = Reading(MemoryReader(newest_first()))
    read = reading.all()
    assert [len(one.runs) for one in reading.pages] == [1000, 1000, 1000, 500]
    assert [one.last for one in reading.pages] == [False, False, False, True]
    assert {id(one.listing) for one in reading.pages} == {id(read.listing)}
    assert (read.complete, read.runs, read.error) == (True, 3500, None)


def test_pages_before_a_failure_have_been_handed_in_and_teach_nothing_of_the_rest() -> None:
    """Half a listing never passes for a listing."""
    reading = Reading(Script(page(nth(0), next_token="1"), glue_error(Reason.INVALID_INPUT, "token expired")))
    with pytest.raises(GlueError, match="token expired"):
        reading.all()
    assert [one.last for one in reading.pages] == [False]
    assert (reading.orders[ALL].complete, reading.orders[ALL].newest) == (False, None)


def test_a_token_that_comes_twice_is_an_error() -> None:
    """Else the read would never end."""
    reader = Script(*(page(nth(number), next_token="ab"[number % 2]) for number in range(9)))
    with pytest.raises(GlueError) as caught:
        Reading(reader).all()
    assert str(caught.value) == "ListMaterializedViewRefreshTaskRuns: a paging token came twice"
    assert caught.value.reason is Reason.UNEXPECTED
    assert reader.tokens == [None, "a", "b"]


def test_a_record_that_cannot_be_read_is_a_failed_read_and_costs_no_others() -> None:
    broken = [MalformedRun("run-1", "StartTime is not a number"), MalformedRun(None, "not an object")]
    reading = Reading(
        Script(page(nth(0), malformed=broken[:1], next_token="1"), page(nth(2), malformed=broken[1:]))
    )
    read = reading.all()
    assert reading.runs == ["run-0", "run-2"]
    assert [record for one in reading.pages for record in one.malformed] == broken
    assert str(read.error) == "ListMaterializedViewRefreshTaskRuns: StartTime is not a number"
    assert read.error is not None
    assert read.error.reason is Reason.UNEXPECTED


# Stopping early


def test_stops_at_the_first_page_that_overlaps_what_is_known() -> None:
    reader = MemoryReader(newest_first())
    read = known(reader).new()
    assert reader.calls == PAGES[:1]
    assert (read.complete, read.runs) == (False, 1000)


def test_reads_on_until_five_minutes_of_what_is_known_have_been_read_again() -> None:
    """A run may show up late. Five in a second: a page is 200 s."""
    reader = MemoryReader(newest_first(every=0.2))
    known(reader).new()
    assert reader.calls == PAGES[:2]


def test_reads_on_while_all_is_new() -> None:
    """More than a page of runs has come since the last read."""
    orders = known(MemoryReader(newest_first()[1500:])).orders
    newer = MemoryReader(newest_first())
    reading = Reading(newer, orders)
    assert not reading.new().complete
    assert newer.calls == PAGES[:2]
    newer.forget_calls()
    reading.new()
    assert newer.calls == PAGES[:1]


def test_a_listing_that_nobody_has_read_to_its_end_stops_early_too() -> None:
    """The resync reads the rest; what comes newest first shows with the first page."""
    reader = MemoryReader(newest_first())
    assert not Reading(reader).new().complete
    assert reader.calls == PAGES[:1]


def shuffled() -> list[Run]:
    """Return four pages in no order."""
    runs = newest_first()
    random.Random(0).shuffle(runs)  # noqa: S311 (no secret: any order will do)
    return runs


def without_a_time() -> list[Run]:
    """Return four pages, newest first, but for one run whose age is not known."""
    runs = newest_first()
    runs[5] = runs[5]._replace(creation_time=None)
    return runs


@pytest.mark.parametrize(
    "runs",
    [shuffled(), newest_first()[::-1], without_a_time(), [Run(run_id=str(n)) for n in range(3500)]],
    ids=["shuffled", "oldest first", "one of no known age", "all of no known age"],
)
def test_a_listing_in_any_other_order_is_always_read_to_the_end(runs: list[Run]) -> None:
    reader = MemoryReader(runs)
    assert known(reader).new().complete
    assert reader.calls == PAGES


def swapped(first: int, second: int) -> list[Run]:
    """Return four pages, newest first, but for two runs."""
    runs = newest_first()
    runs[first], runs[second] = runs[second], runs[first]
    return runs


def test_an_order_that_changes_is_noticed_and_not_relied_on_before_it_is_proven_again() -> None:
    orders = known(MemoryReader(newest_first())).orders
    unsorted = MemoryReader(swapped(10, 20))
    assert Reading(unsorted, orders).new().complete
    assert unsorted.calls == PAGES
    assert not orders[ALL].newest_first
    again = MemoryReader(newest_first())
    Reading(again, orders).new()
    assert again.calls == PAGES, "this read proves it"
    again.forget_calls()
    Reading(again, orders).new()
    assert again.calls == PAGES[:1]


@pytest.mark.parametrize("complete", [True, False])
def test_disorder_is_noted_even_if_the_read_never_gets_to_its_end(*, complete: bool) -> None:
    orders = {ALL: Order(complete=True, newest=START, seconds=7.0, pages=3)} if complete else {}
    reading = Reading(Script(page(nth(2), nth(1), next_token="1"), glue_error(Reason.THROTTLED)), orders)
    with pytest.raises(GlueError):
        reading.new()
    assert (orders[ALL].newest_first, orders[ALL].complete) == (False, complete)
    assert orders[ALL].seconds == (7.0 if complete else 0.0), "what is known of it stays known"


# Unsettled runs: further pages, or one by one


def numbered(*numbers: int) -> list[Run]:
    """Return these runs."""
    return [nth(number) for number in numbers]


def ageless(count: int) -> list[Run]:
    """Return runs that no page holds and whose age is not known."""
    return [Run(run_id=f"ageless-{number}") for number in range(count)]


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
        pytest.param(ageless(4), 1, id="four of no known age"),
        pytest.param([run("a", 1.0), run("b", 2.0)], 1, id="gone from the page where they would be"),
        pytest.param([run("a", 59_940.0), run("b", 59_940.0)], 1, id="gone from the end of page 1"),
    ],
)
def test_unsettled_runs_are_paged_to_where_that_takes_fewer_calls_than_asking_for_each(
    unsettled: list[Run], pages: int
) -> None:
    """A run of no known age might be anywhere."""
    reader = MemoryReader(newest_first())
    known(reader).new(*unsettled)
    assert reader.calls == PAGES[:pages]


def test_a_read_says_which_of_the_wanted_runs_it_has_found_in_any_case_of_letters() -> None:
    reader = MemoryReader([run("RUN-0"), run("run-1", 60.0), run("run-2", 120.0)])
    assert Reading(reader).new(wanted=["run-0", "run-2", "run-9"]).found == {"run-0", "run-2"}


@pytest.mark.parametrize(
    ("wanted", "pages", "complete"),
    [
        (["run-5"], 1, False),
        (["run-5", "run-1500"], 2, False),
        (["run-2500"], 2, False),
        (["elsewhere"], 4, True),
    ],
    ids=["all on page 1", "all within two pages", "further down", "nowhere"],
)
@pytest.mark.parametrize("runs", [newest_first(), [nth(0), *newest_first()[:0:-1]]], ids=["sorted", "not"])
def test_some_runs_are_looked_for_on_so_many_pages_and_no_further_than_needed(
    wanted: list[str], pages: int, runs: list[Run], *, complete: bool
) -> None:
    """Whatever the order."""
    reader = MemoryReader(runs)
    by_place = [runs[int(name.removeprefix("run-"))].run_id if "-" in name else name for name in wanted]
    assert Reading(reader).some(by_place, 4 if complete else 2).complete is complete
    assert reader.calls == PAGES[:pages]


# Which listings


ONE = {("sales", "orders")}
THREE = {("sales", f"v{number}") for number in range(3)}
APART = {("sales", "orders"), ("sales", "returns"), ("finance", "revenue")}
SALES, FINANCE = Scope("sales"), Scope("finance")
TABLES = tuple(Scope(*name) for name in sorted(APART))


@pytest.mark.parametrize(
    ("views", "expected"),
    [(set(), ()), (ONE, (Scope("sales", "orders"),)), (THREE, (SALES,)), (APART, (ALL,))],
    ids=["none", "one view", "one database", "two databases"],
)
def test_the_narrowest_single_listing(views: set[tuple[str, str]], expected: tuple[Scope, ...]) -> None:
    assert scopes_for(views, {}) == expected


def read_once(pages: int, *, newest_first: bool = False, complete: bool = True) -> Order:
    """Return what is known of a listing of so many pages."""
    return Order(complete=complete, newest_first=newest_first, pages=pages)


@pytest.mark.parametrize(
    ("views", "widest", "order", "expected"),
    [
        pytest.param(APART, ALL, read_once(500, newest_first=True), (ALL,), id="newest first: one a poll"),
        pytest.param(APART, ALL, read_once(500, complete=False), (ALL,), id="not known yet"),
        pytest.param(APART, ALL, read_once(2), (ALL,), id="two pages for two databases"),
        pytest.param(APART, ALL, read_once(3), (FINANCE, SALES), id="three pages for two databases"),
        pytest.param(APART, ALL, read_once(4), TABLES, id="four pages for three views"),
        pytest.param(THREE, SALES, read_once(3), (SALES,), id="three pages for three views"),
        pytest.param(
            THREE, SALES, read_once(4), tuple(Scope(*n) for n in sorted(THREE)), id="four for three"
        ),
        pytest.param(ONE, Scope("sales", "orders"), read_once(9), (Scope("sales", "orders"),), id="one view"),
    ],
)
def test_an_unsorted_listing_gives_way_to_narrower_ones_that_take_fewer_calls(
    views: set[tuple[str, str]], widest: Scope, order: Order, expected: tuple[Scope, ...]
) -> None:
    """Every poll reads all of its pages."""
    assert scopes_for(views, {widest: order}) == expected


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
