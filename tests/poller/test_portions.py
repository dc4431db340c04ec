"""One poll's portion of a listing that takes several: what is handed on from poll to poll."""

import threading
from collections.abc import Mapping

import pytest

from exporter.model.run import Run, RunListing
from exporter.poller.calls import Calls
from exporter.poller.crew import Crew
from exporter.poller.listing import ListingTask, read_listing
from exporter.poller.listing_memory import ListingMemory, Seen, Unfinished
from exporter.poller.scope import Scope
from exporter.store.outcome import ListingRead
from tests.support.clock import START, ManualClock
from tests.support.reader import PagesByToken

IN_TIME, TOO_SLOW = 1.0, 20.0
"""Seconds that a page takes; a poll may last 30, and wants twice as much in hand as its slowest page took."""


class Endless(PagesByToken):
    """A listing whose next page is always there: page 7 holds ``run-7`` alone. The last one is page 9."""

    def __init__(self, clock: ManualClock, seconds_a_page: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds_a_page

    def page(self, token: str | None) -> RunListing:
        """Return the page of this token, some seconds later."""
        self._clock.advance(self._seconds)
        number = int(token or 0)
        run = Run(run_id=f"run-{number}", creation_time=START - 60.0 * number)
        return RunListing(runs=(run,), malformed=(), next_token=str(number + 1) if number < 9 else None)


def read(
    memory: ListingMemory,
    *,
    seconds_a_page: float,
    unsettled: Mapping[str, float | None] | None = None,
    go_on: bool = False,
    most_pages: int | None = None,
) -> ListingRead:
    """Read one portion."""
    clock = ManualClock()
    crew = Crew("prod", size=1, clock=clock)
    calls = Calls(crew, clock.monotonic() + 30.0, threading.Event(), lambda: None)
    task = ListingTask(
        scope=Scope(), memory=memory, unsettled=unsettled or {}, go_on=go_on, most_pages=most_pages
    )
    found, _ = read_listing(calls, Endless(clock, seconds_a_page), task, lambda _: None)
    return found


@pytest.fixture
def begun() -> Unfinished:
    """Return how far an earlier poll has come: to page 6, while ``run-0`` and ``gone`` were unsettled."""
    return Unfinished("7", Seen(run_ids={"run-0", "run-1"}), expected=frozenset({"run-0", "gone"}))


def test_a_portion_that_runs_out_of_time_notes_where_to_go_on() -> None:
    memory = ListingMemory()
    found = read(memory, seconds_a_page=TOO_SLOW, unsettled={"run-5": START})
    assert memory.unfinished is not None
    assert memory.unfinished.token == "1"
    assert memory.unfinished.seen.run_ids == {"run-0"}
    assert memory.unfinished.expected == {"run-5"}
    assert found.summary is None, "nothing is learnt before its end"


def test_the_next_portion_goes_on_from_there_and_expects_what_was_expected(begun: Unfinished) -> None:
    """A run that came meanwhile may be on a page that has been read."""
    memory = ListingMemory(unfinished=begun)
    read(memory, seconds_a_page=TOO_SLOW, unsettled={"run-0": START, "late": START}, go_on=True)
    assert memory.unfinished is not None
    assert memory.unfinished.token == "8"
    assert memory.unfinished.seen.run_ids == {"run-0", "run-1", "run-7"}
    assert memory.unfinished.expected == {"run-0", "gone"}


def test_the_last_portion_tells_which_runs_are_not_missing_though_it_does_not_hold_them(
    begun: Unfinished,
) -> None:
    """Those of the pages that were read before, and those that came meanwhile."""
    memory = ListingMemory(unfinished=begun)
    wanted = {"run-0": START, "gone": START, "late": START}
    found = read(memory, seconds_a_page=IN_TIME, unsettled=wanted, go_on=True)
    assert found.complete
    assert {run.run_id for run in found.runs} == {"run-7", "run-8", "run-9"}
    assert found.listed_before == {"run-0", "run-1", "late"}
    assert found.several_polls
    assert found.summary == memory.summary()
    assert memory.unfinished is None


def test_a_look_at_the_first_pages_for_what_is_new_leaves_the_rest_where_it_was(begun: Unfinished) -> None:
    memory = ListingMemory(unfinished=begun)
    read(memory, seconds_a_page=TOO_SLOW)
    assert memory.unfinished is begun


def test_a_look_for_a_few_runs_alone_begins_nothing_that_has_to_be_finished() -> None:
    memory = ListingMemory()
    found = read(memory, seconds_a_page=TOO_SLOW, unsettled={"run-5": START}, most_pages=3)
    assert [run.run_id for run in found.runs] == ["run-0"]
    assert memory.unfinished is None
