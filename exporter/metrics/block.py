"""Some hundreds of items whose text is kept compressed, family by family."""

from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

from exporter.metrics.encoding import Lines
from exporter.metrics.segment import EMPTY, Segment, deflate

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Block(Generic[K]):
    """Immutable: a change makes another block, which shares the segments of the families not concerned."""

    keys: tuple[K, ...]
    lengths: tuple["array[int]", ...]
    """For each family, how many bytes of its text belong to each key: what it takes to change one item."""
    segments: tuple[Segment, ...]
    """For each family, the lines of all keys."""

    @classmethod
    def of(cls, items: Mapping[K, Lines]) -> "Block[K]":
        """Compress the items, of which there is at least one."""
        families = len(next(iter(items.values())))
        return cls._made(items, [b""] * families, [EMPTY] * families)

    def items(self) -> dict[K, Lines]:
        """Return the plain lines of every item."""
        return self._split([segment.text() for segment in self.segments])

    def changed(self, changes: Mapping[K, Lines | None]) -> "Block[K]":
        """Return the block with some of its items replaced or, where None is given, without them."""
        texts = [segment.text() for segment in self.segments]
        items = {**self._split(texts), **changes}
        kept = {key: lines for key, lines in items.items() if lines is not None}
        return self._made(kept, texts, self.segments)

    def _split(self, texts: Iterable[bytes]) -> dict[K, Lines]:
        columns = map(_split, texts, self.lengths)
        return dict(zip(self.keys, zip(*columns, strict=True), strict=True))

    @classmethod
    def _made(
        cls, items: Mapping[K, Lines], old_texts: Iterable[bytes], old_segments: Iterable[Segment]
    ) -> "Block[K]":
        columns = list(zip(*items.values(), strict=True))
        texts = [b"".join(column) for column in columns]
        return cls(
            keys=tuple(items),
            lengths=tuple(map(_lengths, columns)),
            segments=tuple(
                old if text == old_text else deflate(text)
                for text, old_text, old in zip(texts, old_texts, old_segments, strict=True)
            ),
        )


def _lengths(column: Sequence[bytes]) -> "array[int]":
    lengths = array("I", map(len, column))
    return array("H", lengths) if max(lengths) < 1 << 16 else lengths


def _split(text: bytes, lengths: Sequence[int]) -> list[bytes]:
    return [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
