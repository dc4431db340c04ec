"""The server: whatever a client does or leaves undone ends, others get their answers, and so does a stop."""

import asyncio
import contextlib
import http.client
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from exporter.web.app import HEAD_BYTES, make_app
from exporter.web.server import CONNECTIONS, GRACE_PERIOD, Timeouts
from tests.support.certificates import Authority
from tests.support.clock import SAFETY_NET, eventually
from tests.support.left_over import nothing_left_over
from tests.support.web import WebServer, ended

CHUNK = b"x" * (1 << 20)
CHUNKS = 64
"""Many times what the buffers of two sockets hold."""
HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
WHOLE = HALF + b"\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
SHORT = Timeouts(request=0.3, idle=1)
"""Within the first of them a busy machine may not get to send a request."""


class App:
    """Answers ``/large`` with more than a socket takes, ``/body`` with the request's body, else a word.

    ``/never`` has no answer, ``/slow`` has it once it may.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.entered, self.may_answer = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        try:
            if scope["path"] == "/large":
                headers = {"Content-Length": str(CHUNKS * len(CHUNK))}
                await StreamingResponse([CHUNK] * CHUNKS, headers=headers)(scope, receive, send)
            elif scope["path"] == "/body":
                message = await receive()
                await PlainTextResponse(message.get("body", b""))(scope, receive, send)
            else:
                if scope["path"] == "/never":
                    await asyncio.sleep(3600)
                if scope["path"] == "/slow":
                    self.entered.set()
                    await asyncio.to_thread(self.may_answer.wait, SAFETY_NET)
                await PlainTextResponse("fine\n")(scope, receive, send)
        finally:
            self.under_way -= 1


@contextmanager
def serving(timeouts: Timeouts = Timeouts(), app: App | None = None) -> Iterator[WebServer]:  # noqa: B008 (frozen)
    with WebServer(app or App(), timeouts=timeouts) as server:
        yield server
        eventually(lambda: is_served(server))  # whatever happened, others are


def is_served(server: WebServer) -> bool:
    """Ask for a word; where the request does not get there in time there is none."""
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        return server.ask().body == b"fine\n"
    return False


@pytest.fixture(scope="module")
def everyones() -> Iterator[WebServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def everyones_hasty() -> Iterator[WebServer]:
    with serving(SHORT) as server:
        yield server


@pytest.fixture
def server(everyones: WebServer) -> Iterator[WebServer]:
    """Give a server, and see afterwards that it still serves."""
    yield everyones
    assert everyones.ask().body == b"fine\n"


@pytest.fixture
def hasty(everyones_hasty: WebServer) -> Iterator[WebServer]:
    """Give one with short deadlines."""
    yield everyones_hasty
    eventually(lambda: is_served(everyones_hasty))


def said(client: socket.socket) -> bytes:
    """Return all that the server says until it closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def one_answer(client: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"fine\n"):
        part = client.recv(65536)
        assert part, answer
        answer += part
    return answer


def test_one_connection_serves_scrape_after_scrape_and_says_little_of_itself(server: WebServer) -> None:
    connection = server.connect()
    for method, path, body, text in (
        ("GET", "/", None, b"fine\n"),
        ("GET", "/", b"x" * 1000, b"fine\n"),
        ("POST", "/body", b"abc", b"abc"),
        ("HEAD", "/", None, b""),
    ):
        connection.request(method, path, body=body)
        first = connection.sock
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.will_close) == (200, text, False)
        assert answer.getheader("content-length") == str(len(text or b"fine\n"))
        assert (answer.getheader("server"), bool(answer.getheader("date"))) == (None, True)
        assert connection.sock is first
    connection.close()


def head(size: int, where: str) -> bytes:
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
    server: WebServer, size: int, statuses: set[bytes], where: str
) -> None:
    """Whether it arrives at once or in parts."""
    with server.socket() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(head(size, where))
        assert client.recv(12).removeprefix(b"HTTP/1.1 ") in statuses


def test_a_head_that_is_sent_slowly_ends_in_time(hasty: WebServer) -> None:
    """Each byte alone would come in time."""
    with hasty.socket() as client:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):  # whichever way it ends
            for byte in HALF * 100:
                client.send(bytes([byte]))
                time.sleep(0.02)
        assert 0.3 <= time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (b"", 0),
        (HALF, 0),
        (HALF + b"Content-Length: 10\r\n\r\n12345", 1),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 0),
        (WHOLE + b"G", 1),
        (b"\r\n", 1),
    ],
    ids=str,
)
def test_a_request_that_never_ends_is_given_up(hasty: WebServer, words: bytes, answers: int) -> None:
    """A first one or a later one, its head or its body; what was answered is followed by no other answer."""
    with hasty.socket() as client:
        client.sendall(words)
        assert said(client).count(b"HTTP/1.1") <= answers


def test_an_idle_connection_stays_for_a_while_and_ends() -> None:
    with serving(Timeouts(idle=1)) as server, server.socket() as client:
        began = time.monotonic()
        client.sendall(WHOLE)
        assert one_answer(client)
        assert ended(client)
        assert 1 <= time.monotonic() - began < 20


