"""The text of many items, kept as compressed blocks that can be joined into one gzip file.

Items that may still change are kept as text. As soon as 256 final ones have gathered, they become a block:
one segment of raw deflate for each family. A change of a final item rebuilds its block.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Generic, NamedTuple, TypeVar

from isal import isal_zlib

from exporter.metrics.text import Family, Format, Labels, Lines, LiveLine, Rendered, metadata, render

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

BLOCK_ITEMS = 256
"""Half as many compress a fiftieth worse; twice as many make a change take twice as long."""
SLICE_BYTES = 256 << 10
"""Sent at once. Larger allocations are mapped by glibc, and new pages cost more than the copy itself."""

_COMPRESSION = 1
"""A level of ISA-L, from 0 to 3: 3 takes three times as long for the same size."""
_FAST_COMPRESSION = 0
"""Takes a tenth of the time; the result is half as large again."""
_RAW = -isal_zlib.MAX_WBITS
_GZIP = 16 + isal_zlib.MAX_WBITS
_INFLATED_BYTES = 64 << 10
"""Compressed bytes that are inflated at once: zlib copies what it has not used yet."""


class Segment(NamedTuple):
    """A text as raw deflate that ends on a byte boundary, without a final block.

    So segments can follow each other in one gzip member: some clients read only the first of several.
    """

    chunks: tuple[bytes, ...]
    crc: int
    """CRC-32 of the plain text."""
    length: int
    """Bytes of the plain text."""
    size: int
    """Compressed bytes."""


EMPTY = Segment((), 0, 0, 0)
GZIP_HEADER = Segment((b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",), 0, 0, 10)
"""What a gzip file begins with, as the segment of no text."""


def deflate(text: bytes, level: int = _COMPRESSION) -> Segment:
    """Compress a text."""
    if not text:
        return EMPTY
    compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _RAW)
    chunk = compressor.compress(text) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Segment((chunk,), isal_zlib.crc32(text), len(text), len(chunk))


def join(segments: Iterable[Segment]) -> Segment:
    """Return the joined texts. The chunks are not copied."""
    crc = length = size = 0
    chunks: list[bytes] = []
    for segment in segments:
        if segment.length:
            crc = isal_zlib.crc32_combine(crc, segment.crc, segment.length)
            length += segment.length
        size += segment.size
        chunks += segment.chunks
    return Segment(tuple(chunks), crc, length, size)


def gzip_end(begun: Segment, text: bytes) -> bytes:
    """Return the last text of the gzip file that begins so, compressed, and its trailer."""
    last = deflate(text, _FAST_COMPRESSION)
    crc = isal_zlib.crc32_combine(begun.crc, last.crc, last.length) if text else begun.crc
    size = (begun.length + last.length) & 0xFFFFFFFF
    return b"".join((*last.chunks, b"\x03\x00", crc.to_bytes(4, "little"), size.to_bytes(4, "little")))


def slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small chunks, each slice only as it is sent. A large chunk is not copied."""
    small: list[bytes] = []
    size = 0
    for chunk in chunks:
        if small and size + len(chunk) > SLICE_BYTES:
            yield b"".join(small)
            small, size = [], 0
        small.append(chunk)
        size += len(chunk)
    if small:
        yield b"".join(small)


def inflate(chunks: Iterable[bytes], *, wbits: int = _GZIP) -> Iterator[bytes]:
    """Yield the plain text of a gzip file, which may lack its end, in parts of SLICE_BYTES at most."""
    inflater = isal_zlib.decompressobj(wbits)
    for chunk in slices(chunks):
        for start in range(0, len(chunk), _INFLATED_BYTES):
            text = inflater.decompress(memoryview(chunk)[start : start + _INFLATED_BYTES], SLICE_BYTES)
            while text:
                yield text
                text = inflater.decompress(inflater.unconsumed_tail, SLICE_BYTES)


def _array(lengths: Sequence[int]) -> "array[int]":
    """Return the lengths, which are nearly always short, in two bytes each, or else in four."""
    return array("H" if max(lengths) < 1 << 16 else "I", lengths)


