"""One level's table of families together with the items that they describe."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from exporter.metrics.encoding import Growing, encode, growing_lines
from exporter.metrics.family import Family
from exporter.metrics.segment import Segment
from exporter.metrics.shelf import BLOCK_ITEMS, Item, Shelf, Shelved

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class FamilyText(NamedTuple):
    """All lines of one family but its metadata, at one scrape."""

    family: Family[Any]
    plain: bytes
    sealed: Segment


class Level(Generic[K, T]):
    """Encodes items as they change, each once per change."""

    def __init__(
        self, families: Sequence[Family[T]], rests: Callable[[T], bool], *, block_items: int = BLOCK_ITEMS
    ) -> None:
        self._families = families
        self._rests = rests
        """Tells whether an item will hardly change again."""
        self._shelf: Shelf[K] = Shelf(len(families), block_items=block_items)

    def apply(self, changes: Mapping[K, T | None]) -> None:
        """Put, replace and (None) take away items."""
        self._shelf.update((key, self._item(value)) for key, value in changes.items())

    def shelved(self) -> Shelved:
        """Return the encoded items of this moment."""
        return self._shelf.shelved()

    def _item(self, value: T | None) -> Item | None:
        return None if value is None else Item(encode(self._families, value), self._rests(value))


def family_texts(families: Sequence[Family[Any]], shelved: Shelved, now: float) -> Iterator[FamilyText]:
    """Yield the text of each family of a level."""
    growing: defaultdict[int, list[Growing]] = defaultdict(list)
    for item in shelved.loose:
        for line in item.growing:
            growing[line.family].append(line)
    for place, (family, sealed) in enumerate(zip(families, shelved.sealed, strict=True)):
        fixed = b"".join([item.lines[place] for item in shelved.loose])
        yield FamilyText(family, fixed + growing_lines(growing[place], now), sealed)
