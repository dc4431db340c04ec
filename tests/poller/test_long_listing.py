"""A listing that takes longer than a poll may last is read in portions, poll after poll."""

import threading

import pytest

from exporter.errors import Reason
from exporter.model.run import Run, RunListing
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller.journal import Journal
from exporter.poller.poll import TargetPoll
from exporter.store.store import Store
from tests.state.bench import Views
from tests.support.clock import START, ManualClock
from tests.support.reader import ACCOUNT, MemoryReader, glue_error
from tests.support.view_bench import view
from tests.support.watching import ended, running

RUNS = 600
A_PAGE = 10
VIEW = "sales.daily_orders"


class SlowReader(MemoryReader):
    """Needs a second for a page of runs. A poll may last 30; two are kept for what is read besides."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.seconds_a_page = 1.0

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,  # noqa: ARG002 (a page may hold less)
    ) -> RunListing:
        """Return a small page, a second later."""
        self._clock.advance(self.seconds_a_page)
        return super().list_runs(database=database, table=table, next_token=next_token, max_results=A_PAGE)


class Bench:
    """A target that watches ``sales.*``, where 600 runs are listed."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.reader = SlowReader(self.clock)
        self.shown = Views()
        self.store = Store(self.clock, [self.shown])
        self.target = Target(
            name="prod",
            access=Access(aws_region="eu-west-1"),
            catalog_id=ACCOUNT,
            views=(ViewPattern(database="sales", table="*"),),
        )
        self.store.configure(Settings(targets=(self.target,), resync_interval=900.0))
        self._poll = TargetPoll("prod", self.reader, self.store, Journal(), self.clock)
        self.old = [old(f"old-{number}", -9000.0 - 100 * number) for number in range(RUNS)]
        self.has(*self.old)
        self.exist("daily_orders")

    def exist(self, *tables: str) -> None:
        """Have the database hold these views."""
        self.reader.views = [view(f"sales.{table}") for table in tables]

    def has(self, *runs: Run) -> None:
        """Have Glue list these runs, in this order."""
        self.reader.answers = {run.run_id: run for run in runs}

    def poll(self, seconds: float = 30.0) -> list[str]:
        """Poll once, so much after the last poll began; return the calls."""
        begun = self.clock.monotonic()
        self.reader.forget_calls()
        self._poll.run(threading.Event(), lambda: None)
        self.clock.advance(max(0.0, begun + seconds - self.clock.monotonic()))
        return [call for call in self.reader.calls if not call.startswith("get_")]

    def read_all(self) -> None:
        """Poll until everything has been read once."""
        for _ in range(3):
            self.poll()

    @property
    def up(self) -> bool | None:
        """``target_up``."""
        return self.store.targets()[0].series.up

    @property
    def view_up(self) -> bool:
        """``view_up``."""
        return self.shown.view(VIEW).up

    @property
    def counted(self) -> int:
        """Ended runs in ``runs_total``."""
        return sum(self.shown.facts(VIEW).counters.runs.values())


def listed(run: Run, seconds: float) -> Run:
    """Return the run as it is with another time of creation, from the clock's start."""
    return run._replace(creation_time=START + seconds)


def old(run_id: str, seconds: float) -> Run:
    """Return a run that has long been settled."""
    return listed(ended(run_id, end_time=START - 7200.0), seconds)


def pages(first: int, last: int) -> list[str]:
    """Return the calls for these pages, from 0."""
    starts = (page * A_PAGE for page in range(first, last))
    return [f"list_runs {VIEW}" + (f" from {start}" if start else "") for start in starts]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_poll_reads_what_fits_and_the_next_one_goes_on(bench: Bench) -> None:
    assert bench.poll() == pages(0, 28)
    assert bench.poll() == pages(28, 56)
    assert bench.poll() == pages(56, 60)


def test_the_target_and_the_view_are_up_once_the_last_page_has_been_read(bench: Bench) -> None:
    """Before, the newest run might be on a page that is still to come."""
    ups = []
    for _ in range(3):
        bench.poll()
        ups.append((bench.up, bench.view_up))
    assert ups == [(False, False), (False, False), (True, True)]


