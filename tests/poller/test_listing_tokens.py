"""Tokens of a listing's pages: they expire, and must not go round in a circle."""

import pytest

from exporter.errors import GlueError, Reason
from exporter.poller.listing_memory import ListingMemory
from exporter.store.outcome import ListingRead
from tests.poller.test_listing import Script, page, read, run
from tests.support.reader import glue_error

EXPIRED = glue_error(Reason.INVALID_INPUT, "token expired")


def test_a_token_that_expires_is_an_occasion_to_begin_anew() -> None:
    """Nothing of the first attempt remains."""
    reader = Script(page(run(0), next_token="1"), EXPIRED, page(run(1), next_token="2"), page(run(2)))
    found, _ = read(reader)
    assert reader.tokens == [None, "1", None, "2"]
    assert found == ListingRead(runs=(run(1), run(2)), complete=True)


def test_a_token_that_expires_again_is_an_error() -> None:
    memory = ListingMemory()
    reader = Script(page(run(0), next_token="1"), EXPIRED, page(run(0), next_token="2"), EXPIRED)
    with pytest.raises(GlueError) as caught:
        read(reader, memory)
    assert caught.value.reason is Reason.INVALID_INPUT
    assert reader.tokens == [None, "1", None, "2"]
    assert memory == ListingMemory()


def test_invalid_input_without_a_token_is_an_error_at_once() -> None:
    reader = Script(EXPIRED)
    with pytest.raises(GlueError):
        read(reader)
    assert reader.tokens == [None]


def test_another_failure_on_the_way_is_an_error_at_once() -> None:
    """Half a listing never passes for a listing, and teaches nothing."""
    memory = ListingMemory()
    reader = Script(page(run(0), next_token="1"), glue_error(Reason.THROTTLED))
    with pytest.raises(GlueError) as caught:
        read(reader, memory)
    assert caught.value.reason is Reason.THROTTLED
    assert reader.tokens == [None, "1"]
    assert memory == ListingMemory()


def test_a_token_that_comes_twice_is_an_error() -> None:
    """Else the read would never end."""
    reader = Script(*(page(run(number), next_token="ab"[number % 2]) for number in range(9)))
    with pytest.raises(GlueError) as caught:
        read(reader)
    assert str(caught.value) == "ListMaterializedViewRefreshTaskRuns: a paging token came twice"
    assert caught.value.reason is Reason.UNEXPECTED
    assert reader.tokens == [None, "a", "b"]
