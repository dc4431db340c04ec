"""Compressed texts joined into one gzip member."""

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.segment import EMPTY, GZIP_HEADER, Segment, deflate, gzip_trailer, join, store

TEXTS = st.lists(st.binary(max_size=200) | st.builds(lambda n: b"line\n" * n, st.integers(0, 30000)))


def gzip_file(content: Segment) -> bytes:
    """Return a whole gzip file."""
    return b"".join((*join([GZIP_HEADER, content]).chunks, gzip_trailer(content)))


@given(TEXTS, st.integers(0, 3))
def test_joined_segments_are_one_gzip_member(texts: list[bytes], stored: int) -> None:
    """Several clients read only the first member, so there may be no second."""
    joined = join([*map(store, texts[:stored]), *map(deflate, texts[stored:])])
    whole = b"".join(texts)
    assert (joined.crc, joined.length, joined.text()) == (zlib.crc32(whole), len(whole), whole)
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert reader.decompress(gzip_file(joined)) == whole
    assert reader.eof
    assert reader.unused_data == b""


@given(TEXTS, TEXTS)
def test_joining_in_steps_is_joining_at_once(left: list[bytes], right: list[bytes]) -> None:
    """Groups of blocks are joined before all are."""
    parts = [[deflate(text) for text in texts] for texts in (left, right)]
    assert join([join(parts[0]), join(parts[1])]) == join([*parts[0], *parts[1]])


def test_a_large_chunk_is_inflated_in_parts() -> None:
    """What is sent without gzip is never held at once, however much was joined."""
    text = b"".join(b"%d " % (n * n) for n in range(300_000))
    parts = [len(part) for part in deflate(text).inflate()]
    assert deflate(text).text() == text
    assert sum(parts) == len(text) > 3_000_000
    assert max(parts) < 300_000


def test_a_text_is_stored_as_it_is() -> None:
    """In blocks of which each has a length of two bytes."""
    text = b"line\n" * 30_000
    stored = store(text)
    assert stored.text() == text
    assert text[:65535] in stored.chunks[0]
    assert len(stored.chunks[0]) == len(text) + 3 * 5


def test_nothing_is_the_empty_segment() -> None:
    """No compressor is started for it."""
    assert deflate(b"") is EMPTY
    assert store(b"") is EMPTY
    assert join([]) == EMPTY
    assert gzip.decompress(gzip_file(EMPTY)) == b""


def test_the_size_in_the_trailer_wraps_at_4_gib() -> None:
    """As the format has it; no client minds."""
    content = EMPTY._replace(length=2**32 + 5)
    assert gzip_trailer(content)[-4:] == (5).to_bytes(4, "little")


def test_what_is_sent_once_is_compressed_less_and_reads_back_the_same() -> None:
    text = b"".join(b'duration_seconds{run_id="%08x"} %d.5\n' % (n * n, n) for n in range(200))
    lasting, hasty = deflate(text), deflate(text, for_once=True)
    assert lasting.text() == hasty.text() == text
    assert len(lasting.chunks[0]) < len(hasty.chunks[0]) < len(text)
