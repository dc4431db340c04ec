"""The text of many items of one level, so kept that changing and sending it is cheap.

Items that rest are kept in compressed blocks, whose segments a scrape sends as they are. A change costs
the work of its own block, and a few multiplications for the checksums of all: blocks have their place
in groups, and each group remembers its sum.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from exporter.metrics.block import Block
from exporter.metrics.encoding import Column, Encoded, Lines
from exporter.metrics.group import GROUP_BLOCKS, Group
from exporter.metrics.segment import EMPTY, Segment, join

K = TypeVar("K", bound=Hashable)

BLOCK_ITEMS = 256
"""Half as many compress a fiftieth worse, twice as many make a change twice as dear."""


class Item(NamedTuple):
    """What is put on the shelf under a key."""

    encoded: Encoded
    resting: bool
    """Whether it will hardly change again. Such an item has no growing lines."""


class Shelved(NamedTuple):
    """What is on the shelf at one moment; immutable."""

    sealed: tuple[Segment, ...]
    """For each family, the lines of all blocks."""
    loose: tuple[Encoded, ...]
    """The items that are in no block."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where a block stands. The block is replaced as its items change, the place lasts."""

    number: int


class Shelf(Generic[K]):
    """Items by key, each once. Not safe for several threads; what ``shelved`` returns is."""

    def __init__(self, families: int, *, block_items: int = BLOCK_ITEMS) -> None:
        self._families = families
        self._block_items = block_items
        self._moving: dict[K, Encoded] = {}
        self._waiting: dict[K, Encoded] = {}
        """Resting items until they fill a block."""
        self._place_of: dict[K, _Place] = {}
        self._places: list[_Place] = []
        self._groups: list[Group[K]] = []
        """What stands in the places; all but the last one are full."""
        self._sealed: tuple[Segment, ...] | None = None
        """The joined segments of all groups, while they are known: most changes are of items in no block."""

    def update(self, changes: Iterable[tuple[K, Item | None]]) -> None:
        """Put, replace and (None) take away items, each key once. Each block concerned is rebuilt once."""
        in_blocks: dict[_Place, dict[K, Lines | None]] = {}
        for key, item in changes:
            place = self._place_of.get(key)
            if place is None:
                self._put_loose(key, item)
            elif item is not None and item.resting:
                in_blocks.setdefault(place, {})[key] = item.encoded.lines
            else:
                in_blocks.setdefault(place, {})[key] = None
                del self._place_of[key]
                self._put_loose(key, item)
            self._seal()
        for place, changed in in_blocks.items():
            self._change_block(place, changed)
            self._seal()

    def __contains__(self, key: K) -> bool:
        return key in self._place_of or key in self._waiting or key in self._moving

    def add_block(self, keys: tuple[K, ...], columns: Sequence[Column]) -> None:
        """Put resting items, as many as a block holds, none of which is on the shelf, family by family."""
        self._put_block(Block.of_columns(keys, columns))

    def shelved(self) -> Shelved:
        """Return what is on the shelf now."""
        if self._sealed is None:
            groups = [group.segments() for group in self._groups]
            self._sealed = tuple(map(join, zip(*groups, strict=True))) or (EMPTY,) * self._families
        return Shelved(self._sealed, (*self._moving.values(), *self._waiting.values()))

    def _put_block(self, block: Block[K]) -> None:
        place = _Place(len(self._places))
        self._places.append(place)
        if not self._groups or self._groups[-1].full:
            self._groups.append(Group())
        self._groups[-1].append(block)
        self._sealed = None
        self._place_of.update(dict.fromkeys(block.keys, place))

    def _put_loose(self, key: K, item: Item | None) -> None:
        self._moving.pop(key, None)
        self._waiting.pop(key, None)
        if item is not None:
            (self._waiting if item.resting else self._moving)[key] = item.encoded

    def _change_block(self, place: _Place, changes: Mapping[K, Lines | None]) -> None:
        group, number = self._standing(place)
        block = group[number]
        remaining = len(block.keys) - sum(lines is None for lines in changes.values())
        if remaining >= self._block_items // 4:
            group[number] = block.changed(changes)
            self._sealed = None
            return
        # Few are left: they wait for others, or the shelf would fill up with small blocks.
        for key, lines in {**block.items(), **changes}.items():
            if lines is not None:
                del self._place_of[key]
                self._waiting[key] = Encoded(lines, ())
        self._take_out(place)

    def _seal(self) -> None:
        """Make blocks of what waits, as soon as there is enough: plain text takes seven times the room."""
        while len(self._waiting) >= self._block_items:
            self._add_block()

    def _add_block(self) -> None:
        chosen = {key: self._waiting[key].lines for key in islice(self._waiting, self._block_items)}
        self._put_block(Block.of(chosen))
        for key in chosen:
            del self._waiting[key]

    def _take_out(self, place: _Place) -> None:
        """Have the last block fill the gap."""
        last, block = self._places.pop(), self._groups[-1].pop()
        if not self._groups[-1]:
            self._groups.pop()
        self._sealed = None
        if last is not place:
            last.number = place.number
            self._places[last.number] = last
            group, number = self._standing(last)
            group[number] = block

    def _standing(self, place: _Place) -> tuple[Group[K], int]:
        """Return the group in which the block stands, and where it stands there."""
        number, within = divmod(place.number, GROUP_BLOCKS)
        return self._groups[number], within
