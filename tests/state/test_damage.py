"""A file that was damaged anywhere is used or refused, never a surprise."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import StorageError
from exporter.store.storage import FILE_NAME
from tests.support.store_bench import StoreBench, ended, failed, started


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the file of an exporter that has counted some runs."""
    folder = tmp_path_factory.mktemp("whole")
    bench = StoreBench(folder)
    bench.watch("sales.*")
    bench.poll()
    bench.poll(*(started(ended(f"run-{i}"), i) for i in range(20)), failed("failed", 30.0))
    bench.stop()
    return (folder / FILE_NAME).read_bytes()


def begin(folder: Path) -> str:
    """Start an exporter on the folder, poll once, and tell how that went."""
    try:
        bench = StoreBench(folder)
    except StorageError as error:
        return "refused" if str(folder / FILE_NAME) in str(error) else str(error)
    try:
        bench.watch("sales.*")
        bench.poll(ended("new"))
    finally:
        bench.abandon()
    return "used"


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_are_refused_at_the_start_or_do_no_harm(
    whole: bytes, tmp_path: Path, seed: int
) -> None:
    """SQLite keeps no checksums: what still reads as a state is taken for one."""
    chance = random.Random(seed)  # noqa: S311 (the same damage at every run)
    damaged = bytearray(whole)
    start = chance.randrange(len(damaged))
    for place in range(start, min(len(damaged), start + chance.choice([1, 8, 200, 5000]))):
        damaged[place] = chance.randrange(256)
    (tmp_path / FILE_NAME).write_bytes(damaged)
    assert begin(tmp_path) in ("used", "refused")


@pytest.mark.parametrize(
    ("left", "how"),
    [
        (lambda whole: whole, "used"),
        *(
            (lambda whole, part=part: whole[: int(len(whole) * part)], "refused")
            for part in (0, 0.1, 0.5, 0.9)
        ),
        (lambda whole: whole[:4096] + bytes(4096) + whole[8192:], "refused"),
    ],
    ids=["whole", "empty", "cut to a tenth", "cut to a half", "cut to nine tenths", "a page of zeros"],
)
def test_a_file_of_which_a_part_is_missing_is_refused(
    whole: bytes, tmp_path: Path, left: Callable[[bytes], bytes], how: str
) -> None:
    (tmp_path / FILE_NAME).write_bytes(left(whole))
    assert begin(tmp_path) == how
