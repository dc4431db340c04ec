"""What scrapes share."""

from random import Random

from exporter.metrics.encoding import Format
from exporter.metrics.response import ScrapeCache, respond
from exporter.metrics.segment import deflate

CHANCE = Random(1)  # noqa: S311 (bytes that do not compress)
SETTLED = [deflate(CHANCE.randbytes(200_000)) for _ in range(2)]


def test_what_stays_is_joined_once_whether_or_not_the_process_own_series_have_changed() -> None:
    cache = ScrapeCache()

    def largest(own: bytes) -> bytes:
        return max(respond([SETTLED], own, Format.TEXT, gzip=True, cache=cache).chunks, key=len)

    largest(b"ticks 1\n")
    joined = largest(b"ticks 1\n")
    assert len(joined) > 400_000
    assert all(largest(own) is joined for own in (b"ticks 1\n", b"ticks 2\n", b"ticks 2\n", b"ticks 3\n"))
