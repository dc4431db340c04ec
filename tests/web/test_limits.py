"""The server against abuse: whatever a client does or leaves undone ends, and others get their answers."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from exporter.web.limits import Limits
from tests.support.certificates import Authority
from tests.support.clock import SAFETY_NET
from tests.support.web import WebServer, ended

CHUNK = b"x" * (1 << 20)
CHUNKS = 64
"""Many times what the buffers of two sockets hold."""
HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
WHOLE = HALF + b"\r\n"
SHORT = Limits(request_seconds=0.3, idle_seconds=1, answer_seconds=0.5, farewell_seconds=0.3)


class App:
    """Answers ``/large`` with more than a socket takes, ``/body`` with the request's body, else a word."""

    def __init__(self) -> None:
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.under_way += 1
        try:
            if scope["path"] == "/large":
                headers = {"Content-Length": str(CHUNKS * len(CHUNK))}
                await StreamingResponse([CHUNK] * CHUNKS, headers=headers)(scope, receive, send)
            elif scope["path"] == "/body":
                message = await receive()
                await PlainTextResponse(message.get("body", b""))(scope, receive, send)
            else:
                await PlainTextResponse("fine\n")(scope, receive, send)
        finally:
            self.under_way -= 1


@contextmanager
def serving(limits: Limits = SHORT, app: App | None = None) -> Iterator[WebServer]:
    with WebServer(app or App(), limits=limits) as server:
        yield server
        assert server.ask().body == b"fine\n", "whatever happened, others are served"


