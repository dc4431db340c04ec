"""An endpoint that means harm: it sends elsewhere, or never stops sending."""

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import Timeouts
from exporter.glue.transport import LARGEST_ANSWER
from tests.support.glue_clients import catalog_of, session_with, sts_at, target
from tests.support.scripted_aws import Reply, ScriptedAws

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENT = Timeouts(connect=5.0, read=5.0, answer=30.0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """The signed request would reach whoever the endpoint names."""
    with ScriptedAws(Reply()) as elsewhere:
        answer = Reply(b"", status, {"Location": f"{elsewhere.url}/"})
        with ScriptedAws(answer) as aws, catalog_of(target(aws.url), timeouts=PATIENT) as catalog:
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
                catalog_of(nowhere, sessions=sessions, timeouts=PATIENT) as catalog,
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
    with catalog_of(target(flood), timeouts=PATIENT) as catalog:
        for _ in range(2):
            tracemalloc.start()
            with pytest.raises(GlueError, match="larger than") as caught:
                catalog.get_run(RUN_ID)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert caught.value.reason is Reason.UNEXPECTED
            assert most < 3 * LARGEST_ANSWER