class Block(Generic[K]):
    """Some items' lines, compressed family by family. Immutable."""

    __slots__ = ("_keys", "_lengths", "segments")

    def __init__(self, items: Mapping[K, Lines]) -> None:
        """``items``: at least one."""
        columns = list(zip(*items.values(), strict=True))
        self._keys = tuple(items)
        self._lengths = tuple(_array(list(map(len, column))) for column in columns)
        self.segments = tuple(deflate(b"".join(column)) for column in columns)

    def items(self) -> dict[K, Lines]:
        """Return the lines of every item."""
        texts = [b"".join(inflate(segment.chunks, wbits=_RAW)) for segment in self.segments]
        columns = [
            [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
            for text, lengths in zip(texts, self._lengths, strict=True)
        ]
        return dict(zip(self._keys, zip(*columns, strict=True), strict=True))


class Sealed:
    """The blocks of one moment."""

    def __init__(self, families: int, blocks: Iterable[Block[Any]]) -> None:
        self._families = families
        self._blocks = tuple(blocks)

    @cached_property
    def segments(self) -> Sequence[Segment]:
        """The text of each family, joined when it is first needed: not every commit is scraped."""
        columns = zip(*(block.segments for block in self._blocks), strict=True)
        return [join(column) for column in columns] or [EMPTY] * self._families


@dataclass(frozen=True, slots=True)
class LevelSnapshot:
    """The text of a level at one moment."""

    families: Sequence[Family[Any]]
    sealed: Sealed
    loose: tuple[Rendered, ...]
    """Items that are in no block."""

    @property
    def live(self) -> Sequence[LiveLine]:
        """More lines of the last family."""
        return [line for item in self.loose for line in item.live]

    def segments(self, form: Format) -> Iterator[Segment]:
        """Yield all but the live lines; no family without a sample."""
        with_live_lines = self.families[-1] if self.live else None
        for place, (family, sealed) in enumerate(zip(self.families, self.sealed.segments, strict=True)):
            text = b"".join([item.lines[place] for item in self.loose])
            if text or sealed.length or family is with_live_lines:
                yield deflate(metadata(family, form) + text)
                yield sealed


class Level(Generic[K, T]):
    """One table of families and the items that they describe. Not safe for several threads."""

    def __init__(
        self,
        families: Sequence[Family[T]],
        labels: Callable[[T], Labels],
        is_final: Callable[[T], bool],
        block_items: int,
    ) -> None:
        """``labels``: of most of an item's series; ``is_final``: whether it will hardly change again."""
        self._families = families
        self._labels = labels
        self._is_final = is_final
        self._block_items = block_items
        self._active: dict[K, Rendered] = {}
        self._waiting: dict[K, Rendered] = {}
        """Final items until there are enough for a block."""
        self._blocks: dict[int, Block[K]] = {}
        self._block_of: dict[K, int] = {}
        self._next_block = 0
        self._sealed: Sealed | None = None
        """The present blocks; None after they have changed."""

    def apply(self, changes: Mapping[K, T | None]) -> None:
        """Add, replace and (None) remove items. Each is rendered once."""
        in_blocks: defaultdict[int, dict[K, T | None]] = defaultdict(dict)
        for key, item in changes.items():
            if (number := self._block_of.get(key)) is None:
                self._put(key, item)
            else:
                in_blocks[number][key] = item
        for number, changed in in_blocks.items():
            self._change_block(number, changed)

    def snapshot(self) -> LevelSnapshot:
        """Return the text of this moment."""
        if self._sealed is None:
            self._sealed = Sealed(len(self._families), self._blocks.values())
        return LevelSnapshot(self._families, self._sealed, (*self._active.values(), *self._waiting.values()))

    def _render(self, item: T) -> Rendered:
        return render(self._families, item, self._labels(item))

    def _put(self, key: K, item: T | None) -> None:
        self._active.pop(key, None)
        self._waiting.pop(key, None)
        if item is None:
            return
        rendered = self._render(item)
        if self._is_final(item):
            self._wait(key, rendered)
        else:
            self._active[key] = rendered

    def _wait(self, key: K, rendered: Rendered) -> None:
        self._waiting[key] = rendered
        if len(self._waiting) < self._block_items:
            return
        self._blocks[self._next_block] = Block({key: item.lines for key, item in self._waiting.items()})
        self._block_of.update(dict.fromkeys(self._waiting, self._next_block))
        self._next_block += 1
        self._waiting = {}
        self._sealed = None

    def _change_block(self, number: int, changes: Mapping[K, T | None]) -> None:
        items = self._blocks[number].items()
        for key, item in changes.items():
            if item is not None and self._is_final(item):
                items[key] = self._render(item).lines
            else:
                del items[key], self._block_of[key]
                self._put(key, item)
        self._sealed = None
        if len(items) >= self._block_items // 4:
            self._blocks[number] = Block(items)
            return
        # Few are left: they wait for others, or there would be more and more small blocks.
        del self._blocks[number]
        for key, lines in items.items():
            del self._block_of[key]
            self._wait(key, Rendered(lines))
