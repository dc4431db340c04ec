"""What a change costs, counted in blocks."""

from collections.abc import Iterable

import pytest

from exporter.metrics.encoding import Encoded
from exporter.metrics.group import GROUP_BLOCKS
from exporter.metrics.segment import Chunk
from exporter.metrics.shelf import Item, Shelf

BLOCK = 8


def item(value: object, *, resting: bool = True) -> Item:
    """Return an item of two families, of which the second never changes."""
    return Item(Encoded((f"x {value}\n".encode(), b"y 1\n"), ()), resting)


def filled(numbers: Iterable[int]) -> Shelf[int]:
    """Return a shelf with resting items."""
    shelf = Shelf[int](2, block_items=BLOCK)
    shelf.update((number, item(number)) for number in numbers)
    return shelf


def texts(shelf: Shelf[int]) -> list[str]:
    """Return the lines of the first family, sorted."""
    shelved = shelf.shelved()
    text = shelved.sealed[0].text() + b"".join(encoded.lines[0] for encoded in shelved.loose)
    return sorted(text.decode().splitlines())


def chunks(shelf: Shelf[int]) -> list[tuple[Chunk, ...]]:
    """Return the compressed pieces of each family."""
    return [segment.chunks for segment in shelf.shelved().sealed]


def new(after: tuple[Chunk, ...], before: tuple[Chunk, ...]) -> int:
    """Count the pieces that were compressed in between: neither there before, nor parts of what was."""
    known = {id(chunk) for chunk in before}
    return sum(id(chunk) not in known and id(memoryview(chunk).obj) not in known for chunk in after)


def test_resting_items_wait_until_they_fill_a_block() -> None:
    """Then their plain text is not kept."""
    shelf = filled(range(BLOCK - 1))
    assert (len(chunks(shelf)[0]), len(shelf.shelved().loose)) == (0, BLOCK - 1)
    shelf.update([(99, item(99))])
    assert (len(chunks(shelf)[0]), len(shelf.shelved().loose)) == (1, 0)


def test_moving_items_are_in_no_block() -> None:
    """They would have to be taken out again soon."""
    shelf = Shelf[int](2, block_items=BLOCK)
    shelf.update((number, item(number, resting=False)) for number in range(3 * BLOCK))
    assert (chunks(shelf)[0], len(shelf.shelved().loose)) == ((), 3 * BLOCK)


@pytest.mark.parametrize("blocks", [2, 5 * GROUP_BLOCKS])
def test_a_change_rebuilds_one_block_however_many_there_are(blocks: int) -> None:
    """And there only the family that changed."""
    shelf = filled(range(blocks * BLOCK))
    before = chunks(shelf)
    shelf.update([(3, item("changed"))])
    assert [new(*pair) for pair in zip(chunks(shelf), before, strict=True)] == [1, 0]
    assert "x changed" in texts(shelf)
    assert len(texts(shelf)) == blocks * BLOCK


def test_changes_of_one_commit_rebuild_their_block_once() -> None:
    """All of one block at once."""
    shelf = filled(range(4 * BLOCK))
    before = chunks(shelf)
    shelf.update((number, item("changed")) for number in range(BLOCK))
    assert [new(*pair) for pair in zip(chunks(shelf), before, strict=True)] == [1, 0]


def test_the_same_text_again_rebuilds_nothing() -> None:
    """A run may be told to have changed in what no series shows."""
    shelf = filled(range(4 * BLOCK))
    before = chunks(shelf)
    shelf.update([(3, item(3))])
    assert [new(*pair) for pair in zip(chunks(shelf), before, strict=True)] == [0, 0]


def test_a_change_sums_up_one_group_again() -> None:
    """The texts and checksums of the other groups are remembered."""
    shelf = filled(range(3 * GROUP_BLOCKS * BLOCK))
    before = chunks(shelf)[0]
    shelf.update([(0, item("changed"))])
    after = chunks(shelf)[0]
    assert (len(before), len(after)) == (3, GROUP_BLOCKS + 2)
    assert [one is other for one, other in zip(after[-2:], before[-2:], strict=True)] == [True, True]


