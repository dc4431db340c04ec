"""What scrapes share."""

import gzip
from random import Random

import pytest

from exporter.metrics.encoding import Encoded, Format, Growing, Grown
from exporter.metrics.family import Elapsed, Family
from exporter.metrics.group import GROUP_BLOCKS
from exporter.metrics.level import LevelText
from exporter.metrics.response import ScrapeCache, respond
from exporter.metrics.segment import EMPTY, Segment, deflate, join
from exporter.metrics.shelf import BLOCK_ITEMS, Item, Shelf, Shelved

CHANCE = Random(1)  # noqa: S311 (bytes that do not compress)
LARGE = 200_000
FAMILIES: tuple[Family[None], ...] = tuple(
    Family(name=name, type="gauge", help="What it is.", labels=(), samples=lambda _: ()) for name in "ab"
)
SETTLED = tuple(deflate(CHANCE.randbytes(LARGE)) for _ in FAMILIES)


def level(settled: tuple[Segment, ...] = SETTLED) -> LevelText:
    """Return what a level of two families says."""
    return LevelText(FAMILIES, Shelved(settled, ()))


def largest(cache: ScrapeCache, *levels: LevelText, own: bytes = b"ticks 1\n") -> bytes:
    """Scrape with gzip, and return the largest chunk that is sent."""
    return max(respond(levels, own, Format.TEXT, 0.0, gzip=True, cache=cache).chunks, key=len)


def test_what_stays_is_joined_once_whether_or_not_the_process_own_series_have_changed() -> None:
    cache, same = ScrapeCache(), level()
    joined = largest(cache, same)
    assert len(joined) > 2 * LARGE
    assert all(largest(cache, same, own=own) is joined for own in (b"ticks 1\n", b"ticks 2\n", b"ticks 3\n"))


def test_where_one_level_has_changed_what_stays_of_the_other_is_joined_no_more() -> None:
    """From the third scrape on: the first ones find out what stays."""
    cache, same = ScrapeCache(), level()

    def changing(turn: int) -> LevelText:
        return level((deflate(b"%d" % turn), SETTLED[1]))

    chunks = [largest(cache, same, changing(turn)) for turn in range(4)]
    assert chunks[2] is chunks[3]
    assert len(chunks[3]) > 2 * LARGE


def test_what_was_joined_once_is_what_a_first_scrape_would_have_said() -> None:
    cache = ScrapeCache()
    turns = [[level(), level(SETTLED[::-1])], [level(SETTLED[::-1]), level()], [level(), level()]]
    for levels in turns:
        for gzipped in (True, False):
            scrapes = [
                respond(levels, b"own 1\n", form, 0.0, gzip=gzipped, cache=one)
                for one in (cache, ScrapeCache())
                for form in Format
            ]
            text, openmetrics, *fresh = [
                gzip.decompress(body) if gzipped else body for body in (scrape.body() for scrape in scrapes)
            ]
            assert [text, openmetrics] == fresh


def test_what_is_written_at_each_scrape_is_compressed_quickly_or_not_at_all() -> None:
    """It is sent once."""
    own = b"".join(b"ticks %d\n" % n for n in range(500))
    lines = [Growing(1, b'b{n="%d"} ' % n, Elapsed(5.0 * n)) for n in range(500)]
    growing = LevelText(FAMILIES, Shelved(SETTLED, (Encoded((b"", b""), tuple(lines)),)))

    body = respond([growing], own, Format.TEXT, 9000.0, gzip=True, cache=ScrapeCache()).body()

    assert deflate(Grown.of(lines).at(9000.0), for_once=True).chunks[0] in body
    assert own in body


MEBIBYTE = 1 << 20


@pytest.mark.parametrize(("gzipped", "most"), [(True, 4 * MEBIBYTE), (False, 2 * MEBIBYTE)])
def test_small_pieces_are_sent_together(gzipped: bool, most: int) -> None:  # noqa: FBT001 (a parameter)
    """Up to some megabytes: each chunk costs time, and is held for clients that are slow."""
    texts = [CHANCE.randbytes(100_000) for _ in range(90)]
    many = join(map(deflate, texts))
    scrape = respond([level((many, EMPTY))], b"own 1\n", Format.TEXT, 0.0, gzip=gzipped, cache=ScrapeCache())

    chunks = list(scrape.chunks)

    body = b"".join(chunks)
    assert len(body) == scrape.length
    assert b"".join(texts) in (gzip.decompress(body) if gzipped else body)
    assert all(most - 110_000 < len(chunk) <= most for chunk in chunks[:-1])
    assert len(chunks) == -(-len(body) // most)


def test_a_large_piece_is_sent_as_it_is() -> None:
    """To copy it would take longer than to hand it to the socket by itself."""
    large, small = deflate(CHANCE.randbytes(5 * MEBIBYTE)), deflate(CHANCE.randbytes(1000))
    scrape = respond([level((large, small))], b"own 1\n", Format.TEXT, 0.0, gzip=True, cache=ScrapeCache())
    before, itself, after = scrape.chunks
    assert itself is large.chunks[0]
    assert small.chunks[0] in after
    assert len(before) + len(after) < 2000


def test_of_very_many_items_that_rest_next_to_nothing_is_copied() -> None:
    """Copying some 30 MB takes longer than to send them."""
    shelf = Shelf[int](2)
    number = GROUP_BLOCKS * BLOCK_ITEMS
    shelf.update(
        (n, Item(Encoded((CHANCE.randbytes(150), b""), ()), resting=True)) for n in range(2 * number)
    )
    levels = [LevelText(FAMILIES, shelf.shelved())]
    kept = {id(chunk) for chunk in shelf.shelved().sealed[0].chunks}
    scrape = respond(levels, b"own 1\n", Format.TEXT, 0.0, gzip=True, cache=ScrapeCache())

    copied = [len(chunk) for chunk in scrape.chunks if id(chunk) not in kept]

    assert sum(copied) < 2000 < scrape.length / 200
