"""A catalog of many pages: taken in part by part, and after a restart only as far as something is new."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller.journal import Journal
from exporter.poller.poll import TargetPoll
from exporter.store.database import StateDatabase
from exporter.store.store import Store
from tests.state.bench import Views
from tests.support.clock import START, ManualClock
from tests.support.reader import ACCOUNT, MemoryReader
from tests.support.view_bench import view
from tests.support.watching import ended, running

RUNS = 12_000
"""Twelve pages."""
VIEW = "sales.daily_orders"
FIRST_PAGE = [f"list_runs {VIEW}"]
ALL_PAGES = [f"list_runs {VIEW}" + (f" from {start}" if start else "") for start in range(0, RUNS, 1000)]


def old(number: int) -> Run:
    """Return a run that has long been settled; the higher the number, the older it is."""
    run = ended(f"old-{number}", end_time=START - 7200.0)
    return run._replace(creation_time=START - 9000.0 - 10 * number)


OLD = [old(number) for number in range(RUNS)]


class Bench:
    """Exporters, one after the other on the same folder, that watch ``sales.*``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = ManualClock()
        self.reader = MemoryReader()
        self.exist("daily_orders")
        self.has(OLD)
        self.start()

    def start(self, *patterns: tuple[str, str]) -> None:
        """Start an exporter."""
        self.shown = Views()
        self._database = StateDatabase.open(self._folder)
        self.store = Store(self.clock, [self.shown], self._database)
        target = Target(
            name="prod",
            access=Access(aws_region="eu-west-1"),
            catalog_id=ACCOUNT,
            views=tuple(ViewPattern(database=d, table=t) for d, t in patterns or [("sales", "*")]),
        )
        self.store.configure(Settings(targets=(target,), poll_interval=30.0, resync_interval=900.0))
        self._poll = TargetPoll("prod", self.reader, self.store, Journal(), self.clock)

    def restart(self, *patterns: tuple[str, str], after: float = 60.0) -> None:
        """Stop the exporter, and start another one a while later."""
        self.store.close()
        self.clock.advance(after)
        self.start(*patterns)

    def close(self) -> None:
        """Let go of the folder."""
        self._database.close()

    def exist(self, *tables: str) -> None:
        """Have the database hold these views."""
        self.reader.views = [view(f"sales.{table}") for table in tables]

    def has(self, *runs: Iterable[Run]) -> None:
        """Have Glue list these runs, in this order."""
        self.reader.answers = {run.run_id: run for some in runs for run in some}

    def poll(self) -> list[str]:
        """Poll once; return the calls for runs."""
        self.clock.advance(30.0)
        self.reader.forget_calls()
        self._poll.run(threading.Event(), lambda: None)
        return [call for call in self.reader.calls if not call.startswith("get_")]

    @property
    def counted(self) -> int:
        """Ended runs in ``runs_total``."""
        return sum(self.shown.facts(VIEW).counters.runs.values())

    def run_ids(self) -> set[str]:
        """Return the runs that have series."""
        return {key.run_id for key in self.shown.runs}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_the_first_poll_takes_all_in(bench: Bench) -> None:
    assert bench.poll() == ALL_PAGES
    series = bench.store.targets()[0].series
    assert (series.up, series.views, series.runs["settled"]) == (True, 1, RUNS)
    assert (bench.shown.view(VIEW).up, bench.counted, bench.run_ids()) == (True, 0, {"old-0"})


def test_a_run_of_any_part_is_not_held_to_be_missing(bench: Bench) -> None:
    going_on = [running(f"run-{n}")._replace(creation_time=OLD[n].creation_time) for n in (0, 6000, 11_999)]
    bench.has(going_on[:1], OLD[:6000], going_on[1:2], OLD[6000:], going_on[2:])
    for _ in range(3):
        bench.clock.advance(900.0)
        bench.poll()
    assert bench.run_ids() == {"run-0", "run-6000", "run-11999"}


def test_a_run_that_no_part_holds_any_more_goes_after_two_reads(bench: Bench) -> None:
    gone = running("gone")._replace(creation_time=START - 12_000.0)
    bench.has([gone], OLD)
    bench.poll()
    assert "gone" in bench.run_ids()
    bench.has(OLD)
    shown = []
    for _ in range(2):
        bench.clock.advance(900.0)
        assert bench.poll() == ALL_PAGES, "the listing has answered for it: no call for the run alone"
        shown.append("gone" in bench.run_ids())
    assert shown == [True, False]


def test_after_a_restart_the_first_page_is_enough(bench: Bench) -> None:
    bench.poll()
    bench.restart()
    assert bench.poll() == FIRST_PAGE
    series = bench.store.targets()[0].series
    assert (series.up, series.runs["settled"], bench.shown.view(VIEW).up) == (True, RUNS, True)


def test_the_poll_after_that_reads_all_pages(bench: Bench) -> None:
    """And then each ``resync_interval``, as ever."""
    bench.poll()
    bench.restart()
    assert [len(bench.poll()) for _ in range(3)] == [1, len(ALL_PAGES), 1]


def test_what_ended_meanwhile_is_counted_once(bench: Bench) -> None:
    going_on = running("going-on")._replace(creation_time=START)
    bench.has([going_on], OLD)
    bench.poll()
    over = ended("going-on", end_time=START + 600.0)._replace(creation_time=START)
    new = [
        ended(f"new-{n}", end_time=START + 2000.0 + n)._replace(creation_time=START + 1000.0 + n)
        for n in (2, 1)
    ]
    bench.has(new, [over], OLD)
    bench.restart(after=7200.0)
    assert bench.poll() == FIRST_PAGE
    assert bench.counted == 3
    bench.poll()
    assert bench.counted == 3


def test_other_views_than_before_are_looked_for_on_every_page(bench: Bench) -> None:
    bench.exist("daily_orders", "stock")
    bench.poll()
    bench.restart(("sales", "daily_orders"))
    assert bench.poll() == ALL_PAGES


def test_a_view_that_is_new_is_looked_for_on_every_page(bench: Bench) -> None:
    bench.poll()
    bench.exist("daily_orders", "stock")
    bench.restart()
    assert len(bench.poll()) == len(ALL_PAGES)


def test_a_listing_that_is_not_newest_first_is_read_to_its_end_again(bench: Bench) -> None:
    bench.has(reversed(OLD))
    bench.poll()
    bench.restart()
    assert bench.poll() == ALL_PAGES
