"""One level's table of families together with the items that they describe."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from exporter.metrics.encoding import Format, Growing, Grown, encode, encode_resting, metadata
from exporter.metrics.family import Family
from exporter.metrics.segment import Segment
from exporter.metrics.shelf import BLOCK_ITEMS, Item, Shelf, Shelved

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
F = TypeVar("F")

Piece: TypeAlias = bytes | Segment
"""Plain text, or sealed."""


class Level(Generic[K, T, F]):
    """Encodes items as they change, each once per change."""

    def __init__(
        self,
        families: Sequence[Family[F]],
        read: Callable[[T], F],
        rests: Callable[[T], bool],
        *,
        block_items: int = BLOCK_ITEMS,
    ) -> None:
        self._families = families
        self._read = read
        """Makes what the families read of what the store tells."""
        self._rests = rests
        """Tells whether an item will hardly change again."""
        self._block_items = block_items
        self._shelf: Shelf[K] = Shelf(len(families), block_items=block_items)

    def apply(self, changes: Mapping[K, T | None]) -> None:
        """Put, replace and (None) take away items."""
        self._shelf.update(self._encoded(changes))

    def text(self) -> "LevelText":
        """Return the encoded items of this moment."""
        return LevelText(self._families, self._shelf.shelved())

    def _encoded(self, changes: Mapping[K, T | None]) -> Iterator[tuple[K, Item | None]]:
        """Yield what changes one by one; resting items that are new are shelved block by block instead."""
        new: dict[K, T] = {}
        for key, value in changes.items():
            if value is None:
                yield key, None
            elif not self._rests(value) or key in self._shelf:
                yield key, self._item(value)
            else:
                new[key] = value
                if len(new) == self._block_items:
                    figures = [self._read(one) for one in new.values()]
                    self._shelf.add_block(tuple(new), encode_resting(self._families, figures))
                    new.clear()
        for key, value in new.items():
            yield key, self._item(value)

    def _item(self, value: T) -> Item:
        return Item(encode(self._families, self._read(value)), self._rests(value))


class LevelText:
    """What a level says as long as nothing is applied to it; only growing lines differ between scrapes."""

    def __init__(self, families: Sequence[Family[Any]], shelved: Shelved) -> None:
        self._families = families
        self.shelved = shelved

    def pieces(self, form: Format) -> Iterator[Piece | Grown]:
        """Yield sealed segments, and between them what is plain; no family without a sample.

        Growing lines are pieces of their own, the last ones of their family.
        """
        growing: defaultdict[int, list[Growing]] = defaultdict(list)
        for item in self.shelved.loose:
            for line in item.growing:
                growing[line.family].append(line)
        for place, (family, sealed) in enumerate(zip(self._families, self.shelved.sealed, strict=True)):
            lines = [item.lines[place] for item in self.shelved.loose]
            if any(lines) or place in growing or sealed.length:
                yield b"".join((metadata(family, form), *lines))
                yield sealed
            if place in growing:
                yield Grown.of(growing[place])
