"""Every HTTP attempt is counted, timed, limited and bounded, botocore's retries included."""

import math
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.glue import ClientFactory, GlueCatalog
from exporter.glue.instrumentation import LARGEST_ANSWER
from exporter.store.series import RequestStats
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
from tests.support.scripted_aws import Asked, Reply, ScriptedAws, found, refused

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
FOUND = found({"MaterializedViewRefreshTaskRun": {"Status": "RUNNING"}})


def test_throttling_that_a_retry_absorbs_is_counted() -> None:
    """The call succeeds, and the statistics show what it cost."""
    replies = [refused("ThrottlingException", "Rate exceeded"), FOUND]
    stats = RequestStats()
    with ScriptedAws(lambda _: replies.pop(0)) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        assert catalog.get_run(RUN_ID).status == "RUNNING"
    assert attempts(stats) == {GET_RUN: 2}
    assert failures(stats) == {(GET_RUN, "throttled"): 1}


RETRIED = {
    "busy": (Reply(b"[]", status=503), Reason.UNAVAILABLE),
    "broken": (Reply(b"<html>", status=500), Reason.UNAVAILABLE),
    "gateway timeout": (Reply(b"", status=504), Reason.TIMEOUT),
    "hung up": (Reply(hang_up=True), Reason.UNAVAILABLE),
    "silent": (Reply(silent=True), Reason.TIMEOUT),
    "trickling": (Reply(FOUND.body, pieces=(0.1, 5)), Reason.TIMEOUT),
}


@pytest.mark.parametrize(("reply", "reason"), RETRIED.values(), ids=RETRIED.keys())
def test_a_passing_trouble_is_tried_twice(reply: Reply, reason: Reason) -> None:
    """Two attempts, no third; both count as failures of the same reason."""
    stats = RequestStats()
    with ScriptedAws(reply) as aws, catalog_of(target(aws.url), stats=stats, timeouts=HASTY) as catalog:
        assert reason_from(lambda: catalog.get_run(RUN_ID)) is reason
    assert attempts(stats) == {GET_RUN: 2}
    assert failures(stats) == {(GET_RUN, str(reason)): 2}


def test_an_endpoint_that_nobody_listens_at_is_unavailable() -> None:
    """And named in the message."""
    with ScriptedAws(FOUND) as gone:
        pass
    stats = RequestStats()
    with (
        catalog_of(target(gone.url), stats=stats) as catalog,
        pytest.raises(GlueError, match=gone.url) as caught,
    ):
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert failures(stats) == {(GET_RUN, "unavailable"): 2}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("EntityNotFoundException", Reason.NOT_FOUND),
        ("AccessDeniedException", Reason.ACCESS_DENIED),
        ("InvalidInputException", Reason.INVALID_INPUT),
        ("OperationTimeoutException", Reason.TIMEOUT),
        ("ExpiredTokenException", Reason.CREDENTIALS),
    ],
)
def test_what_glue_refuses_is_refused_once(code: str, reason: Reason) -> None:
    """A retry would change nothing."""
    stats = RequestStats()
    with ScriptedAws(refused(code)) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        assert reason_from(lambda: catalog.get_run(RUN_ID)) is reason
    assert failures(stats) == {(GET_RUN, str(reason)): 1}
    assert len(aws.asked) == 1


def test_a_parameter_that_the_api_cannot_take_is_invalid_input() -> None:
    """It is counted, although nothing was sent."""
    stats = RequestStats()
    with ScriptedAws(FOUND) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        assert reason_from(lambda: catalog.list_runs(max_results=0)) is Reason.INVALID_INPUT
    assert attempts(stats) == {}
    assert failures(stats) == {(LIST_RUNS, "invalid_input"): 1}


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:13:15 -0000", -5.0),
        ("yesterday", None),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
    ],
)
def test_the_clocks_are_compared(date: str, skew: float | None) -> None:
    """Glue's minus ours; a date that is none changes nothing."""
    stats = RequestStats()
    clock = ManualClock(START)
    reply = found({"MaterializedViewRefreshTaskRun": {}}, Date=date)
    with ScriptedAws(reply) as aws, catalog_of(target(aws.url), stats=stats, clock=clock) as catalog:
        catalog.get_run(RUN_ID)
    assert stats.clock_skew == skew


def test_attempts_are_timed_without_the_wait_for_their_turn() -> None:
    """The rate limit is ours, not Glue's slowness."""
    stats = RequestStats()
    clock = ManualClock()

    def answer(_: Asked) -> Reply:
        clock.advance(0.3)
        return FOUND

    with (
        ScriptedAws(answer) as aws,
        catalog_of(target(aws.url, rate=0.1), stats=stats, clock=clock) as catalog,
    ):
        for _ in range(3):
            catalog.get_run(RUN_ID)
    assert math.isclose(stats.read()[GET_RUN].duration_sum, 0.9)
    assert clock.monotonic() - 1000.0 > 20.0


