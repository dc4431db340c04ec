"""The program is killed, or stopped, at a hundred random moments: every ended run is counted once."""

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.brood import Brood, Life, brood
from tests.e2e.exposition import Exposition
from tests.e2e.program import serve, write_config
from tests.e2e.test_views import VIEW, view_run, watching
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run_id

WRITES = 25
"""More than a start and a poll that has something to write make."""
LONGEST = 6.0
"""Seconds of a long life: past its second poll."""


@dataclass
class Victim:
    """One folder, and the lives on it."""

    folder: Path
    glue: BareGlue
    chance: random.Random
    newest: int = 1
    """Number of the newest run. The first had ended before the first start."""
    over: threading.Event = field(default_factory=threading.Event)
    """Ends a wait early; nothing sets it."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.config = watching(self.glue, "sales.*")
        self.state = f"--storage.path={self.folder / 'state'}"
        self.glue.records.put_view("sales", "orders", refresh_seconds=3600)
        self.glue.records.put_run(view_run(1, "sales", "orders"))

    def begin(self) -> None:
        """Live once, until the baseline is on disk."""
        with serve(self.folder / "first", self.config, self.state) as program:
            program.scrape_until(
                lambda now: now.value(f"{VIEW}up") == 1, seconds=60, what="the baseline is taken"
            )

    def start(self, hens: Brood, fatal_write: int | None = None) -> Life:
        """Start one more life."""
        file = write_config(self.folder, self.config)
        arguments = (f"--config.file={file}", self.state, "--web.listen-address=127.0.0.1:0")
        return hens.start(self.folder / "log", *arguments, fatal_write=fatal_write)

    def die_at(self, hens: Brood, fatal_write: int) -> bool:
        """Live until that write, while a run ends; tell whether there was such a write so soon."""
        self.end_run()
        life = self.start(hens, fatal_write)
        self.over.wait(0.1)
        self.end_run()
        died = life.ended(LONGEST)
        life.end(signal.SIGKILL)
        return died

    def live_and_die(self, hens: Brood, ending: signal.Signals) -> None:
        """Live for a random time while a run ends; another ends while nothing runs."""
        life = self.start(hens)
        length = self.chance.choice([self.chance.uniform(0.0, 0.8), self.chance.uniform(0.5, LONGEST)])
        part = self.chance.uniform(0.0, length)
        self.over.wait(part)
        self.end_run()
        self.over.wait(length - part)
        life.end(ending)
        self.end_run()

    def end_run(self) -> None:
        """Let one more run end now."""
        self.newest += 1
        status = self.chance.choice(["SUCCEEDED", "FAILED", "STOPPED"])
        now = time.time()
        times = {"CreationTime": now - 60, "StartTime": now - 50, "EndTime": now, "LastUpdated": now}
        self.glue.records.put_run({**view_run(self.newest, "sales", "orders", status=status), **times})

    def check(self) -> None:
        """Live once more: the counters are what Glue holds of all runs but the first."""
        records = [self.glue.records.run(sample_run_id(n)) for n in range(2, self.newest + 1)]
        self.glue.forget_calls()
        with serve(self.folder / "last", self.config, self.state) as program:
            scraped = program.scrape_until(
                lambda now: sum(counted(now).values()) >= len(records), seconds=60, what="all are counted"
            )
        assert counted(scraped) == Counter(str(record["Status"]) for record in records)
        assert total(scraped, "dpu_seconds_total") == pytest.approx(add_up(records, "DPUSeconds"), abs=1e-6)
        assert total(scraped, "processed_bytes_total") == add_up(records, "ProcessedBytes")
        assert self.glue.count(GET_RUN) == 0, "no settled run is asked for again"


def counted(scraped: Exposition) -> Counter[str]:
    """Return the ended runs that were counted, by status."""
    totals: Counter[str] = Counter()
    for labels, value in scraped.series(f"{VIEW}runs_total"):
        totals[labels["status"]] += int(value)
    return +totals


def total(scraped: Exposition, name: str) -> float:
    return sum(value for _, value in scraped.series(VIEW + name))


def add_up(records: Iterable[Mapping[str, Any]], member: str) -> float:
    return sum(float(record[member]) for record in records)


@contextlib.contextmanager
def victims_in(folder: Path, number: int) -> Iterator[tuple[Brood, list[Victim]]]:
    """Set up so many exporters that have their baseline; in the end, check what each has counted."""
    with contextlib.ExitStack() as stack:
        glues = [stack.enter_context(BareGlue()) for _ in range(number)]
        hens = stack.enter_context(brood(folder))
        victims = [
            Victim(folder / str(n), glue, random.Random(n))  # noqa: S311 (a seeded course of events)
            for n, glue in enumerate(glues)
        ]
        with ThreadPoolExecutor(2) as pairs:
            list(pairs.map(Victim.begin, victims))
            yield hens, victims
            list(pairs.map(Victim.check, victims))


@pytest.mark.parametrize(("ending", "folders", "lives"), [(signal.SIGKILL, 10, 10), (signal.SIGTERM, 5, 4)])
def test_every_run_is_counted_once_whenever_the_program_ends(
    tmp_path: Path, ending: signal.Signals, folders: int, lives: int
) -> None:
    """In the middle of whatever it does: starting, polling, writing, waiting, leaving.

    Exporters live and die beside each other, each with a folder and a Glue of its own: most of their time
    they wait for the next poll.
    """
    with victims_in(tmp_path, folders) as (hens, victims), ThreadPoolExecutor(folders) as together:

        def die_often(victim: Victim) -> None:
            for _ in range(lives):
                victim.live_and_die(hens, ending)

        list(together.map(die_often, victims))


def test_every_run_is_counted_once_whichever_write_is_the_last(tmp_path: Path) -> None:
    """``kill -9`` right before each single write of a start and of a poll, in one life after another."""
    with victims_in(tmp_path, 5) as (hens, victims), ThreadPoolExecutor(5) as together:

        def die_everywhere(place: int) -> int:
            deaths = [victims[place].die_at(hens, write) for write in range(place, WRITES, len(victims))]
            return sum(deaths)

        assert sum(together.map(die_everywhere, range(len(victims)))) > WRITES // 2
