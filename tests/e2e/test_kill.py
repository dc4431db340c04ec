"""The program is killed, or stopped, at a hundred random moments: every ended run is counted once.

Each single write of the state as the last one: tests/state/test_crash_matrix.py.
"""

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.exposition import VIEW
from tests.e2e.forked import ForkServer, fork_server
from tests.e2e.program import serve, watching, write_config
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run_id, view_run

LONGEST = 6.0
"""Seconds of a long life: past its second poll."""


class Victim:
    """One folder with its state, its Glue, and the lives on it."""

    def __init__(self, folder: Path, glue: BareGlue, forks: ForkServer, seed: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.glue = glue
        self.forks = forks
        self.chance = random.Random(seed)  # noqa: S311 (a seeded course of events)
        self.config = watching(glue, "sales.*")
        self.state = f"--storage.path={folder / 'state'}"
        self.newest = 1
        """Number of the newest run. The first had ended before the first start."""
        glue.records.put_view("sales", "orders", refresh_seconds=3600)
        glue.records.put_run(view_run(1))

    def begin(self) -> None:
        """Live once, until the baseline is on disk."""
        with serve(self.folder / "first", self.config, self.state) as program:
            program.await_view("orders")

    def live_and_die(self, ending: signal.Signals) -> None:
        """Live for a random time while a run ends; another ends while nothing runs."""
        file = write_config(self.folder, self.config)
        arguments = (f"--config.file={file}", self.state, "--web.listen-address=127.0.0.1:0")
        life = self.forks.start(self.folder / "log", *arguments)
        length = self.chance.choice([self.chance.uniform(0.0, 0.8), self.chance.uniform(0.5, LONGEST)])
        part = self.chance.uniform(0.0, length)
        time.sleep(part)
        self.end_run()
        time.sleep(length - part)
        life.end(ending)
        self.end_run()

    def end_run(self) -> None:
        self.newest += 1
        status = self.chance.choice(["SUCCEEDED", "FAILED", "STOPPED"])
        self.glue.records.put_run(view_run(self.newest, status=status, ended=time.time()))

    def check(self) -> None:
        """Live once more: the counters are what Glue holds of all runs but the first."""
        records = [self.glue.records.run(sample_run_id(n)) for n in range(2, self.newest + 1)]
        self.glue.forget_calls()
        with serve(self.folder / "last", self.config, self.state) as program:
            scraped = program.scrape_until(
                lambda now: now.counted.total() >= len(records), what="all are counted"
            )
        assert scraped.counted == Counter(record["Status"] for record in records)
        for name, member in (("dpu_seconds", "DPUSeconds"), ("processed_bytes", "ProcessedBytes")):
            total = sum(value for _, value in scraped.series(f"{VIEW}{name}_total"))
            assert total == pytest.approx(sum(record[member] for record in records), abs=1e-6)
        assert self.glue.count(GET_RUN) == 0, "no settled run is asked for again"


@contextlib.contextmanager
def victims_in(folder: Path, number: int) -> Iterator[list[Victim]]:
    """Set up so many exporters that have their baseline; in the end, check what each has counted."""
    with contextlib.ExitStack() as stack:
        forks = stack.enter_context(fork_server(folder))
        victims = [Victim(folder / str(n), stack.enter_context(BareGlue()), forks, n) for n in range(number)]
        with ThreadPoolExecutor(5) as at_once:
            list(at_once.map(Victim.begin, victims))
            yield victims
            list(at_once.map(Victim.check, victims))


@pytest.mark.parametrize(("ending", "folders", "lives"), [(signal.SIGKILL, 10, 10), (signal.SIGTERM, 5, 4)])
def test_every_run_is_counted_once_whenever_the_program_ends(
    tmp_path: Path, ending: signal.Signals, folders: int, lives: int
) -> None:
    """In the middle of whatever it does: starting, polling, writing, waiting, leaving.

    Exporters live and die beside each other: most of their time they wait for the next poll.
    """
    with victims_in(tmp_path, folders) as victims, ThreadPoolExecutor(folders) as together:

        def die_often(victim: Victim) -> None:
            for _ in range(lives):
                victim.live_and_die(ending)

        list(together.map(die_often, victims))
