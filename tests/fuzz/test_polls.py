"""Whole polls of a Glue that answers anything: what a scrape shows of a run was said of that run."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import strategies as st

from exporter.cli.exporter_process import make_exporter
from exporter.glue import ClientFactory
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller.poll import TargetPoll
from tests.e2e.exposition import RUN, Exposition
from tests.fuzz.hostile import JSON, TEXT, as_json, fuzzed
from tests.support.bare_faults import Fault
from tests.support.bare_glue import BareGlue, Call
from tests.support.bare_records import sample_run_id
from tests.support.clock import START, ManualClock
from tests.support.glue_clients import session_with

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CATALOG = "123456789012"
VARIANTS = 16
MOST = 12
"""Runs that Glue knows; two of them are configured by their IDs."""


def record_of(number: int, variant: int, status: str) -> dict[str, Any]:
    """Return a record whose every value tells whose it is; ``variant`` lets them differ between polls."""
    return {
        "MaterializedViewRefreshTaskRunId": sample_run_id(number),
        "CatalogId": CATALOG,
        "DatabaseName": "sales",
        "TableName": f"view_{number % 3}",
        "Status": status,
        "RefreshType": "FULL",
        "Role": f"role-{number}-{variant}",
        "CustomerId": f"customer-{number}",
        "CreationTime": START - 1_000_000 + 1000 * number + variant,
        "StartTime": START - 1_000_000 + 1000 * number + variant,
        "EndTime": START - 1_000_000 + 1000 * number + variant + 60,
        "LastUpdated": START - 1_000_000 + 1000 * number + variant + 70,
        "DPUSeconds": number + variant / VARIANTS,
        "ProcessedBytes": number * 1000 + variant,
    }


def whose(name: str, labels: Mapping[str, str], value: float) -> int | None:
    """Return the number of the run that a run-level sample's value belongs to; None where it does not say."""
    match name.removeprefix(RUN):
        case "dpu_seconds":
            return math.floor(value)
        case "processed_bytes":
            return int(value // 1000)
        case "info":
            if not labels["role"]:
                return None  # a record may lack any member
            number = labels["role"].split("-")[1]
            assert labels["customer_id"] == f"customer-{number}"
            return int(number)
        case text if text.endswith("_timestamp_seconds"):
            return int((value - START + 1_000_000) // 1000)
        case _:
            return None


STATUSES = st.sampled_from(["STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED", "PAUSED"])
RECORDS = st.builds(record_of, st.integers(1, MOST), st.integers(0, VARIANTS - 1), STATUSES)
SPOILT = st.builds(
    lambda record, name, value: {**record, name: value},
    RECORDS,
    st.sampled_from(["CreationTime", "EndTime", "DPUSeconds", "ProcessedBytes"]),
    st.sampled_from(["yesterday", [], {}, -1, float("nan"), float("inf"), True]),
)
"""Records that cannot be read: nothing of them may show."""
LISTED = st.lists(RECORDS | RECORDS | SPOILT | JSON, max_size=8)
TOKENS = st.none() | st.sampled_from(["x", "y", ""]) | JSON


def cut(page: bytes, where: float) -> bytes:
    """Return the first part of a page; what else might be done to it could change a value."""
    return page[: int(len(page) * where)]


def maybe_cut(page: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return page | page | st.builds(cut, page, st.floats(0, 1))


PAGES = st.builds(
    lambda runs, token: as_json({"MaterializedViewRefreshTaskRuns": runs, "NextToken": token}), LISTED, TOKENS
)
NAMES = st.integers(0, 2).map(lambda number: f"view_{number}") | TEXT
TABLES = st.lists(NAMES.map(lambda name: {"Name": name, "IsMaterializedView": True}) | JSON, max_size=4)
ONE = (RECORDS | SPOILT | JSON).map(lambda run: as_json({"MaterializedViewRefreshTaskRun": run}))


@st.composite
def answers(draw: st.DrawFn) -> Callable[[Call], Fault]:
    """Return what a Glue that says right, wrong and broken things answers in one poll."""
    pages = draw(st.lists(maybe_cut(PAGES), min_size=1, max_size=3))
    one = {sample_run_id(1): draw(ONE), sample_run_id(2): draw(ONE)}
    tables = draw(maybe_cut(TABLES.map(lambda found: as_json({"TableList": found}))))
    status = draw(st.sampled_from([200, 200, 200, 200, 400, 403, 302]))
    listed = chain(pages, repeat(pages[-1]))

    def answer(asked: Call) -> Fault:
        if asked.operation == "ListMaterializedViewRefreshTaskRuns":
            body = next(listed)
        elif asked.operation == "GetTables":
            body = tables
        else:
            body = one.get(asked.parameters["MaterializedViewRefreshTaskRunId"], b"")
        return Fault(body=body, status=status)

    return answer


class Watcher:
    """An exporter of one target, over a Glue on loopback."""

    def __init__(self, aws: BareGlue) -> None:
        self._aws = aws
        self._clock = ManualClock(START)
        self._clients = ClientFactory(self._clock, session_factory=session_with())
        target = Target(
            name="prod",
            access=Access(aws_region="eu-west-1", endpoint_url=aws.url),
            catalog_id=CATALOG,
            run_ids=(sample_run_id(1), sample_run_id(2)),
            views=(ViewPattern(database="sales", table="*"),),
            max_requests_per_second=1000,
        )
        settings = Settings(targets=(target,), runs_per_view=5)
        self.exporter = make_exporter(settings, clients=self._clients, clock=self._clock)
        store = self.exporter.store
        store.configure(settings)
        self._stop = threading.Event()
        reader = self._clients.catalog(target, store.requests("prod"), self._stop)
        self._poll = TargetPoll(target, reader, store, self._clock, self._stop)

    def poll(self, answer: Callable[[Call], Fault]) -> None:
        """Poll a quarter of an hour later: all is read to its end."""
        self._aws.judge = answer
        self._clock.advance(900)
        self._poll.run(lambda: None)
        self._aws.forget_calls()

    def scrape(self, accept: str | None) -> Exposition:
        """Read what is exposed; a duplicate, or what no parser takes, fails."""
        text = b"".join(self.exporter.exposition.scrape(accept, None).chunks).decode()
        return Exposition(text, openmetrics=accept is not None)

    def close(self) -> None:
        """End it."""
        self.exporter.close()


@pytest.fixture(scope="module")
def aws() -> Iterator[BareGlue]:
    """Serve a Glue that each poll scripts anew."""
    with BareGlue(Fault(body=b"{}")) as served:
        yield served


NUMBER_OF = {sample_run_id(number): number for number in range(1, MOST + 1)}


@fuzzed(st.lists(answers(), min_size=1, max_size=3), share=2)
def test_no_poll_mixes_two_runs(aws: BareGlue, polls: list[Callable[[Call], Fault]]) -> None:
    """Each value that is shown under a run's ID was reported of that run, in whatever shape answers come."""
    watcher = Watcher(aws)
    try:
        for poll in polls:
            watcher.poll(poll)
            for accept in (None, OPENMETRICS):
                scraped = watcher.scrape(accept)
                for name in scraped.names():
                    if name.startswith(RUN) and name != f"{RUN}up":
                        for labels, value in scraped.series(name):
                            owner = NUMBER_OF[labels["run_id"]]
                            assert whose(name, labels, value) in (None, owner), (name, labels, value)
                            assert labels["table"] in {"", f"view_{owner % 3}"}
                assert scraped.value("glue_mv_exporter_target_up", target="prod") in (0, 1)
    finally:
        watcher.close()
