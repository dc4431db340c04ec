"""Blocks of text as one file, so that what a stop leaves need not be encoded again at the next start.

It holds nothing that cannot be made anew. The stamp tells what it was made from; a file that was written in
another way, or is damaged anywhere, is refused as a whole.
"""

import json
import sys
from array import array
from collections.abc import Iterable, Sequence
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple, TypeAlias

from exporter.metrics.block import Block
from exporter.metrics.segment import EMPTY, Segment

_FORMAT = f"kept blocks 2 {sys.byteorder}"


Place: TypeAlias = tuple[str, str]
"""Region and ID of a catalog."""


class KeptBlock(NamedTuple):
    """A block of runs of one catalog."""

    place: Place
    block: Block[str]
    """By run ID."""


class Kept(NamedTuple):
    """What a file holds."""

    stamp: str
    blocks: Sequence[KeptBlock]


class UnusableBlocksError(Exception):
    """What is kept was written in another way, or is damaged."""


def dump(kept: Iterable[KeptBlock], stamp: str) -> Sequence[bytes | memoryview]:
    """Return the parts of the file, one after the other: the blocks' own chunks, for they may be large."""
    index, body = [], list[bytes | memoryview]()
    for place, block in kept:
        index.append(
            (
                place,
                block.keys,
                [lengths.typecode for lengths in block.lengths],
                [(one.crc, one.length, sum(map(len, one.chunks))) for one in block.segments],
            )
        )
        body += [lengths.tobytes() for lengths in block.lengths]
        body += [chunk for segment in block.segments for chunk in segment.chunks]
    content = [json.dumps(index).encode(), b"\n", *body]
    return [_head(stamp, content), *content]


def load(file: bytes) -> Kept:
    """Return what was kept, and the stamp to compare. Raises UnusableBlocksError."""
    rest = BytesIO(file)
    head = rest.readline()
    stamp = _stamp(head)
    if head != _head(stamp, [memoryview(file)[len(head) :]]):
        raise UnusableBlocksError
    blocks = [
        KeptBlock(
            (region, catalog_id),
            Block(
                keys=tuple(run_ids),
                lengths=tuple([_lengths(rest, typecode, len(run_ids)) for typecode in typecodes]),
                segments=tuple([_segment(rest, *one) for one in segments]),
            ),
        )
        for (region, catalog_id), run_ids, typecodes, segments in json.loads(rest.readline())
    ]
    return Kept(stamp, blocks)


def _lengths(rest: BytesIO, typecode: str, count: int) -> "array[int]":
    lengths = array(typecode)
    lengths.frombytes(rest.read(count * lengths.itemsize))
    return lengths


def _segment(rest: BytesIO, crc: int, length: int, compressed: int) -> Segment:
    return Segment((rest.read(compressed),), crc, length) if compressed else EMPTY


def _stamp(head: bytes) -> str:
    try:
        _, stamp, _ = json.loads(head)
    except (ValueError, TypeError) as error:
        raise UnusableBlocksError from error
    return str(stamp)


def _head(stamp: str, content: Iterable[bytes | memoryview]) -> bytes:
    digest = sha256(stamp.encode(errors="surrogatepass"))
    for part in content:
        digest.update(part)
    return f"{json.dumps([_FORMAT, stamp, digest.hexdigest()])}\n".encode()