def test_retries_wait_for_their_turn_too() -> None:
    """The limit counts HTTP attempts."""
    clock = ManualClock()
    times: list[float] = []

    def answer(_: Asked) -> Reply:
        times.append(clock.monotonic())
        return Reply(b"", status=503)

    with ScriptedAws(answer) as aws, catalog_of(target(aws.url, rate=1), clock=clock) as catalog:
        for _ in range(2):
            reason_from(lambda: catalog.get_run(RUN_ID))
    assert [round(time - times[0]) for time in times] == [0, 1, 2, 3]


def test_a_retry_after_the_polls_deadline_is_not_made() -> None:
    """The first attempt counts as it ended; the call was interrupted, which is no failure."""
    stats = RequestStats()
    clock = ManualClock()
    busy = Reply(b"", status=503)
    with ScriptedAws(busy) as aws, catalog_of(target(aws.url, rate=1), stats=stats, clock=clock) as catalog:
        with pytest.raises(PollInterrupted):
            catalog.until(clock.monotonic() + 0.5).get_run(RUN_ID)
        assert failures(stats) == {(GET_RUN, "unavailable"): 1}
        aws.answer = lambda _: FOUND
        catalog.until(clock.monotonic() + 5).get_run(RUN_ID)
    assert attempts(stats) == {GET_RUN: 2}


def test_a_call_after_the_stop_sends_nothing() -> None:
    """Not even where it would not have to wait, and nothing is counted."""
    stats = RequestStats()
    stop = threading.Event()
    stop.set()
    with ScriptedAws(FOUND) as aws, catalog_of(target(aws.url), stats=stats, interrupted=stop) as catalog:
        for call in (lambda: catalog.get_run(RUN_ID), catalog.list_runs):
            with pytest.raises(PollInterrupted):
                call()
    assert (aws.asked, attempts(stats), failures(stats)) == ([], {}, {})


def test_threads_count_in_the_statistics_of_their_own_target() -> None:
    """Though they share a client: one target's denials never show on another."""

    def answer(asked: Asked) -> Reply:
        return FOUND if asked.parameters["CatalogId"] == ACCOUNT else refused("AccessDeniedException")

    def read(catalog: GlueCatalog) -> None:
        for _ in range(10):
            try:
                catalog.get_run(RUN_ID)
            except GlueError as error:
                assert error.reason is Reason.ACCESS_DENIED  # noqa: PT017 (both outcomes are looked at)

    stats = [RequestStats(), RequestStats()]
    clients = ClientFactory(SystemClock(), session_factory=session_with(), timeouts=PATIENT)
    with ScriptedAws(answer) as aws:
        good, bad = (
            clients.catalog(target(aws.url, rate=1000, catalog_id=catalog_id), counted, threading.Event())
            for catalog_id, counted in zip((ACCOUNT, "210987654321"), stats, strict=True)
        )
        threads = [threading.Thread(target=read, args=(catalog,)) for catalog in (good, bad) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clients.close()
    assert [attempts(s) for s in stats] == [{GET_RUN: 20}, {GET_RUN: 20}]
    assert [failures(s) for s in stats] == [{}, {(GET_RUN, "access_denied"): 20}]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """The signed request would reach the host that the endpoint names."""
    with ScriptedAws(Reply()) as elsewhere:
        answer = Reply(b"", status, {"Location": f"{elsewhere.url}/"})
        with ScriptedAws(answer) as aws, catalog_of(target(aws.url)) as catalog:
            with pytest.raises(GlueError) as caught:
                catalog.get_run(RUN_ID)
            assert len(aws.asked) == 1
        assert elsewhere.asked == []
    assert caught.value.reason is Reason.UNEXPECTED


def test_sts_is_not_followed_elsewhere_either(tmp_path: Path) -> None:
    with ScriptedAws(Reply()) as elsewhere:
        answer = Reply(b"", 307, {"Location": f"{elsewhere.url}/"})
        with ScriptedAws(answer) as sts:
            sessions = session_with(sts_at(sts.url, tmp_path))
            nowhere = target(None, catalog_id=None)
            with (
                catalog_of(nowhere, sessions=sessions) as catalog,
                pytest.raises(GlueError) as caught,
            ):
                catalog.catalog_id()
        assert elsewhere.asked == []
    assert caught.value.reason is Reason.CREDENTIALS


@pytest.fixture
def flood() -> Iterator[str]:
    """Run a server that announces ten gigabytes, or nothing, and sends until nobody takes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    turn = iter((b"Content-Length: 10000000000", b"Connection: close"))

    def serve() -> None:
        for header in turn:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                try:
                    client.sendall(
                        b'HTTP/1.1 200 OK\r\n%s\r\n\r\n{"MaterializedViewRefreshTaskRun":{' % header
                    )
                    while True:
                        client.sendall(b" " * 1_000_000)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    thread.join(10)


def test_an_answer_without_end_is_read_to_its_bound(flood: str) -> None:
    """Announced or not; memory holds the bound once, and its copy for a moment."""
    with catalog_of(target(flood)) as catalog:
        for _ in range(2):
            tracemalloc.start()
            with pytest.raises(GlueError, match="larger than") as caught:
                catalog.get_run(RUN_ID)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert caught.value.reason is Reason.UNEXPECTED
            assert most < 3 * LARGEST_ANSWER
