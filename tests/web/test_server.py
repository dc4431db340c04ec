"""The server on a socket of its own: connections, limits and its end."""

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter.web.address import ListenAddress
from exporter.web.server import GRACE_PERIOD, HEAD_BYTES, Server
from tests.support.clock import SAFETY_NET
from tests.support.web import WebServer, ended


@dataclass
class Slow:
    """An application that answers ``/slow`` when it may, and everything else at once."""

    entered: threading.Event
    may_answer: threading.Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["path"] == "/slow":
            self.entered.set()
            await asyncio.to_thread(self.may_answer.wait, SAFETY_NET)
        await PlainTextResponse("fine\n")(scope, receive, send)


class Running:
    """A server in a thread."""

    def __init__(self) -> None:
        self.app = Slow(threading.Event(), threading.Event())
        self.server = Server(self.app)
        listener = ListenAddress.parse("127.0.0.1:0").bind()
        self.port: int = listener.getsockname()[1]
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.run_on(listener)), daemon=True)
        self.thread.start()

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to come."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SAFETY_NET)

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self.server.stop()
        self.thread.join(SAFETY_NET)
        assert not self.thread.is_alive()


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.app.may_answer.set()
    running.stop()


def test_one_connection_serves_scrape_after_scrape(running: Running) -> None:
    connection = running.connect()
    for _ in range(3):
        connection.request("GET", "/")
        first = connection.sock
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"fine\n")
        assert connection.sock is first
        assert not answer.will_close
    connection.close()


def test_it_does_not_say_what_it_is_made_of(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.getheader("server") is None
    assert answer.getheader("date")
    connection.close()


def test_a_head_has_no_body(running: Running) -> None:
    connection = running.connect()
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-length"), answer.read()) == (200, "5", b"")
    connection.close()


def head(size: int, where: str) -> bytes:
    """Return the head of a request, of so many bytes."""
    start, middle, end = b"GET /", b" HTTP/1.1\r\nHost: x\r\n", b"\r\n"
    if where == "in the path":
        return start + b"x" * (size - len(start + middle + end)) + middle + end
    lines = b"".join(b"X-%03d: b\r\n" % number for number in range(200 if "many" in where else 0))
    lines += b"Cookie: "
    return (start + middle + lines).ljust(size - 4, b"x") + b"\r\n\r\n"


@pytest.mark.parametrize("where", ["in one header", "in many headers", "in the path"])
@pytest.mark.parametrize(
    ("size", "statuses"),
    [
        (HEAD_BYTES, {b"200"}),
        (HEAD_BYTES + 1, {b"431", b"400"}),
        (100 * 1024, {b"431", b"400"}),
        (1024 * 1024, {b"431", b"400"}),
    ],
)
def test_a_head_of_more_than_16_kib_is_refused(
    running: Running, size: int, statuses: set[bytes], where: str
) -> None:
    """Whether it arrives at once or in parts."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=SAFETY_NET) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(head(size, where))
        assert client.recv(12).removeprefix(b"HTTP/1.1 ") in statuses


def test_what_is_no_http_is_refused_and_harms_nobody_else(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=SAFETY_NET) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    test_it_does_not_say_what_it_is_made_of(running)


def test_an_answer_under_way_is_finished_when_the_server_stops(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/slow")
    assert running.app.entered.wait(SAFETY_NET)
    running.server.stop()
    running.app.may_answer.set()
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"fine\n")
    connection.close()
    running.thread.join(SAFETY_NET)
    assert not running.thread.is_alive()


def test_a_client_that_takes_its_time_does_not_keep_a_stopped_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor does it leave a traceback."""
    large = PlainTextResponse(b"x" * (64 << 20))
    with WebServer(large) as server, server.socket() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1)
        began = time.monotonic()
        server.server.stop()
        assert ended(client)
        assert time.monotonic() - began < GRACE_PERIOD + 3
    assert not caplog.records


def test_idle_connections_do_not_keep_a_stopped_server(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/")
    connection.getresponse().read()
    running.stop()
    connection.close()


def test_a_stopped_server_listens_no_longer(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()
    running.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=SAFETY_NET)
