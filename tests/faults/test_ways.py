"""What goes wrong between two polls, or over many: roles that expire, what grows."""

import gc
import os
import threading
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.faults import stories as check
from tests.faults.house import CONFIGURED, House, catalog_of
from tests.faults.table import Cell, Moment, Operation
from tests.support.bare_faults import EXPIRED_TOKEN
from tests.support.bare_records import sample_run_id
from tests.support.clock import eventually
from tests.support.left_over import open_sockets


def test_a_role_whose_credentials_glue_no_longer_takes_is_assumed_anew(tmp_path: Path) -> None:
    """The next poll has fresh ones, and is good."""
    cell = Cell(1, "expired token", Operation.ASSUME_ROLE, Moment.STEADY)
    with House(tmp_path, [cell], moment=Moment.STEADY) as house:
        house.glue.credentials_lifetime = 3600.0
        good = house.poll()
        assumed = house.glue.count("AssumeRole")
        house.poll()
        assert house.glue.count("AssumeRole") == assumed, "they are kept while they are good"
        house.glue.judge = lambda call: EXPIRED_TOKEN if call.access_key == "ASIACELL1" else None
        expired = house.poll()
        assert expired.value(f"{EXPORTER}target_up", target=cell.target) == 0
        assert set(expired.failures(cell.target)) == {"credentials"}
        assert list(check.keeps_last_good_values(cell, good, expired)) == []
        house.glue.judge = lambda _: None
        recovered = house.poll()
        assert list(check.has_recovered(cell, recovered)) == []
        assert house.glue.count("AssumeRole") > assumed


STEADY_ROWS = ("access denied", "expired token", "half of the text", "a page with status 200", "not found")
"""None of them is tried again at once, and so they take no time."""


@pytest.mark.long
def test_nothing_grows_over_many_faulty_polls(tmp_path: Path) -> None:
    """Threads, sockets and objects stay as many as they were after the first few polls."""
    operations = (Operation.GET_RUN, Operation.LIST_RUNS, Operation.GET_TABLES, Operation.ASSUME_ROLE)
    sheet = [
        Cell(number, row, operation, Moment.STEADY)
        for number, (row, operation) in enumerate(
            ((row, operation) for row in STEADY_ROWS for operation in operations), 1
        )
    ]
    with House(tmp_path, sheet, moment=Moment.STEADY) as house:
        sizes: list[tuple[int, int, int]] = []
        for number in range(20):
            house.faulty = number % 2 == 1
            scraped = house.poll(resync=True)
            if not house.faulty:
                gc.collect()  # what merely waits for that has not grown
                sizes.append((own_threads(), open_sockets(), resident_kib()))
        # Calls that hang end by themselves, some of them after the poll that made them.
        eventually(lambda: own_threads() <= sizes[1][0] + 2)
        assert sizes[-1][1] <= sizes[1][1] + 8, "sockets"
        grown = sizes[-1][2] - sizes[1][2]
        assert grown < 16 * 1024, f"{grown} KiB more"
        assert isinstance(scraped, Exposition)
        assert scraped.value(f"{RUN}up", catalog_id=catalog_of(None), run_id=sample_run_id(CONFIGURED)) == 1


def own_threads() -> int:
    """Return how many threads there are, without those of the simulated Glue: one for each connection."""
    return sum("process_request_thread" not in thread.name for thread in threading.enumerate())


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
