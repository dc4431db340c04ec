"""The body of a scrape, put together from plain and compressed pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from exporter.metrics.encoding import Format
from exporter.metrics.level import Piece
from exporter.metrics.segment import Segment, deflate, gzip_member, join

_CHUNK_BYTES = 4 << 20
"""Few large chunks: the interpreter changes threads between chunks, and may have to wait to come back."""
_PLAIN_CHUNK_BYTES = 2 << 20
"""Smaller, for these are made only to be sent: a client that takes its time keeps no more than three."""
_LARGE_PART_BYTES = 256 << 10
"""To copy so much takes longer than to hand it to the socket by itself."""

_END_OF_OPENMETRICS = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Scrape:
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
        self._compressed: dict[tuple[Format, int], tuple[bytes, Segment]] = {}
        self._joined: dict[Format, _Joined] = {}

    def segment(self, form: Format, place: int, text: bytes) -> Segment:
        """Compress the plain piece at this place of the body, unless it is as before."""
        last = self._compressed.get((form, place))
        if last is None or last[0] != text:
            last = (text, deflate(text))
            self._compressed[form, place] = last
        return last[1]

    def join(self, form: Format, segments: Sequence[Segment]) -> Segment:
        """Join the segments; what follows each other as it did in the last scrape is joined only once."""
        before = self._joined.get(form, _Joined({}, {}))
        stretches: dict[tuple[int, ...], Segment] = {}
        parts: list[Segment] = []
        for same, group in groupby(segments, key=lambda segment: id(segment) in before.segments):
            stretch = tuple(group)
            if same:
                key = tuple(map(id, stretch))
                one = before.stretches.get(key) or _in_one_chunk(join(stretch))
                stretches[key] = one
                parts.append(one)
            else:
                parts += stretch
        # With the segments themselves, so that nothing else gets their identities.
        self._joined[form] = _Joined({id(segment): segment for segment in segments}, stretches)
        return join(parts)


class _Joined(NamedTuple):
    """One scrape's segments, and what was joined of them."""

    segments: Mapping[int, Segment]
    """By identity: to compare their contents would take longer than to join them."""
    stretches: Mapping[tuple[int, ...], Segment]


def respond(
    levels: Iterable[Sequence[Piece]], more: bytes, form: Format, *, gzip: bool, cache: ScrapeCache
) -> Scrape:
    """Build the answer from the pieces of all levels, and the text of ``more`` families."""
    pieces = [piece for level in levels for piece in level]
    pieces.append(more + _END_OF_OPENMETRICS if form is Format.OPENMETRICS else more)
    if not gzip:
        length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        return Scrape(form.value, None, length, _in_large_chunks(_plain(pieces), _PLAIN_CHUNK_BYTES))
    segments = [
        cache.segment(form, place, piece) if isinstance(piece, bytes) else piece
        for place, piece in enumerate(pieces)
    ]
    # The last one changes whenever a clock of the process ticks, and so is not joined with what stays.
    parts = gzip_member(join([cache.join(form, segments[:-1]), segments[-1]]))
    return Scrape(form.value, "gzip", sum(map(len, parts)), _in_large_chunks(parts, _CHUNK_BYTES))


def _in_one_chunk(segment: Segment) -> Segment:
    """Spare the next scrapes the copy, where it is small enough to be kept twice."""
    if sum(map(len, segment.chunks)) > _CHUNK_BYTES:
        return segment
    return segment._replace(chunks=(b"".join(segment.chunks),))


def _plain(pieces: Iterable[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.inflate()


def _in_large_chunks(parts: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Join small parts; what is large already is sent as it is."""
    chunk: list[bytes] = []
    size = 0
    for part in parts:
        if len(part) >= _LARGE_PART_BYTES or size + len(part) > most:
            if chunk:
                yield b"".join(chunk)
            chunk, size = [], 0
        if len(part) >= _LARGE_PART_BYTES:
            yield part
        else:
            chunk.append(part)
            size += len(part)
    if chunk:
        yield b"".join(chunk)