def test_an_item_that_moves_again_leaves_its_block() -> None:
    """An ended run that is told to go on after all."""
    shelf = filled(range(2 * BLOCK))
    shelf.update([(3, item("moving", resting=False))])
    assert [encoded.lines[0] for encoded in shelf.shelved().loose] == [b"x moving\n"]
    assert len(texts(shelf)) == 2 * BLOCK
    shelf.update([(3, item("rests"))])
    assert texts(shelf).count("x rests") == 1
    assert len(texts(shelf)) == 2 * BLOCK


def test_removed_items_are_gone_wherever_they_were() -> None:
    """In a block, waiting, moving, or never there."""
    shelf = filled(range(BLOCK + 2))
    shelf.update([(100, item(100, resting=False))])
    shelf.update((number, None) for number in (0, BLOCK, 100, 999))
    assert texts(shelf) == sorted(f"x {number}" for number in (*range(1, BLOCK), BLOCK + 1))


def test_a_block_of_which_little_is_left_is_dissolved() -> None:
    """Or the shelf would fill up with small blocks as runs come and go."""
    shelf = filled(range(3 * BLOCK))
    shelf.update((number, None) for number in range(BLOCK - 1))
    assert (len(chunks(shelf)[0]), len(shelf.shelved().loose)) == (2, 1)
    assert texts(shelf) == sorted(f"x {number}" for number in range(BLOCK - 1, 3 * BLOCK))
    shelf.update((number, None) for number in range(3 * BLOCK))
    assert texts(shelf) == []
    assert chunks(shelf) == [(), ()]


def test_a_block_of_which_a_quarter_is_left_stays() -> None:
    shelf = filled(range(3 * BLOCK))
    shelf.update((number, None) for number in range(BLOCK - BLOCK // 4))
    assert (len(chunks(shelf)[0]), len(shelf.shelved().loose)) == (3, 0)


def test_what_is_left_of_a_block_and_does_not_fit_into_the_next_one_waits() -> None:
    """15 wait, and 3 join them: a block of 16, and 2."""
    shelf = Shelf[int](2, block_items=16)
    shelf.update((number, item(number)) for number in range(31))
    shelf.update((number, None) for number in range(13))
    assert (len(chunks(shelf)[0]), len(shelf.shelved().loose)) == (1, 2)
    assert texts(shelf) == sorted(f"x {number}" for number in range(13, 31))


@pytest.mark.parametrize("blocks", [GROUP_BLOCKS + 1, 2 * GROUP_BLOCKS])
def test_the_last_block_takes_the_place_of_a_dissolved_one(blocks: int) -> None:
    """And both groups are summed up again."""
    shelf = filled(range(blocks * BLOCK))
    shelf.shelved()
    shelf.update((number, None) for number in range(BLOCK - 1))
    assert texts(shelf) == sorted(f"x {number}" for number in range(BLOCK - 1, blocks * BLOCK))
    shelf.update([(blocks * BLOCK - 1, item("changed"))])
    assert "x changed" in texts(shelf)


def test_what_was_shelved_stays_as_it_was() -> None:
    """A scrape goes on reading it while the shelf changes."""
    shelf = filled(range(BLOCK + 1))
    shelved = shelf.shelved()
    shelf.update((number, None) for number in range(BLOCK + 1))
    assert len(shelved.sealed[0].text().splitlines()) == BLOCK
    assert len(shelved.loose) == 1


def test_it_knows_what_is_on_it() -> None:
    """In a block, waiting for one, or moving."""
    shelf = filled(range(BLOCK + 1))
    shelf.update([(99, item(99, resting=False))])
    assert [key in shelf for key in (0, BLOCK, 99, 100)] == [True, True, True, False]
