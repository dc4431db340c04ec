"""What a large commit leaves behind is given back to the system."""

import subprocess
import sys

from exporter.cli.allocator import LARGE, LeftoversGivenBack
from exporter.model.run import RunKey
from exporter.store.series import SeriesChanges

LARGE_COMMIT = SeriesChanges(
    runs={RunKey("eu-west-1", "123456789012", f"run-{n}"): None for n in range(LARGE)}
)
SMALL_COMMIT = SeriesChanges()

FREE_AND_TELL = """
import sys
from exporter.cli.allocator import give_large_blocks_back
from benchmarks.processes import resident_bytes
import os
if sys.argv[1] == "yes":
    give_large_blocks_back()
b"x" * (20 << 20)  # freed at once: from now on glibc keeps blocks of up to 20 MiB
blocks = [b"%d" % n * (1 << 19) for n in range(100)]
last = b"x" * (1 << 20)
del blocks
print(resident_bytes(os.getpid()) >> 20)
"""


def trims_of(*commits: SeriesChanges) -> list[int]:
    """Return how often something had been given back after each of the commits."""
    trims: list[int] = []

    def trim(padding: int) -> int:
        trims.append(padding)
        return 1

    leftovers = LeftoversGivenBack(trim)
    counts = []
    for commit in commits:
        leftovers(commit)
        counts.append(len(trims))
    return counts


def test_the_commit_after_a_large_one_gives_back_what_that_left() -> None:
    """Not the large one itself: what it was made from is still held then."""
    assert trims_of(SMALL_COMMIT, LARGE_COMMIT, SMALL_COMMIT, SMALL_COMMIT) == [0, 0, 1, 1]


def test_small_commits_leave_nothing_worth_the_work() -> None:
    assert trims_of(SMALL_COMMIT, SMALL_COMMIT) == [0, 0]


def test_large_blocks_go_back_when_they_are_freed() -> None:
    """In a process of its own, for it holds for the whole of it."""
    resident = [
        int(
            subprocess.run(
                [sys.executable, "-c", FREE_AND_TELL, wanted], check=True, capture_output=True
            ).stdout
        )
        for wanted in ("no", "yes")
    ]
    assert resident[1] < resident[0] - 50
