"""A whole exporter in this process, over a Glue on loopback: a target for each cell, and a neighbour.

Only two things are not as in the program: a test says when polls happen, and may set the clock forward.
"""

import io
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from exporter.cli.exporter_process import make_exporter
from exporter.cli.logs import configure_logs
from exporter.glue.client import ClientFactory
from exporter.glue.instrumentation import Timeouts
from exporter.model.settings import Access, AssumeRole, Settings, Target, ViewPattern
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.web.app import make_app
from tests.e2e.exposition import Exposition
from tests.faults.table import Cell, Moment, Operation
from tests.support.bare_faults import Fault
from tests.support.bare_glue import BareGlue, Call
from tests.support.bare_records import Listing, sample_run, sample_run_id
from tests.support.clock import SteppedClock
from tests.support.glue_clients import session_with, sts_at
from tests.support.logging_state import logging_as_before
from tests.support.web import WebServer

POLL_INTERVAL = 30.0
RESYNC_INTERVAL = 900.0
NEIGHBOUR = "neighbour"
RATE = 20
"""``max_requests_per_second`` of each target."""
PATIENT = Timeouts(connect=30.0, read=30.0, answer=30.0)
"""Nothing but a fault reaches these, however busy the machine is."""
SHORT = Timeouts(connect=6.0, read=5.0, answer=6.0)
"""Where an answer never comes, and the test waits for that."""
AT_ONCE = 16
"""Targets that are polled at the same time; what hangs comes first."""
DATABASE = "sales"
CONFIGURED, WATCHED, OLDER = 1, 2, 3
"""Numbers of sample runs: the one that is configured by its ID, and the view's newest and oldest."""
PATTERNS: Mapping[Operation | None, ViewPattern] = {
    Operation.GET_TABLE: ViewPattern(database=DATABASE, table="daily"),
    Operation.GET_DATABASES: ViewPattern(database="sal*", table="*"),
}