@pytest.fixture(scope="module")
def everyones() -> Iterator[WebServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(everyones: WebServer) -> Iterator[WebServer]:
    """Give a server with short deadlines, and see afterwards that it still serves."""
    yield everyones
    assert everyones.ask().body == b"fine\n"


def said(client: socket.socket) -> bytes:
    """Return all that the server says until it closes the connection."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def one_answer(client: socket.socket) -> bytes:
    """Return the answer with the word."""
    answer = b""
    while not answer.endswith(b"fine\n"):
        part = client.recv(65536)
        assert part, answer
        answer += part
    return answer


def seconds_to_end(client: socket.socket) -> float:
    began = time.monotonic()
    assert ended(client)
    return time.monotonic() - began


def test_a_head_that_is_sent_slowly_ends_in_time(server: WebServer) -> None:
    """Each byte alone would come in time."""
    with server.socket() as client:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):  # whichever way it ends
            for byte in HALF * 100:
                client.send(bytes([byte]))
                time.sleep(0.02)
        assert 0.3 <= time.monotonic() - began < 3


def test_half_a_head_gets_408(server: WebServer) -> None:
    with server.socket() as client:
        client.sendall(HALF)
        assert said(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_connection_that_says_nothing_ends(server: WebServer) -> None:
    with server.socket() as client:
        assert said(client) == b""


def test_an_idle_connection_stays_for_a_while_and_ends(server: WebServer) -> None:
    with server.socket() as client:
        client.sendall(WHOLE)
        assert one_answer(client)
        assert 0.8 < seconds_to_end(client) < 5


def test_a_second_request_has_a_deadline_of_its_own(server: WebServer) -> None:
    with server.socket() as client:
        client.sendall(WHOLE)
        assert one_answer(client)
        client.sendall(b"G")
        assert b"HTTP/1.1 408 " in said(client)


def test_a_body_that_does_not_come_ends_in_time(server: WebServer) -> None:
    with server.socket() as client:
        client.sendall(HALF + b"Content-Length: 10\r\n\r\n12345")
        answer = said(client)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1") == 1, "an answer that has been sent is followed by no other"


def test_a_body_that_the_application_waits_for_ends_in_408(server: WebServer) -> None:
    with server.socket() as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert said(client).startswith(b"HTTP/1.1 408 ")


def test_a_small_body_is_let_pass_and_the_connection_goes_on(server: WebServer) -> None:
    connection = server.connect()
    for _ in range(2):
        connection.request("GET", "/", body=b"x" * 1000)
        assert connection.getresponse().read() == b"fine\n"
    connection.request("POST", "/body", body=b"abc")
    assert connection.getresponse().read() == b"abc"
    connection.close()


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 65537\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nC000\r\n" + b"x" * 0xC000 + b"\r\n4001\r\n" + b"x" * 0x4001,
    ],
    ids=["announced", "announced, absurdly", "in chunks"],
)
def test_a_large_body_is_refused(server: WebServer, method: bytes, body: bytes) -> None:
    with server.socket() as client:
        client.sendall(method + b" / HTTP/1.1\r\nHost: x\r\n" + body)
        assert said(client).startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_ends(server: WebServer) -> None:
    """Also where its first bytes have been answered."""
    with server.socket() as client:
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
        b"\r\n\r\n",
        "GET /ä HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
)
def test_what_is_malformed_gets_400(
    server: WebServer, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with server.socket() as client:
        client.sendall(garbage)
        answer = said(client)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nconnection: close\r\n" in answer
    assert not caplog.records, "strangers do not fill the log"


@pytest.mark.parametrize(
    "request_line", [b"PRI * HTTP/2.0", b"GET / HTTP/9.9", b"GET / HTTP/0.9", b"GET / HTTP/1.2"]
)
def test_another_version_of_http_gets_505(server: WebServer, request_line: bytes) -> None:
    with server.socket() as client:
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        assert said(client).startswith(b"HTTP/1.1 505 ")


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        HALF + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        HALF + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_nothing_but_http_is_spoken(server: WebServer, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with server.socket() as client:
        client.sendall(head + b"something else")
        assert ended(client)
    assert not caplog.records


def test_garbage_after_a_request_spoils_only_itself(
    server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    with server.socket() as client:
        client.sendall(WHOLE + b"garbage\r\n\r\n")
        answer = said(client)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 400 " in answer
    assert not caplog.records


def test_garbage_in_a_body_ends_the_connection_quietly(
    server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    with server.socket() as client:
        client.sendall(HALF + b"Transfer-Encoding: chunked\r\n\r\nno length\r\n")
        assert ended(client)
    assert not caplog.records


def test_pipelined_requests_are_answered_in_their_order(server: WebServer) -> None:
    with server.socket() as client:
        requests = [
            b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n%03d" % number
            for number in range(50)
        ]
        client.sendall(b"".join(requests) + HALF + b"Connection: close\r\n\r\n")
        answers = said(client).split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert [answer[-3:] for answer in answers[:-1]] == [b"%03d" % number for number in range(50)]
        assert answers[-1].endswith(b"fine\n")


def test_an_answer_that_nobody_takes_ends() -> None:
    app = App()
    with serving(app=app) as server, server.socket() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1)
        deadline = time.monotonic() + SAFETY_NET
        while app.under_way and time.monotonic() < deadline:
            time.sleep(0.02)
        assert app.under_way == 0


def test_an_answer_that_is_taken_slowly_ends(server: WebServer) -> None:
    """A little now and then is not enough: the whole has to be taken in time."""
    with server.socket() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        taken = 0
        try:
            while part := client.recv(100_000):
                taken += len(part)
                time.sleep(0.02)
        except ConnectionResetError:
            pass
        assert taken < CHUNKS * len(CHUNK)
        assert time.monotonic() - began < SAFETY_NET / 2


def test_a_large_answer_is_given_to_who_takes_it() -> None:
    with serving(Limits()) as server:
        assert len(server.ask("/large").body) == CHUNKS * len(CHUNK)


def test_too_many_slow_readers_lose_their_places_and_not_those_who_read() -> None:
    """Each holds some megabytes."""
    app = App()
    with serving(Limits(clients_behind=4), app) as server, ExitStack() as stack:
        for _ in range(12):
            client = stack.enter_context(server.socket())
            client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1)
        assert len(server.ask("/large").body) == CHUNKS * len(CHUNK)
        deadline = time.monotonic() + SAFETY_NET
        while app.under_way > 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert app.under_way <= 5


def scrape_seconds(server: WebServer) -> float:
    began = time.monotonic()
    assert server.ask().body == b"fine\n"
    return time.monotonic() - began


def test_500_slow_connections_delay_no_scrape() -> None:
    with serving(Limits()) as server, ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(server.socket()).sendall(HALF)
        server.ask()  # behind them in the queue
        assert max(scrape_seconds(server) for _ in range(5)) < 1


def test_connections_without_end_leave_room_for_a_scrape() -> None:
    """Beyond the limit the oldest that says nothing makes room."""
    limits = Limits(connections=100)
    with serving(limits) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.socket()) for _ in range(1000)]
        for client in clients[-50:]:
            client.sendall(HALF)
        server.ask()  # behind them in the queue
        assert max(scrape_seconds(server) for _ in range(5)) < 1
        assert ended(clients[0])
        assert len(server.server._lobby) <= 100


def test_slow_tls_handshakes_leave_room_for_a_scrape(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "own")
    authority.pair("server")
    config = tmp_path / "web.yml"
    config.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}")
    with (
        WebServer(App(), config=config, limits=Limits(connections=100)) as server,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(server.socket()) for _ in range(300)]
        for client in clients[-100:]:
            client.sendall(b"\x16\x03\x01")
        assert server.ask(tls=authority.client()).body == b"fine\n"
        began = time.monotonic()
        assert server.ask(tls=authority.client()).body == b"fine\n"
        assert time.monotonic() - began < 10
        assert ended(clients[0])


def test_idle_connections_make_room_after_those_without_a_request() -> None:
    with serving(Limits(connections=3)) as server, ExitStack() as stack:
        idle = stack.enter_context(server.socket())
        idle.sendall(WHOLE)
        assert one_answer(idle)
        slow = stack.enter_context(server.socket())
        slow.sendall(HALF)
        time.sleep(0.05)
        newcomers = [stack.enter_context(server.socket()) for _ in range(2)]
        assert ended(slow)
        idle.sendall(WHOLE)
        assert one_answer(idle)
        newcomers[-1].sendall(WHOLE)
        assert one_answer(newcomers[-1])


def test_an_idle_connection_makes_room_where_nothing_else_can() -> None:
    with serving(Limits(connections=1)) as server, server.socket() as idle:
        idle.sendall(WHOLE)
        assert one_answer(idle)
        assert server.ask().body == b"fine\n"
        assert ended(idle)


def test_all_of_it_at_once_and_nothing_is_left_over() -> None:
    """Connections, tasks and threads, after each kind of abuse and a stop."""
    before = set(threading.enumerate())
    app = App()
    with serving(app=app) as server, ExitStack() as stack:
        for words in (b"", b"G", HALF, WHOLE, b"garbage\r\n\r\n", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"):
            for _ in range(5):
                stack.enter_context(server.socket()).sendall(words)
    assert app.under_way == 0
    assert len(server.server._lobby) == 0
    assert not server.server.server_state.connections
    for thread in set(threading.enumerate()) - before:
        thread.join(SAFETY_NET)
        assert not thread.is_alive(), thread.name
