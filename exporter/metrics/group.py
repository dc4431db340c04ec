"""Blocks that stand side by side, and the text of all of them.

Each family's text is kept in one piece, for a large scrape must not copy it; but not at any price: most
changes copy the text of their block, not of its group.
"""

from collections.abc import Hashable, Sequence
from itertools import accumulate, pairwise
from operator import is_
from typing import Generic, NamedTuple, TypeVar

from exporter.metrics.block import Block
from exporter.metrics.segment import Segment, join

K = TypeVar("K", bound=Hashable)

GROUP_BLOCKS = 64
"""Their text, of one family, is half a megabyte: handed to the socket as quickly as if it were more."""
CHANGES_UNTIL_COPIED = 8
"""So many blocks that were added or changed are worth a copy of all the group's text."""


class _Text(NamedTuple):
    """The text of one family."""

    parts: tuple[Segment, ...]
    """Block by block."""
    whole: Segment

    @classmethod
    def of(cls, parts: tuple[Segment, ...]) -> "_Text":
        """Join the blocks' segments, without a copy."""
        return cls(parts, join(parts))

    def in_one_piece(self) -> "_Text":
        """Copy the text, so that the blocks' chunks become parts of a single one."""
        copied = b"".join(self.whole.chunks)
        view = memoryview(copied)
        ends = accumulate((sum(map(len, part.chunks)) for part in self.parts), initial=0)
        return _Text(
            tuple(
                part._replace(chunks=(view[start:end],) if start < end else ())
                for part, (start, end) in zip(self.parts, pairwise(ends), strict=True)
            ),
            self.whole._replace(chunks=(copied,) if copied else ()),
        )

    def is_of(self, parts: Sequence[Segment]) -> bool:
        """Tell whether these are the very same segments."""
        return len(parts) == len(self.parts) and all(map(is_, parts, self.parts))


class Group(Generic[K]):
    """Up to GROUP_BLOCKS blocks, in the order in which they were added."""

    def __init__(self) -> None:
        self._blocks: list[Block[K]] = []
        self._texts: Sequence[_Text] = ()
        """When they were last asked for."""
        self._segments: tuple[Segment, ...] | None = None
        self._changes = 0
        """Of the blocks, since their text was copied into one piece."""

    @property
    def full(self) -> bool:
        """Whether no block can be added."""
        return len(self._blocks) == GROUP_BLOCKS

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, place: int) -> Block[K]:
        return self._blocks[place]

    def __setitem__(self, place: int, block: Block[K]) -> None:
        self._blocks[place] = block
        self._changed()

    def append(self, block: Block[K]) -> None:
        """Add a block."""
        self._blocks.append(block)
        self._changed()
        if self.full:
            self.segments()  # at once: the room that its blocks' texts took is for those of the next group

    def pop(self) -> Block[K]:
        """Take the last block away, and return it."""
        self._changed()
        return self._blocks.pop()

    def segments(self) -> tuple[Segment, ...]:
        """Return the text of all blocks, of which there is at least one, family by family."""
        if self._segments is None:
            self._join()
            if self._changes >= CHANGES_UNTIL_COPIED:
                self._copy()
            self._segments = tuple(text.whole for text in self._texts)
        return self._segments

    def _changed(self) -> None:
        self._segments = None
        self._changes += 1

    def _join(self) -> None:
        columns = list(zip(*(block.segments for block in self._blocks), strict=True))
        before = self._texts or [_Text.of(())] * len(columns)
        self._texts = [
            text if text.is_of(parts) else _Text.of(parts)
            for text, parts in zip(before, columns, strict=True)
        ]

    def _copy(self) -> None:
        self._changes = 0
        self._texts = [text if len(text.whole.chunks) == 1 else text.in_one_piece() for text in self._texts]
        columns: list[tuple[Segment, ...]] = list(zip(*(text.parts for text in self._texts), strict=True))
        self._blocks = [
            Block(block.keys, block.lengths, segments)
            for block, segments in zip(self._blocks, columns, strict=True)
        ]
