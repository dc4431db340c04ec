"""Every HTTP attempt is counted, timed, limited and bounded, botocore's retries included."""

import math
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.glue.client import ClientFactory, GlueCatalog
from exporter.glue.instrumentation import LARGEST_ANSWER
from exporter.store.series import RequestStats
from tests.support.bare_faults import CUT_CONNECTION, HANG, Fault, error, json_answer
from tests.support.bare_glue import BareGlue, Call
from tests.support.clock import START, ManualClock
from tests.support.glue_clients import (
    ACCOUNT,
    HASTY,
    PATIENT,
    attempts,
    catalog_of,
    failures,
    reason_from,
    session_with,
    sts_at,
    target,
)

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
FOUND = json_answer({"MaterializedViewRefreshTaskRun": {"Status": "RUNNING"}})


def test_throttling_that_a_retry_absorbs_is_counted() -> None:
    replies = [error("ThrottlingException", message="Rate exceeded"), FOUND]
    stats = RequestStats()
    with BareGlue(lambda _: replies.pop(0)) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        assert catalog.get_run(RUN_ID).status == "RUNNING"
    assert attempts(stats) == {GET_RUN: 2}
    assert failures(stats) == {(GET_RUN, "throttled"): 1}


FAILURES = {
    "busy": (Fault(body=b"[]", status=503), Reason.UNAVAILABLE, 2),
    "hung up": (CUT_CONNECTION, Reason.UNAVAILABLE, 2),
    "silent": (HANG, Reason.TIMEOUT, 2),
    "trickling": (Fault(body=FOUND.body, trickle=0.1), Reason.TIMEOUT, 2),
    "throttled": (error("ThrottlingException"), Reason.THROTTLED, 2),
    "not there": (error("EntityNotFoundException"), Reason.NOT_FOUND, 1),
    "denied": (error("AccessDeniedException"), Reason.ACCESS_DENIED, 1),
    "Glue's own timeout": (error("OperationTimeoutException"), Reason.TIMEOUT, 1),
}


@pytest.mark.parametrize(("fault", "reason", "times"), FAILURES.values(), ids=FAILURES.keys())
def test_what_may_pass_is_tried_twice_and_the_rest_once(fault: Fault, reason: Reason, times: int) -> None:
    """Each attempt counts as a failure of the same reason."""
    stats = RequestStats()
    timeouts = HASTY if fault.hang or fault.trickle else PATIENT
    with BareGlue(fault) as aws, catalog_of(target(aws.url), stats=stats, timeouts=timeouts) as catalog:
        assert reason_from(lambda: catalog.get_run(RUN_ID)) is reason
    assert attempts(stats) == {GET_RUN: times}
    assert failures(stats) == {(GET_RUN, str(reason)): times}


def test_an_endpoint_that_nobody_listens_at_is_unavailable_and_named_in_the_message() -> None:
    with BareGlue(FOUND) as gone:
        pass
    stats = RequestStats()
    with (
        catalog_of(target(gone.url), stats=stats) as catalog,
        pytest.raises(GlueError, match=gone.url) as caught,
    ):
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert failures(stats) == {(GET_RUN, "unavailable"): 2}


def test_a_parameter_that_the_api_cannot_take_is_invalid_input() -> None:
    stats = RequestStats()
    with BareGlue(FOUND) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        assert reason_from(lambda: catalog.list_runs(max_results=0)) is Reason.INVALID_INPUT
    assert attempts(stats) == {}
    assert failures(stats) == {(LIST_RUNS, "invalid_input"): 1}


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be five and a half hours ahead."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:13:15 -0000", -5.0),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
    ],
)
def test_the_clocks_are_compared(date: str, skew: float | None) -> None:
    """Glue's minus ours."""
    stats = RequestStats()
    clock = ManualClock(START)
    reply = json_answer({"MaterializedViewRefreshTaskRun": {}}, Date=date)
    with BareGlue(reply) as aws, catalog_of(target(aws.url), stats=stats, clock=clock) as catalog:
        catalog.get_run(RUN_ID)
    assert stats.clock_skew == skew


def test_attempts_are_timed_without_the_wait_for_their_turn() -> None:
    stats = RequestStats()
    clock = ManualClock()

    def answer(_: Call) -> Fault:
        clock.advance(0.3)
        return FOUND

    with BareGlue(answer) as aws, catalog_of(target(aws.url, rate=0.1), stats=stats, clock=clock) as catalog:
        for _ in range(3):
            catalog.get_run(RUN_ID)
    assert math.isclose(stats.read()[GET_RUN].duration_sum, 0.9)
    assert clock.monotonic() - 1000.0 > 20.0


