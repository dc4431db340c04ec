"""How far a listing of runs is read."""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from exporter.errors import GlueError
from exporter.model.run import MalformedRun, Run, RunListing
from exporter.poller.calls import Calls
from exporter.poller.crew import Crew
from exporter.poller.listing import ListingTask, read_listing
from exporter.poller.listing_memory import ListingMemory
from exporter.poller.scope import Scope
from exporter.store.outcome import ListingRead
from tests.support.clock import START, ManualClock
from tests.support.reader import MemoryReader, PagesByToken

PAGES = ["list_runs *.*", *(f"list_runs *.* from {start}" for start in (1000, 2000, 3000))]
"""What is asked for to read 3,500 runs."""


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


def run(number: int, *, every: float = 60.0, status: str = "SUCCEEDED") -> Run:
    """Return the newest run but so many, one created every so many seconds."""
    return Run(
        run_id=f"run-{number}",
        database="sales",
        table="orders",
        status=status,
        creation_time=START - number * every,
    )


def newest_first(*, every: float = 60.0) -> list[Run]:
    """Return four pages of runs."""
    return [run(number, every=every) for number in range(3500)]


def page(*runs: Run, next_token: str | None = None, malformed: Sequence[MalformedRun] = ()) -> RunListing:
    """Return a page."""
    return RunListing(runs=runs, malformed=tuple(malformed), next_token=next_token)


def read(
    reader: MemoryReader,
    memory: ListingMemory | None = None,
    *,
    scope: Scope = Scope(),  # noqa: B008 (it is immutable)
    unsettled: Mapping[str, float | None] | None = None,
    to_the_end: bool = False,
    most_pages: int | None = None,
    parts: list[ListingRead] | None = None,
) -> tuple[ListingRead, list[str]]:
    """Read a listing once; what it teaches is left to the tests of restarts."""
    clock = ManualClock()
    calls = Calls(
        Crew("prod", size=1, clock=clock), clock.monotonic() + 30.0, threading.Event(), lambda: None
    )
    task = ListingTask(
        scope=scope,
        memory=memory or ListingMemory(),
        unsettled=unsettled or {},
        to_the_end=to_the_end,
        most_pages=most_pages,
    )
    found, lines = read_listing(calls, reader, task, parts.append if parts is not None else lambda _: None)
    return replace(found, summary=None), lines


def known(reader: MemoryReader) -> ListingMemory:
    """Return what a first complete read taught, and count calls anew."""
    memory = ListingMemory()
    found, _ = read(reader, memory)
    assert found.complete
    reader.forget_calls()
    return memory


def test_what_is_not_known_yet_is_read_to_the_end() -> None:
    reader = MemoryReader(newest_first())
    found, lines = read(reader)
    assert reader.calls == PAGES
    assert found == ListingRead(runs=tuple(newest_first()), complete=True)
    assert lines == []


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        (Scope(), "list_runs *.*"),
        (Scope("sales"), "list_runs sales.*"),
        (Scope("sales", "orders"), "list_runs sales.orders"),
    ],
)
def test_a_listing_is_asked_for_with_its_filter(scope: Scope, asked: str) -> None:
    reader = MemoryReader([run(0)])
    found, _ = read(reader, scope=scope)
    assert reader.calls == [asked]
    assert (found.database, found.table) == (scope.database, scope.table)


def test_stops_at_the_first_page_that_overlaps_what_is_known() -> None:
    reader = MemoryReader(newest_first())
    memory = known(reader)
    found, _ = read(reader, memory)
    assert reader.calls == PAGES[:1]
    assert not found.complete
    assert len(found.runs) == 1000


def test_reads_on_until_five_minutes_of_what_is_known_have_been_read_again() -> None:
    """A run may show up late. Five in a second: a page is 200 s."""
    reader = MemoryReader(newest_first(every=0.2))
    memory = known(reader)
    read(reader, memory)
    assert reader.calls == PAGES[:2]