class House:
    """Entered, it serves; left, nothing of it is there any more."""

    def __init__(self, folder: Path, cells: Iterable[Cell], *, moment: Moment) -> None:
        self.cells = sorted(cells, key=lambda cell: not cell.never_answered)
        self.moment = moment
        self.faulty = False
        """Whether the cells' faults are in force."""
        self.clock = SteppedClock()
        self._cell_of = {f"AKIA{cell.target.upper()}": cell for cell in self.cells}
        self._cell_of |= {f"ASIA{cell.target.upper()}": cell for cell in self.cells}
        self._a_page_was_read: set[Cell] = set()
        self._folder = folder
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        # As in the program: a log that keeps tracebacks would keep all that they lead to.
        self._resources.enter_context(logging_as_before())
        configure_logs("error", "json", io.StringIO())
        self.glue = self._resources.enter_context(BareGlue())
        self.glue.listing = Listing(page_limit=2 if self.moment is Moment.MID_LISTING else 1000)
        # Below ten minutes the SDK renews a role's credentials before every request.
        self.glue.credentials_lifetime = 300.0
        self._aws_config = sts_at(self.glue.url, self._folder)
        self.glue.judge = self._judge
        self.glue.account_of = self._account_of
        for cell in self.cells:
            self._fill(catalog_of(cell))
        self._fill(catalog_of(None))
        never_answered = any(cell.never_answered for cell in self.cells)
        self._clients = ClientFactory(
            self.clock, session_factory=self._session, timeouts=SHORT if never_answered else PATIENT
        )
        targets = [self._target(cell) for cell in self.cells] + [self._target(None)]
        self.settings = Settings(
            targets=tuple(targets), poll_interval=POLL_INTERVAL, resync_interval=RESYNC_INTERVAL
        )
        self.exporter = make_exporter(self.settings, clients=self._clients, clock=self.clock)
        self._resources.callback(self.exporter.close)
        self.exporter.store.configure(self.settings)
        self._polls = {target.name: self._poll_of(target) for target in targets}
        app = make_app(
            scrape=self.exporter.exposition.scrape,
            trouble=self.exporter.scheduler.trouble,
            ready=self.exporter.store.ready,
        )
        self.web = self._resources.enter_context(WebServer(app))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def poll(self, targets: Sequence[str] | None = None, *, resync: bool = False) -> Exposition:
        """Let the next poll of all targets happen, or of some; scrape meanwhile, and once more in the end.

        ``resync``: let so much time have passed that tables and listings are read to their ends, too. It runs
        beside the poll, and what it finds is read by the next one.
        """
        self.clock.advance(RESYNC_INTERVAL if resync else POLL_INTERVAL)
        self._a_page_was_read.clear()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            jobs = [threads.submit(self._poll, name) for name in targets or self._polls]
            while wait(jobs, timeout=0.2).not_done:
                self.scrape()
        return Exposition(self.scrape())

    def _poll(self, name: str) -> None:
        self._polls[name].run(lambda: None)
        self._polls[name].resync.wait(math.inf, lambda: None)

    def scrape(self) -> str:
        """Fetch ``/metrics`` over HTTP."""
        answer = self.web.ask("/metrics")
        assert answer.status == 200
        return answer.body.decode()

    def change_run(self, number: int, **members: object) -> None:
        """Let Glue report something else of a run, in every catalog."""
        for catalog in [catalog_of(cell) for cell in self.cells] + [catalog_of(None)]:
            record = self.glue.records.run(sample_run_id(number), catalog_id=catalog)
            self.glue.records.put_run({**record, **members}, catalog_id=catalog)

    def _judge(self, call: Call) -> Fault | None:
        cell = self._cell_of.get(call.access_key)
        if cell is None or not self.faulty:
            return None
        hit = cell.operation == call.operation
        if hit and self.moment is Moment.MID_LISTING:
            hit = cell in self._a_page_was_read
        if call.operation == (
            Operation.LIST_RUNS if cell.operation is Operation.ASSUME_ROLE else cell.operation
        ):
            self._a_page_was_read.add(cell)
        return cell.fault if hit else None

    def _account_of(self, access_key: str) -> str | None:
        cell = self._cell_of.get(access_key)
        return catalog_of(cell) if cell else None

    def _session(self, profile: str | None) -> Any:
        """Return a session with the keys of one target, which looks for STS where Glue is."""
        return session_with(self._aws_config, access_key=f"AKIA{(profile or '').upper()}")(None)

    def _poll_of(self, target: Target) -> TargetPoll:
        requests = self.exporter.store.requests(target.name)
        never = threading.Event()
        reader = self._clients.catalog(target, requests, never)
        # What takes the processor long happens here, one after the other, and not while others wait for Glue.
        reader.connection.client("glue")
        return TargetPoll(Polling(target, reader, self.exporter.store, self.clock, never))

    def _target(self, cell: Cell | None) -> Target:
        operation = cell.operation if cell else None
        name = cell.target if cell else NEIGHBOUR
        role = AssumeRole(role_arn=f"arn:aws:iam::123456789012:role/{name}")
        return Target(
            name=name,
            access=Access(
                aws_region="eu-west-1",
                profile=name,
                endpoint_url=self.glue.url,
                assume_role=role if operation is Operation.ASSUME_ROLE else None,
            ),
            catalog_id=None if operation is Operation.GET_CALLER_IDENTITY else catalog_of(cell),
            run_ids=(sample_run_id(CONFIGURED),),
            views=(PATTERNS.get(operation, ViewPattern(database=DATABASE, table="*")),),
            max_requests_per_second=RATE,
        )

    def _fill(self, catalog_id: str) -> None:
        """Give a catalog a view with runs, and a run elsewhere that is configured by its ID."""
        put_run = partial(self.glue.records.put_run, catalog_id=catalog_id)
        view = {"DatabaseName": DATABASE, "TableName": "daily", "CatalogId": catalog_id}
        put_run({**sample_run(CONFIGURED, status="RUNNING"), "DatabaseName": "other", "TableName": "x"})
        put_run({**sample_run(WATCHED, status="RUNNING"), **view})
        for number in range(OLDER, OLDER + 4):
            put_run({**sample_run(number), **view})
        self.glue.records.put_view(DATABASE, "daily", refresh_seconds=3600, catalog_id=catalog_id)
        if self.moment is Moment.MID_LISTING:  # a page of tables and of databases holds 100
            for number in range(101):
                self.glue.records.put_database(f"empty{number:03}", catalog_id=catalog_id)
                self.glue.records.put_table(
                    {"Name": f"plain{number:03}"}, database=DATABASE, catalog_id=catalog_id
                )


def catalog_of(cell: Cell | None) -> str:
    """Return the catalog of a cell's target; None: the neighbour's."""
    return f"{100_000_000_000 + (cell.number if cell else 0)}"