def test_what_had_ended_before_is_not_counted_whichever_poll_reads_it(bench: Bench) -> None:
    bench.read_all()
    assert bench.counted == 0
    bench.poll()
    assert bench.counted == 0


def test_what_is_new_is_seen_while_a_later_read_to_the_end_goes_on(bench: Bench) -> None:
    bench.read_all()
    bench.clock.advance(900.0)
    bench.poll()
    new = listed(ended("new"), 1000.0)
    bench.has(new, *bench.old)
    assert bench.poll() == [*pages(0, 1), *pages(28, 55)], "the first page for what is new, then on"
    assert bench.counted == 1
    assert (bench.up, bench.view_up) == (True, True)


def test_a_run_that_came_while_the_listing_was_read_is_not_held_to_be_missing(bench: Bench) -> None:
    bench.read_all()
    new = listed(running("new"), 1000.0)
    for _ in range(2):
        bench.clock.advance(900.0)
        bench.poll()
        bench.has(new, *bench.old)
        bench.poll()
        bench.poll()
    facts = bench.shown.facts(VIEW)
    assert facts.last_run is not None
    assert facts.last_run.run_id == "new"


def test_a_failure_on_the_way_costs_the_portion_alone(bench: Bench) -> None:
    bench.poll()
    bench.reader.answers[f"list_runs {VIEW} from 300"] = glue_error(Reason.THROTTLED)
    assert bench.poll() == pages(28, 31)
    assert (bench.up, bench.view_up) == (False, False)
    del bench.reader.answers[f"list_runs {VIEW} from 300"]
    assert bench.poll() == pages(28, 56)


def test_a_token_that_has_expired_meanwhile_is_an_occasion_to_begin_anew(bench: Bench) -> None:
    bench.poll()
    bench.reader.answers[f"list_runs {VIEW} from 280"] = glue_error(Reason.INVALID_INPUT)
    assert bench.poll()[:3] == [*pages(28, 29), *pages(0, 2)]


def test_a_token_that_expires_in_a_later_read_is_one_to_begin_anew_at_once_too(bench: Bench) -> None:
    """Though all that is new is on the first page."""
    bench.read_all()
    bench.clock.advance(900.0)
    bench.poll()
    bench.reader.answers[f"list_runs {VIEW} from 280"] = glue_error(Reason.INVALID_INPUT)
    assert bench.poll() == [*pages(0, 1), *pages(28, 29), *pages(0, 26)]


def test_a_view_that_appears_meanwhile_is_looked_for_on_the_pages_read_before(bench: Bench) -> None:
    """Else its ended runs would show up later, and count as if they had just ended."""
    others = [old(f"x-{number}", -9000.0)._replace(table="stock") for number in range(5)]
    bench.has(*bench.old[:5], *others, *bench.old[5:])
    bench.poll()
    bench.exist("daily_orders", "stock")
    bench.clock.advance(900.0)
    assert "list_runs sales.*" in bench.poll()
    for _ in range(8):
        bench.poll()
    assert bench.shown.view("sales.stock").up
    assert sum(bench.shown.facts("sales.stock").counters.runs.values()) == 0
    assert bench.counted == 0


def test_a_listing_in_no_order_goes_round_and_round(bench: Bench) -> None:
    """Its unsettled runs are asked for one by one meanwhile."""
    still = listed(running("still"), -5.0)
    bench.has(*bench.old[::-1], still)
    bench.read_all()
    assert (bench.up, bench.view_up) == (True, True)
    assert bench.poll() == [*pages(0, 28), "still"]
    assert bench.up is True
    assert bench.poll() == [*pages(28, 56), "still"]
    assert bench.poll() == pages(56, 61), "the last page holds it"
    assert (bench.up, bench.view_up, bench.counted) == (True, True, 0)


def test_slow_pages_leave_time_for_one_more_of_them(bench: Bench) -> None:
    """A page that is cut off by the end of the poll would be read in vain."""
    bench.reader.seconds_a_page = 7.0
    assert bench.poll() == pages(0, 3)
    assert bench.poll() == pages(3, 6)