@pytest.mark.parametrize(("seconds", "pages"), [(300.0, 2), (300.5, 1)])
def test_exactly_five_minutes_are_not_further_back(seconds: float, pages: int) -> None:
    older = run(1)._replace(creation_time=START - seconds)
    reader = Script(page(run(0), older, next_token="1"), page(run(9)))
    read(reader, ListingMemory(newest_first=True, newest=START))
    assert len(reader.tokens) == pages


def test_reads_on_while_all_is_new() -> None:
    """More than a page of runs has come since the last read."""
    reader = MemoryReader(newest_first()[1500:])
    memory = known(reader)
    newer = MemoryReader(newest_first())
    found, _ = read(newer, memory)
    assert newer.calls == PAGES[:2]
    assert memory.newest == START
    assert not found.complete


def test_reads_to_the_end_where_that_is_asked_for() -> None:
    reader = MemoryReader(newest_first())
    memory = known(reader)
    found, _ = read(reader, memory, to_the_end=True)
    assert reader.calls == PAGES
    assert found.complete


def test_a_listing_in_any_other_order_is_always_read_to_the_end() -> None:
    shuffled = newest_first()
    random.Random(0).shuffle(shuffled)  # noqa: S311 (no secret: any order will do)
    for runs in (shuffled, newest_first()[::-1]):
        reader = MemoryReader(runs)
        memory = known(reader)
        found, _ = read(reader, memory)
        assert reader.calls == PAGES
        assert found.complete


def test_an_order_that_changes_is_noticed_and_no_longer_relied_on() -> None:
    runs = newest_first()
    memory = known(MemoryReader(runs))
    runs[10], runs[20] = runs[20], runs[10]
    reader = MemoryReader(runs)
    read(reader, memory)
    assert reader.calls == PAGES
    assert not memory.newest_first


def test_an_order_that_an_unfinished_read_disproved_is_not_relied_on_either() -> None:
    runs = newest_first()
    memory = known(MemoryReader(runs))
    runs[10], runs[20] = runs[20], runs[10]
    found, _ = read(MemoryReader(runs), memory, most_pages=1, unsettled={"run-3000": None})
    assert not found.complete
    assert not memory.newest_first


def test_runs_without_a_creation_time_prove_no_order() -> None:
    """They are read like the others, to the end each time."""
    runs = newest_first()
    runs[5] = Run(run_id="timeless")
    reader = MemoryReader(runs)
    memory = known(reader)
    found, _ = read(reader, memory)
    assert reader.calls == PAGES
    assert Run(run_id="timeless") in found.runs


def test_no_creation_time_at_all_is_no_order_either() -> None:
    reader = MemoryReader([Run(run_id=str(number)) for number in range(1500)])
    memory = known(reader)
    found, _ = read(reader, memory)
    assert reader.calls == PAGES[:2]
    assert len(found.runs) == 1500
    assert memory.newest is None


def test_a_run_that_two_pages_hold_is_one_run_as_the_later_page_tells() -> None:
    """New runs push what has been read down to the next page."""
    reader = Script(
        page(run(0), run(1, status="RUNNING"), next_token="1"),
        page(run(1), run(2)),
    )
    memory = ListingMemory()
    found, _ = read(reader, memory)
    assert found.runs == (run(0), run(1), run(2))
    assert memory.newest_first


def unsettled(*numbers: int) -> dict[str, float | None]:
    """Return the creation times of these runs."""
    return {f"run-{number}": run(number).creation_time for number in numbers}


