"""Texts as segments of one gzip member, and items in blocks of them."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.blocks import (
    EMPTY,
    GZIP_HEADER,
    SLICE_BYTES,
    Level,
    deflate,
    gzip_end,
    inflate,
    join,
    slices,
)
from exporter.metrics.text import NO_LABELS, Elapsed, Family, Format, Sample

BLOCK = 8
TEXTS = st.lists(st.binary(max_size=200) | st.builds(lambda n: b"line\n" * n, st.integers(0, 30000)))


def test_the_size_in_the_trailer_wraps_at_4_gib() -> None:
    assert gzip_end(EMPTY._replace(length=2**32 + 5), b"four")[-4:] == (9).to_bytes(4, "little")


def test_small_chunks_are_joined_and_large_ones_are_not_copied() -> None:
    small, large = b"x" * 1000, b"y" * SLICE_BYTES
    chunks = list(slices([*[small] * 300, large, small, small]))
    assert [len(chunk) for chunk in chunks] == [262_000, 38_000, SLICE_BYTES, 2000]
    assert chunks[2] is large


@given(TEXTS)
def test_texts_are_inflated_in_parts_of_bounded_size(texts: list[bytes]) -> None:
    """What is sent without gzip is never held at once, however much was joined."""
    parts = list(inflate(join([GZIP_HEADER, *map(deflate, texts)]).chunks))
    assert b"".join(parts) == b"".join(texts)
    assert all(0 < len(part) <= SLICE_BYTES for part in parts)


X: Family[float] = Family("x", "X.", (), lambda value, own: [Sample(own, value)])
AGE: Family[float] = Family(
    "age_seconds", "Age.", (), lambda value, own: [Sample(own, Elapsed(value))] if value < 0 else ()
)


def filled(*numbers: int) -> Level[int, float]:
    """Return a level with these items; positive ones are final."""
    level = Level[int, float]([X, AGE], lambda _: NO_LABELS, lambda value: value >= 0, BLOCK)
    level.apply({number: number for number in numbers})
    return level


def shape(level: Level[int, float]) -> tuple[int, int]:
    """Return how many items are in blocks, and how many are not."""
    snapshot = level.snapshot()
    text = b"".join(inflate(join([GZIP_HEADER, snapshot.sealed.segments[0]]).chunks))
    return text.count(b"\n"), len(snapshot.loose)


def lines(level: Level[int, float]) -> list[str]:
    chunks = join([GZIP_HEADER, *level.snapshot().segments(Format.TEXT)]).chunks
    return sorted(b"".join(inflate(chunks)).decode().splitlines())


def xs(*numbers: float) -> list[str]:
    return sorted([*(f"x {number}" for number in numbers), "# HELP x X.", "# TYPE x gauge"])


def test_final_items_wait_until_they_fill_a_block() -> None:
    level = filled(*range(BLOCK - 1))
    assert shape(level) == (0, BLOCK - 1)
    level.apply({99: 99})
    assert shape(level) == (BLOCK, 0)
    assert lines(level) == xs(*range(BLOCK - 1), 99)


def test_a_family_may_have_nothing_but_live_lines() -> None:
    level = filled(-5)
    assert "# TYPE age_seconds gauge" in lines(level)
    assert [item.live for item in level.snapshot().loose] == [((b"age_seconds ", -5),)]


def test_a_block_of_which_little_is_left_is_dissolved() -> None:
    """Or there would be more and more small blocks as runs come and go."""
    level = filled(*range(3 * BLOCK))
    level.apply(dict.fromkeys(range(BLOCK - BLOCK // 4)))
    assert shape(level) == (2 * BLOCK + BLOCK // 4, 0)
    level.apply({BLOCK - 1: None})
    assert shape(level) == (2 * BLOCK, 1)
    level.apply(dict.fromkeys(range(2 * BLOCK)))
    assert lines(level) == xs(*range(2 * BLOCK, 3 * BLOCK))


def test_what_is_left_of_a_block_fills_up_another_one() -> None:
    level = filled(*range(2 * BLOCK - 1))
    level.apply(dict.fromkeys(range(BLOCK - 1)))
    assert shape(level) == (BLOCK, 0)
    assert lines(level) == xs(*range(BLOCK - 1, 2 * BLOCK - 1))
