"""Blocks side by side: where it pays, their text is one piece, and theirs are parts of it."""

from exporter.metrics.block import Block
from exporter.metrics.group import CHANGES_UNTIL_COPIED, GROUP_BLOCKS, Group
from exporter.metrics.segment import Chunk


def block(number: int, value: object = "first") -> Block[int]:
    """Return a block of one item: of three families one changes, one never does, and one has no text."""
    return Block.of({number: (f"x {number} {value}\n".encode(), f"y {number}\n".encode(), b"")})


def filled(blocks: int = GROUP_BLOCKS) -> Group[int]:
    """Return a group of so many blocks."""
    group = Group[int]()
    for number in range(blocks):
        group.append(block(number))
    return group


def chunks(group: Group[int]) -> list[tuple[Chunk, ...]]:
    """Return the compressed pieces of each family."""
    return [segment.chunks for segment in group.segments()]


def pieces(group: Group[int]) -> list[int]:
    """Return in how many pieces each family's text is."""
    return list(map(len, chunks(group)))


def lines(group: Group[int], family: int = 0) -> list[str]:
    """Return the lines of a family."""
    return group.segments()[family].text().decode().splitlines()


def all_in(chunk: Chunk, group: Group[int], family: int) -> bool:
    """Tell whether each block's text of this family is a part of that one."""
    views = [one for number in range(len(group)) for one in group[number].segments[family].chunks]
    return all(isinstance(view, memoryview) and view.obj is chunk for view in views)


def test_while_a_group_fills_up_it_is_copied_now_and_then() -> None:
    """With every eighth block, if it is asked for."""
    group = Group[int]()
    parts: list[int] = []
    for number in range(2 * CHANGES_UNTIL_COPIED):
        group.append(block(number))
        parts.append(pieces(group)[0])
    assert parts == [1, 2, 3, 4, 5, 6, 7, 1, 9, 10, 11, 12, 13, 14, 15, 1]
    assert lines(group) == [f"x {number} first" for number in range(2 * CHANGES_UNTIL_COPIED)]


def test_a_group_that_nobody_asks_for_is_copied_once_when_it_is_full() -> None:
    """The room that its blocks' texts took is for those of the next one."""
    group = filled(GROUP_BLOCKS - 1)
    kinds = [type(group[0].segments[0].chunks[0])]
    group.append(block(GROUP_BLOCKS - 1))
    kinds.append(type(group[0].segments[0].chunks[0]))
    assert kinds == [bytes, memoryview]


def test_a_full_group_keeps_each_text_once_and_in_one_piece() -> None:
    """Of its blocks nothing else is kept: the text is the largest part of what a run takes."""
    group = filled()
    assert group.full
    assert pieces(group) == [1, 1, 0]
    (first,), (second,), _ = chunks(group)
    assert all_in(first, group, 0)
    assert all_in(second, group, 1)
    assert lines(group) == [f"x {number} first" for number in range(GROUP_BLOCKS)]
    assert [group[number].items() for number in (0, 63)] == [block(0).items(), block(63).items()]


def test_one_changed_block_copies_nothing() -> None:
    """And what has not changed stays in one piece."""
    group = filled()
    before = chunks(group)
    group[5] = group[5].changed({5: (b"x 5 second\n", b"y 5\n", b"")})
    after = chunks(group)
    assert pieces(group) == [GROUP_BLOCKS, 1, 0]
    assert after[1] is before[1]
    assert lines(group)[4:7] == ["x 4 first", "x 5 second", "x 6 first"]


def test_many_changes_are_worth_a_copy() -> None:
    """Until then each scrape copies the text instead. What is in one piece still is not copied again."""
    group = filled()
    unchanged = group.segments()[1]
    for number in range(CHANGES_UNTIL_COPIED):
        assert pieces(group) == [GROUP_BLOCKS if number else 1, 1, 0]
        group[number] = group[number].changed({number: (b"x changed\n", f"y {number}\n".encode(), b"")})
    assert pieces(group) == [1, 1, 0]
    assert all_in(chunks(group)[0][0], group, 0)
    assert group.segments()[1] is unchanged
    assert lines(group) == ["x changed"] * 8 + [f"x {number} first" for number in range(8, GROUP_BLOCKS)]


def test_after_a_copy_changes_are_counted_anew() -> None:
    group = filled()
    for number in range(CHANGES_UNTIL_COPIED + 1):
        group[number] = block(number, "second")
        group.segments()
    assert pieces(group)[0] == GROUP_BLOCKS


def test_a_block_without_text_of_a_family_has_no_part_of_it() -> None:
    """Runs that have not started, say, among others."""
    group = Group[int]()
    for number in range(CHANGES_UNTIL_COPIED):
        group.append(Block.of({number: (b"x\n" if number % 2 else b"",)}))
    assert pieces(group) == [1]
    assert [len(group[number].segments[0].chunks) for number in range(4)] == [0, 1, 0, 1]


def test_blocks_that_change_places_change_the_text() -> None:
    """Although it consists of the same parts."""
    group = filled()
    group[0], group[1] = group[1], group[0]
    assert lines(group)[:3] == ["x 1 first", "x 0 first", "x 2 first"]
    assert lines(group, family=1)[:3] == ["y 1", "y 0", "y 2"]


def test_the_last_block_can_be_taken_away_and_another_one_added() -> None:
    group = filled()
    assert group.pop().items() == block(GROUP_BLOCKS - 1).items()
    assert len(group) == GROUP_BLOCKS - 1
    assert lines(group) == [f"x {number} first" for number in range(GROUP_BLOCKS - 1)]
    assert not group.full
    group.append(block(99))
    assert lines(group)[-2:] == ["x 62 first", "x 99 first"]


def test_what_is_joined_is_remembered() -> None:
    group = filled(3)
    assert group.segments() is group.segments()