def test_an_endless_body_ends(hasty: WebServer) -> None:
    """Also where its first bytes have been answered."""
    with hasty.socket() as client:
        client.sendall(HALF + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 30:
                client.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                sent += 0x1000
        assert sent < 1 << 30


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        "GET /ä HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        WHOLE + b"garbage\r\n\r\n",
    ],
)
def test_what_is_malformed_gets_400(
    server: WebServer, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with server.socket() as client:
        client.sendall(garbage)
        answer = said(client)
        assert b"HTTP/1.1 400 Bad Request\r\n" in answer
        assert b"\r\nconnection: close\r\n" in answer.lower()
    assert not caplog.records, "strangers do not fill the log"


@pytest.mark.parametrize(
    "head",
    [
        HALF + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        HALF + b"Transfer-Encoding: chunked\r\n\r\nno length\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_nothing_but_http_is_spoken(hasty: WebServer, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with hasty.socket() as client:
        client.sendall(head + b"something else")
        assert ended(client)
    assert not caplog.records


def test_pipelined_requests_are_answered_in_their_order() -> None:
    with serving() as server, server.socket() as client:
        requests = [
            b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n%03d" % number
            for number in range(50)
        ]
        client.sendall(b"".join(requests) + HALF + b"Connection: close\r\n\r\n")
        answers = said(client).split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert [answer[-3:] for answer in answers[:-1]] == [b"%03d" % number for number in range(50)]
        assert answers[-1].endswith(b"fine\n")


@pytest.mark.parametrize("pause", [None, 0.02], ids=["not at all", "slowly"])
def test_an_answer_that_is_not_taken_in_time_ends(pause: float | None) -> None:
    """A little now and then is not enough."""
    app = App()
    with serving(Timeouts(answer=0.5), app) as server, server.socket() as client:
        client.sendall(LARGE)
        assert client.recv(1)
        if pause:
            with contextlib.suppress(ConnectionResetError):
                while client.recv(100_000):
                    time.sleep(pause)
        eventually(lambda: app.under_way == 0)


def test_a_plain_scrape_ends_with_its_client() -> None:
    """It is inflated part by part, and for nobody after that."""
    left = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield CHUNK
        finally:
            left.set()

    unused: Any = None
    app = make_app(
        scrape=lambda _accept, _encoding: ("text/plain", None, 1 << 40, endless()),
        trouble=unused,
        ready=unused,
    )
    with WebServer(app) as server:
        with server.socket() as client:
            client.sendall(WHOLE)
            assert client.recv(len(CHUNK))
        assert left.wait(SAFETY_NET)


def scrape_seconds(server: WebServer) -> float:
    began = time.monotonic()
    assert server.ask().body == b"fine\n"
    return time.monotonic() - began


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow this process, in which both ends of each connection are, as many files as the system does."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(
    ("count", "words"),
    [(500, HALF), (3000, b""), (3000, HALF), (2 * CONNECTIONS, WHOLE)],
    ids=["few", "silent", "half a request", "idle"],
)
def test_more_connections_than_allowed_leave_room_for_a_scrape(count: int, words: bytes) -> None:
    """The one that has waited longest makes room; of the others nothing is left over once they are closed."""
    with serving() as server:
        server.ask()
        with nothing_left_over(), ExitStack() as stack:
            clients = []
            for _ in range(count):
                clients.append(stack.enter_context(server.socket()))
                with contextlib.suppress(ConnectionError):
                    clients[-1].sendall(words)
                if words == WHOLE:
                    assert one_answer(clients[-1])
            assert min(scrape_seconds(server) for _ in range(5)) < 1
            assert count < CONNECTIONS or ended(clients[0])


def test_a_connection_that_is_answered_never_makes_room() -> None:
    with serving() as server, ExitStack() as stack:
        reader = stack.enter_context(server.socket())
        reader.sendall(LARGE.replace(b"Host", b"Connection: close\r\nHost"))
        first = reader.recv(1000)
        for _ in range(CONNECTIONS + 10):
            stack.enter_context(server.socket())
        assert server.ask().body == b"fine\n"
        assert len(first + said(reader)) > CHUNKS * len(CHUNK)


def test_slow_tls_handshakes_delay_no_scrape_and_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "own")
    authority.pair("server")
    config = tmp_path / "web.yml"
    config.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}")
    timeouts = Timeouts(handshake=3.0)
    with WebServer(App(), config=config, timeouts=timeouts) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.socket()) for _ in range(200)]
        for client in clients[100:]:
            client.sendall(b"\x16\x03\x01")
        began = time.monotonic()
        assert server.ask(tls=authority.client()).body == b"fine\n"
        assert time.monotonic() - began < 15
        assert all(ended(client) for client in clients)


def test_all_of_it_at_once_and_nothing_is_left_over() -> None:
    """Connections, tasks and threads, after each kind of abuse and a stop."""
    app = App()
    with nothing_left_over(), serving(SHORT, app) as server, ExitStack() as stack:
        for words in (b"", b"G", HALF, WHOLE, b"garbage\r\n\r\n", LARGE):
            for _ in range(5):
                stack.enter_context(server.socket()).sendall(words)
    assert app.under_way == 0


def test_a_stop_finishes_the_answers_under_way_and_waits_for_no_idle_connection() -> None:
    app = App()
    with WebServer(app) as server:
        idle, slow = server.connect(), server.connect()
        idle.request("GET", "/")
        assert idle.getresponse().read() == b"fine\n"
        slow.request("GET", "/slow")
        assert app.entered.wait(SAFETY_NET)
        server.server.stop()
        app.may_answer.set()
        assert slow.getresponse().read() == b"fine\n"
        slow.close()
    with pytest.raises(ConnectionRefusedError):
        server.socket()
    idle.close()


@pytest.mark.parametrize("path", [b"/large", b"/never"])
def test_neither_a_slow_client_nor_a_slow_answer_keeps_a_stopped_server(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does it leave a traceback."""
    app = App()
    with WebServer(app) as server, server.socket() as client:
        client.sendall(LARGE.replace(b"/large", path))
        eventually(lambda: app.under_way == 1)
        began = time.monotonic()
        server.server.stop()
        assert ended(client)
        assert time.monotonic() - began < GRACE_PERIOD + 15
    assert not caplog.records