@pytest.mark.parametrize(
    ("wanted", "pages"),
    [
        pytest.param(unsettled(5), 1, id="one on page 1"),
        pytest.param(unsettled(1500), 1, id="one on page 2: a call each way"),
        pytest.param(unsettled(1500, 1501), 2, id="two on page 2"),
        pytest.param(unsettled(1000, 1001), 2, id="the first two on page 2"),
        pytest.param(unsettled(2500, 2501), 1, id="two on page 3: two calls each way"),
        pytest.param(unsettled(2500, 2501, 2502), 3, id="three on page 3"),
        pytest.param(unsettled(5, 1500, 2500, 2501), 3, id="three of four further down"),
        pytest.param(unsettled(1500, 1501, 3400), 1, id="three, but one is on page 4"),
        pytest.param(unsettled(1, 2, 3), 1, id="all on page 1"),
        pytest.param({"a": None, "b": None, "c": None}, 1, id="three of no known age"),
        pytest.param({"a": None, "b": None, "c": None, "d": None}, 4, id="four of no known age"),
        pytest.param({"a": START - 1, "b": START - 2}, 1, id="gone from the page where they would be"),
        pytest.param(dict.fromkeys("ab", run(999).creation_time), 1, id="gone from the end of page 1"),
    ],
)
def test_unsettled_runs_are_paged_to_where_that_takes_fewer_calls_than_asking_for_each(
    wanted: dict[str, float | None], pages: int
) -> None:
    """A run of no known age might be on the last page."""
    reader = MemoryReader(newest_first())
    memory = known(reader)
    read(reader, memory, unsettled=wanted)
    assert reader.calls == PAGES[:pages]


@pytest.mark.parametrize(
    ("wanted", "pages"),
    [(unsettled(5), 1), (unsettled(5, 1500), 2), (unsettled(2500), 2), ({}, 1)],
    ids=["all on page 1", "all within two pages", "further down", "nothing left to read"],
)
def test_no_more_pages_are_read_than_allowed_nor_than_the_unsettled_runs_need(
    wanted: dict[str, float | None], pages: int
) -> None:
    """Whatever the order, and even where nothing is known yet."""
    for runs in (newest_first(), [run(0), *newest_first()[:0:-1]]):
        reader = MemoryReader(runs)
        by_place = {runs[int(name.removeprefix("run-"))].run_id: time for name, time in wanted.items()}
        found, _ = read(reader, unsettled=by_place, most_pages=2)
        assert reader.calls == PAGES[:pages]
        assert not found.complete


def test_a_page_that_holds_just_what_is_wanted_is_the_last() -> None:
    reader = Script(page(run(0), run(1), next_token="1"))
    found, _ = read(reader, unsettled=unsettled(0, 1), most_pages=2)
    assert found.runs == (run(0), run(1))


def test_a_limit_that_the_listing_does_not_reach_leaves_it_complete() -> None:
    reader = MemoryReader(newest_first())
    found, _ = read(reader, unsettled={"elsewhere": None}, most_pages=4)
    assert reader.calls == PAGES
    assert found.complete


def test_records_that_cannot_be_read_make_gaps_and_cost_no_others() -> None:
    """What is not among the runs may be there all the same."""
    reader = Script(
        page(run(0), malformed=[MalformedRun("run-1", "StartTime is no number")], next_token="1"),
        page(run(2), malformed=[MalformedRun(None, "a record is no object")]),
    )
    found, lines = read(reader)
    assert found == ListingRead(
        runs=(run(0), run(2)), complete=True, gaps=True, unreadable=frozenset({"run-1"})
    )
    assert lines == ["run run-1: StartTime is no number", "a record is no object"]


def test_a_long_listing_is_handed_over_in_parts() -> None:
    """All of its runs at once would take more memory than what is kept of them."""
    runs = [run(number) for number in range(12_500)]
    parts: list[ListingRead] = []
    last, _ = read(MemoryReader(runs), scope=Scope("sales", "orders"), parts=parts)
    assert {(part.database, part.table) for part in (*parts, last)} == {("sales", "orders")}
    assert [len(part.runs) for part in (*parts, last)] == [5000, 5000, 2500]
    assert [part.complete for part in (*parts, last)] == [False, False, True]
    assert last.listed_before == {one.run_id for one in runs[:10_000]}
