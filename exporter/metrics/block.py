"""Some hundreds of items whose text is kept compressed, family by family."""

from array import array
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

from exporter.metrics.encoding import Column, Lines
from exporter.metrics.segment import Segment, deflate

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


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
        columns = zip(*items.values(), strict=True)
        return cls.of_columns(
            tuple(items), [Column(b"".join(lines), list(map(len, lines))) for lines in columns]
        )

    @classmethod
    def of_columns(cls, keys: tuple[K, ...], columns: Sequence[Column]) -> "Block[K]":
        """Compress what each family says of the items with these keys, of which there is at least one."""
        return cls(
            keys=keys,
            lengths=tuple(_lengths(column.lengths) for column in columns),
            segments=tuple(deflate(column.text) for column in columns),
        )

    def items(self) -> dict[K, Lines]:
        """Return the plain lines of every item."""
        columns = [
            [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
            for text, lengths in zip([segment.text() for segment in self.segments], self.lengths, strict=True)
        ]
        return dict(zip(self.keys, zip(*columns, strict=True), strict=True))

    def changed(self, changes: Mapping[K, Lines | None]) -> "Block[K]":
        """Return the block with some of its items replaced or, where None is given, without them."""
        places = {key: place for place, key in enumerate(self.keys)}
        by_place = sorted((places[key], lines) for key, lines in changes.items())
        gone = {place for place, lines in by_place if lines is None}
        families = [
            _changed(
                segment, lengths, [(place, lines[family] if lines else b"") for place, lines in by_place]
            )
            for family, (segment, lengths) in enumerate(zip(self.segments, self.lengths, strict=True))
        ]
        if not gone:
            return Block(self.keys, *zip(*families, strict=True))
        return Block(
            keys=_without(gone, self.keys),
            lengths=tuple(_lengths(_without(gone, lengths)) for lengths, _ in families),
            segments=tuple(segment for _, segment in families),
        )


def _changed(
    segment: Segment, lengths: "array[int]", changes: Sequence[tuple[int, bytes]]
) -> tuple["array[int]", Segment]:
    """Return one family's lengths and text, with the text of some items, in their order, replaced."""
    text = segment.text()
    pieces: list[bytes] = []
    new_lengths = list(lengths)
    copied = item = end = 0
    for place, new in changes:
        start = end + sum(lengths[item:place])
        item, end = place + 1, start + lengths[place]
        if text[start:end] != new:
            pieces += (text[copied:start], new)
            new_lengths[place] = len(new)
            copied = end
    if not pieces:
        return lengths, segment
    return _lengths(new_lengths), deflate(b"".join((*pieces, text[copied:])))


def _lengths(lengths: Sequence[int]) -> "array[int]":
    return array("H" if max(lengths) < 1 << 16 else "I", lengths)


def _without(places: Container[int], values: Sequence[V]) -> tuple[V, ...]:
    return tuple(value for place, value in enumerate(values) if place not in places)
