"""Compressed texts that can be joined in any order into one gzip member.

A segment is raw deflate that begins with an empty window and ends on a byte boundary without a final
block, so segments stand one after the other in one stream. (Whole gzip members could be joined as well,
but several clients read only the first.)
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from isal import isal_zlib

_FINAL_BLOCK = b"\x03\x00"
_RAW = -isal_zlib.MAX_WBITS
_LEVEL = 1
"""Of ISA-L, from 0 to 3: 3 takes three times as long for the same size."""
_LEVEL_FOR_ONCE = 0
"""Makes texts half as large again in a tenth of the time: it needs no memory that has to be cleared first."""
_STORED_AT_ONCE = (1 << 16) - 1
"""Bytes, in a block of deflate that holds them as they are."""
_INFLATED_AT_ONCE = 64 << 10
"""Compressed bytes; some ten times as much comes of them."""

Chunk: TypeAlias = bytes | memoryview
"""By itself, or a part of a larger one."""


class Segment(NamedTuple):
    """A text as raw deflate."""

    chunks: tuple[Chunk, ...]
    """Each can be inflated by itself."""
    crc: int
    """CRC-32 of the plain text."""
    length: int
    """Bytes of the plain text."""

    def inflate(self) -> Iterator[bytes]:
        """Yield the plain text in parts of moderate size."""
        for chunk in self.chunks:
            inflater = isal_zlib.decompressobj(_RAW)
            for start in range(0, len(chunk), _INFLATED_AT_ONCE):
                yield inflater.decompress(chunk[start : start + _INFLATED_AT_ONCE])

    def text(self) -> bytes:
        """Return the plain text at once."""
        return b"".join(self.inflate())


EMPTY = Segment((), 0, 0)
GZIP_HEADER = Segment((b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",), 0, 0)
"""What a gzip file begins with, as the segment of no text: so it is joined with what follows."""


def deflate(text: bytes, *, for_once: bool = False) -> Segment:
    """Compress a text; ``for_once``: quickly, for it is sent once and then forgotten."""
    if not text:
        return EMPTY
    level = _LEVEL_FOR_ONCE if for_once else _LEVEL
    compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _RAW)
    chunk = compressor.compress(text) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Segment((chunk,), isal_zlib.crc32(text), len(text))


def store(text: bytes) -> Segment:
    """Put a text as it is among compressed ones: that takes next to no time."""
    if not text:
        return EMPTY
    blocks: list[bytes] = []
    for start in range(0, len(text), _STORED_AT_ONCE):
        block = text[start : start + _STORED_AT_ONCE]
        blocks += (b"\x00", struct.pack("<HH", len(block), len(block) ^ 0xFFFF), block)
    return Segment((b"".join(blocks),), isal_zlib.crc32(text), len(text))


def join(segments: Iterable[Segment]) -> Segment:
    """Return the segment of the joined texts: a few operations per part, however long they are."""
    chunks: list[Chunk] = []
    checksum, length = 0, 0
    for part in segments:
        chunks += part.chunks
        if part.length:
            checksum = isal_zlib.crc32_combine(checksum, part.crc, part.length)
            length += part.length
    return Segment(tuple(chunks), checksum, length)


def gzip_trailer(content: Segment) -> bytes:
    """Return what ends the gzip file that holds the content, after GZIP_HEADER."""
    return _FINAL_BLOCK + struct.pack("<LL", content.crc, content.length & 0xFFFFFFFF)
