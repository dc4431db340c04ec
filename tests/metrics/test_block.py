"""A block is written once, and changed family by family."""

import pytest

from exporter.metrics.block import Block

ITEMS = {
    "a": (b"x 1\n", b"y{s=1} 0\ny{s=2} 1\n", b""),
    "b": (b"", b"y 7\n", b""),
    "c": (b"x 3\n", b"", b""),
}


def test_a_block_gives_back_what_it_was_made_of() -> None:
    """Absent and multiple lines included."""
    block = Block.of(ITEMS)
    assert block.items() == ITEMS
    assert [segment.text() for segment in block.segments] == [
        b"x 1\nx 3\n",
        b"y{s=1} 0\ny{s=2} 1\ny 7\n",
        b"",
    ]


def test_a_changed_family_alone_is_compressed_again() -> None:
    """The others share their segments with the block before."""
    block = Block.of(ITEMS)
    changed = block.changed({"b": (b"", b"y 8\n", b"")})
    assert changed.items() == {**ITEMS, "b": (b"", b"y 8\n", b"")}
    kept = [new is old for new, old in zip(changed.segments, block.segments, strict=True)]
    assert kept == [True, False, True]


def test_an_item_can_be_taken_out() -> None:
    """Its lines go with it."""
    changed = Block.of(ITEMS).changed({"a": None})
    assert changed.items() == {"b": ITEMS["b"], "c": ITEMS["c"]}
    assert changed.segments[0].text() == b"x 3\n"


def test_lines_that_move_between_items_are_told_apart() -> None:
    """The joined text may stay the same although its parts have changed."""
    changed = Block.of(ITEMS).changed({"a": (b"", *ITEMS["a"][1:]), "b": (b"x 1\n", *ITEMS["b"][1:])})
    assert changed.items() == {"a": (b"", *ITEMS["a"][1:]), "b": (b"x 1\n", b"y 7\n", b""), "c": ITEMS["c"]}


def test_items_that_are_no_neighbours_are_changed_together() -> None:
    """What stands between them stays where it is."""
    changes = {"a": (b"x 11\n", b"y 1\n", b""), "c": (b"x 33\n", b"y 3\n", b"z 3\n")}
    assert Block.of(ITEMS).changed(changes).items() == {**ITEMS, **changes}


@pytest.mark.parametrize("length", [32_768, 65_535, 65_536, 100_000])
def test_an_item_may_have_as_much_text_as_it_likes(length: int) -> None:
    """A message of an error, say."""
    items = {"long": (b"x" * length,), "short": (b"y",)}
    assert Block.of(items).items() == items
    assert Block.of({"long": (b"",), "short": (b"y",)}).changed(items).items() == items


def test_lengths_take_two_bytes_each_where_that_is_enough() -> None:
    """There are some for each series, and hundreds of thousands of series."""
    assert [lengths.itemsize for lengths in Block.of(ITEMS).lengths] == [2, 2, 2]
