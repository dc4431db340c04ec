"""What reads of a listing leave behind for later ones."""

from exporter.model.run import MalformedRun, Run, RunListing
from exporter.poller.listing_memory import ListingMemory, Seen
from tests.support.clock import START


def page(run_id: str, seconds: float, *, unreadable: str | None = None) -> RunListing:
    """Return a page of one run, and perhaps a record of another one that cannot be read."""
    run = Run(run_id=run_id, database="sales", table="orders", creation_time=START + seconds)
    malformed = (MalformedRun(unreadable, "no number"),) if unreadable else ()
    return RunListing(runs=(run,), malformed=malformed, next_token=None)


def of_pages(*pages: RunListing) -> Seen:
    """Return what these pages held, each with a token of its own."""
    seen = Seen()
    for number, one in enumerate(pages):
        seen.take_in(one)
        seen.tokens.add(str(number))
    return seen


FIRST = page("a", 0.0, unreadable="x")
LATER = page("b", 60.0)
LAST = page("c", -30.0)


def test_a_copy_goes_on_from_all_that_was_seen() -> None:
    copy = of_pages(FIRST, LATER).copy()
    copy.take_in(LAST)
    copy.tokens.add("2")
    assert copy == of_pages(FIRST, LATER, LAST)
    assert copy.gaps


def test_a_copy_that_is_gone_on_with_leaves_the_first_as_it_was() -> None:
    """A portion that fails is read once more."""
    seen = of_pages(FIRST)
    copy = seen.copy()
    copy.take_in(LATER)
    copy.tokens.add("1")
    assert copy == of_pages(FIRST, LATER)
    assert not copy.newest_first, "newer than the oldest before it"
    assert seen == of_pages(FIRST)


def test_ids_that_are_in_memory_anyway_are_noted_instead_of_the_pages() -> None:
    """Of 100,000 runs those of the pages would leave holes behind."""
    kept, again = (f"run-{number}" for number in (17, 17))
    assert kept is not again
    seen = Seen()
    seen.take_in(page(again, 0.0), {kept: kept})
    assert seen.run_ids == {kept}
    assert all(run_id is kept for run_id in seen.run_ids)


def test_a_later_process_goes_on_with_what_was_learnt_but_the_names() -> None:
    learnt = ListingMemory(newest_first=True, newest=START, page_ends=(START - 60.0,))
    assert ListingMemory.recalled(learnt.summary()) == ListingMemory(
        newest_first=True, newest=START, page_ends=(START - 60.0,), complete_once=True, due=False
    )


def test_pages_are_told_by_age_and_the_last_one_where_that_is_not_known() -> None:
    memory = ListingMemory(page_ends=(START - 200.0, START - 100.0))
    times = (START, START - 100.0, START - 101.0, START - 200.0, START - 201.0, None)
    assert [memory.page_of(time) for time in times] == [1, 1, 2, 2, 3, 3]