def test_retries_wait_for_their_turn_too() -> None:
    clock = ManualClock()
    times: list[float] = []

    def answer(_: Call) -> Fault:
        times.append(clock.monotonic())
        return Fault(body=b"", status=503)

    with BareGlue(answer) as aws, catalog_of(target(aws.url, rate=1), clock=clock) as catalog:
        for _ in range(2):
            reason_from(lambda: catalog.get_run(RUN_ID))
    assert [round(time - times[0]) for time in times] == [0, 1, 2, 3]


def test_a_retry_after_the_polls_deadline_is_not_made() -> None:
    """The first attempt counts as it ended; the call was interrupted, which is not a failure."""
    stats = RequestStats()
    clock = ManualClock()
    busy = Fault(body=b"", status=503)
    with BareGlue(busy) as aws, catalog_of(target(aws.url, rate=1), stats=stats, clock=clock) as catalog:
        with pytest.raises(PollInterrupted):
            catalog.until(clock.monotonic() + 0.5).get_run(RUN_ID)
        assert failures(stats) == {(GET_RUN, "unavailable"): 1}
        aws.judge = lambda _: FOUND
        catalog.until(clock.monotonic() + 5).get_run(RUN_ID)
    assert attempts(stats) == {GET_RUN: 2}


def test_a_call_after_the_stop_sends_nothing() -> None:
    stats = RequestStats()
    stop = threading.Event()
    stop.set()
    with (
        BareGlue(FOUND) as aws,
        catalog_of(target(aws.url), stats=stats, interrupted=stop) as catalog,
        pytest.raises(PollInterrupted),
    ):
        catalog.get_run(RUN_ID)
    assert (aws.calls(), attempts(stats), failures(stats)) == ([], {}, {})


def test_threads_share_one_session_and_count_in_the_statistics_of_their_own_target() -> None:
    """The SDK's own making of sessions is not safe to share; one target's denials never show on another."""
    made: list[str | None] = []

    def sessions(profile: str | None) -> Any:
        made.append(profile)
        return session_with()(profile)

    def answer(asked: Call) -> Fault:
        return FOUND if asked.parameters["CatalogId"] == ACCOUNT else error("AccessDeniedException")

    def read(catalog: GlueCatalog) -> None:
        for _ in range(10):
            with suppress(GlueError):
                catalog.get_run(RUN_ID)

    stats = [RequestStats(), RequestStats()]
    clients = ClientFactory(Clock(), session_factory=sessions, timeouts=PATIENT)
    with BareGlue(answer) as aws, ThreadPoolExecutor(8) as threads:
        for catalog_id, counted in zip((ACCOUNT, "210987654321"), stats, strict=True):
            reads = target(aws.url, rate=1000, catalog_id=catalog_id)
            catalog = clients.catalog(reads, counted, threading.Event())
            for _ in range(4):
                threads.submit(read, catalog)
    clients.close()
    assert made == [None]
    assert [attempts(s) for s in stats] == [{GET_RUN: 40}, {GET_RUN: 40}]
    assert [failures(s) for s in stats] == [{}, {(GET_RUN, "access_denied"): 40}]


@pytest.mark.parametrize("status", [302, 307])
def test_no_redirect_is_followed(tmp_path: Path, status: int) -> None:
    """The signed request would reach the host that the endpoint names."""
    with BareGlue() as elsewhere:
        answer = Fault(body=b"", status=status, headers=(("Location", f"{elsewhere.url}/"),))
        with BareGlue(answer) as aws:
            with catalog_of(target(aws.url)) as catalog:
                assert reason_from(lambda: catalog.get_run(RUN_ID)) is Reason.UNEXPECTED
            nowhere, sessions = target(None, catalog_id=None), session_with(sts_at(aws.url, tmp_path))
            with catalog_of(nowhere, sessions=sessions) as catalog:
                assert reason_from(catalog.catalog_id) is Reason.CREDENTIALS
            assert aws.count() == 2
        assert elsewhere.count() == 0


@pytest.fixture
def flood() -> Iterator[str]:
    """Run a server that sends until nobody takes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):
            client.recv(65536)
            client.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"MaterializedViewRefreshTaskRun":{')
            while True:
                client.sendall(b" " * 1_000_000)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(10)
    listener.close()


def test_an_answer_without_end_is_read_to_its_bound(flood: str) -> None:
    """Memory holds the bound once, and its copy for a moment."""
    tracemalloc.start()
    with catalog_of(target(flood)) as catalog, pytest.raises(GlueError, match="larger than") as caught:
        catalog.get_run(RUN_ID)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason is Reason.UNEXPECTED
    assert most < 3 * LARGEST_ANSWER
