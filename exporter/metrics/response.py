"""The body of a scrape, put together from plain and compressed pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.metrics.encoding import Format, metadata
from exporter.metrics.level import FamilyText
from exporter.metrics.segment import Segment, deflate, gzip_member, join

_CHUNK_BYTES = 2 << 20
"""Few large chunks: the interpreter changes threads between chunks, and may have to wait to come back.
Larger ones take no less time: their memory comes fresh from the system, page by page."""

_LEVEL = 1
"""Of zlib: what is compressed at a scrape is sent once."""

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


class PlainCache:
    """Remembers the compressed plain pieces of the last scrape: most are the same at the next one."""

    def __init__(self) -> None:
        self._last: dict[tuple[Format, int], tuple[bytes, Segment]] = {}

    def segment(self, form: Format, place: int, text: bytes) -> Segment:
        """Compress the piece at this place of the body, unless it is as before."""
        last = self._last.get((form, place))
        if last is None or last[0] != text:
            last = (text, deflate(text, _LEVEL))
            self._last[form, place] = last
        return last[1]


def respond(
    levels: Iterable[Iterable[FamilyText]], more: bytes, form: Format, *, gzip: bool, cache: PlainCache
) -> Scrape:
    """Build the answer from the families of all levels, and the text of ``more`` families."""
    pieces = list(_pieces(levels, form))
    pieces.append(more + _END_OF_OPENMETRICS if form is Format.OPENMETRICS else more)
    if not gzip:
        length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        return Scrape(form.value, None, length, _in_large_chunks(_plain(pieces)))
    parts = gzip_member(
        join(
            cache.segment(form, place, piece) if isinstance(piece, bytes) else piece
            for place, piece in enumerate(pieces)
        )
    )
    return Scrape(form.value, "gzip", sum(map(len, parts)), _in_large_chunks(parts))


def _pieces(levels: Iterable[Iterable[FamilyText]], form: Format) -> Iterator[bytes | Segment]:
    """Yield sealed segments, and between them what is plain; no family without a sample."""
    for level in levels:
        plain: list[bytes] = []
        for family, text, sealed in level:
            if text or sealed.length:
                plain += (metadata(family, form), text)
            if sealed.length:
                yield b"".join(plain)
                yield sealed
                plain = []
        yield b"".join(plain)


def _plain(pieces: Iterable[bytes | Segment]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.inflate()


def _in_large_chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    chunk: list[bytes] = []
    size = 0
    for part in parts:
        if size and size + len(part) > _CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(part)
        size += len(part)
    yield b"".join(chunk)
