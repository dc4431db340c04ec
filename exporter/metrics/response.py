"""The body of a scrape, put together from plain and compressed pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import is_
from typing import NamedTuple

from exporter.metrics.encoding import Format, Grown
from exporter.metrics.level import LevelText, Piece
from exporter.metrics.segment import GZIP_HEADER, Chunk, Segment, deflate, gzip_trailer, join, store

_CHUNK_BYTES = 4 << 20
"""Few large chunks: the interpreter changes threads between chunks, and may have to wait to come back."""
_PLAIN_CHUNK_BYTES = 2 << 20
"""Smaller, for these are made only to be sent: a client that takes its time keeps no more than three."""
_LARGE_PART_BYTES = 256 << 10
"""To copy so much takes longer than to hand it to the socket by itself."""

_END_OF_OPENMETRICS = b"# EOF\n"


class Scrape(NamedTuple):
    """An answer, ready to be sent."""

    content_type: str
    content_encoding: str | None
    """``gzip``, or None for plain bytes."""
    length: int
    """Bytes of the body as it is sent."""
    chunks: Iterator[bytes]
    """The body, to be read once. Plain bytes are inflated on the way, so that they are never held at once."""

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks)


class ScrapeCache:
    """Remembers what the last scrape was made of: most of it is the same at the next one."""

    def __init__(self) -> None:
        self._last: dict[Format, _Last] = {}

    def parts(self, form: Format, levels: Sequence[LevelText]) -> Sequence[Segment | Grown]:
        """Return a gzip file up to what follows the levels; what does not grow is compressed and joined.

        While the levels are the same, there is nothing to do; where one has changed, what follows each other
        as it did in the last scrape is joined only once.
        """
        last = self._last.get(form)
        if last is None or not all(map(is_, levels, last.levels)):
            last = self._last[form] = _made(form, tuple(levels), last or _NOTHING)
        return last.parts


class _Last(NamedTuple):
    """One scrape's parts, and what they were made from."""

    levels: Sequence[LevelText]
    parts: Sequence[Segment | Grown]
    compressed: Mapping[bytes, Segment]
    """By plain text."""
    segments: Mapping[int, Segment]
    """By identity: to compare their contents would take longer than to join them. The segments themselves
    are here so that nothing else gets their identities."""
    stretches: Mapping[tuple[int, ...], Segment]
    """What was joined of them, by their identities."""


_NOTHING = _Last((), (), {}, {}, {})


def _made(form: Format, levels: Sequence[LevelText], last: _Last) -> _Last:
    pieces = [GZIP_HEADER, *(piece for level in levels for piece in level.pieces(form))]
    compressed = {
        piece: last.compressed.get(piece) or deflate(piece) for piece in pieces if isinstance(piece, bytes)
    }
    sealed = [compressed[piece] if isinstance(piece, bytes) else piece for piece in pieces]
    parts: list[Segment | Grown] = []
    stretches: dict[tuple[int, ...], Segment] = {}
    for _, group in groupby(sealed, key=lambda piece: (isinstance(piece, Grown), id(piece) in last.segments)):
        alike = tuple(group)
        if stretch := [piece for piece in alike if isinstance(piece, Segment)]:
            key = tuple(map(id, stretch))
            stretches[key] = last.stretches.get(key) or _in_one_chunk(join(stretch))
            parts.append(stretches[key])
        else:
            parts += alike
    segments = {id(piece): piece for piece in sealed if isinstance(piece, Segment)}
    return _Last(levels, parts, compressed, segments, stretches)


def respond(
    levels: Sequence[LevelText], more: bytes, form: Format, now: float, *, gzip: bool, cache: ScrapeCache
) -> Scrape:
    """Build the answer from the text of all levels, and that of ``more`` families."""
    if form is Format.OPENMETRICS:
        more += _END_OF_OPENMETRICS
    if not gzip:
        plain = [_at(piece, now) for level in levels for piece in level.pieces(form)]
        length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in (*plain, more))
        return Scrape(
            form.value, None, length, _in_large_chunks(_inflated((*plain, more)), _PLAIN_CHUNK_BYTES)
        )
    segments = [
        deflate(part.at(now), for_once=True) if isinstance(part, Grown) else part
        for part in cache.parts(form, levels)
    ]
    # What more there is changes whenever a clock of the process ticks.
    sealed = join((*segments, store(more)))
    chunks = (*sealed.chunks, gzip_trailer(sealed))
    return Scrape(form.value, "gzip", sum(map(len, chunks)), _in_large_chunks(chunks, _CHUNK_BYTES))


def _at(piece: Piece | Grown, now: float) -> Piece:
    return piece.at(now) if isinstance(piece, Grown) else piece


def _in_one_chunk(segment: Segment) -> Segment:
    """Spare the next scrapes the copy, where it is small enough to be kept twice."""
    if sum(map(len, segment.chunks)) > _CHUNK_BYTES:
        return segment
    return segment._replace(chunks=(b"".join(segment.chunks),))


def _inflated(pieces: Iterable[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.inflate()


def _in_large_chunks(parts: Iterable[Chunk], most: int) -> Iterator[bytes]:
    """Join small parts; what is large already is sent as it is."""
    chunk: list[Chunk] = []
    size = 0
    for part in parts:
        if len(part) >= _LARGE_PART_BYTES or size + len(part) > most:
            if chunk:
                yield b"".join(chunk)
            chunk, size = [], 0
        if len(part) >= _LARGE_PART_BYTES:
            yield bytes(part)  # no copy, unless it is a part of another
        else:
            chunk.append(part)
            size += len(part)
    if chunk:
        yield b"".join(chunk)
