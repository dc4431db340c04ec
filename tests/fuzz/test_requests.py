"""HTTP requests that mean harm: each is answered or hung up on, and the next honest one is answered."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import example
from hypothesis import strategies as st

from exporter.cli.exporter_process import make_exporter
from exporter.metrics.exposition import accepts_gzip
from exporter.model.settings import Settings
from exporter.web.app import make_app
from exporter.web.pages import status_routes
from exporter.web.status import read_status
from tests.fuzz.hostile import STEERING, TEXT, fuzzed
from tests.support.web import WebServer

STATUSES = {200, 206, 304, 400, 403, 404, 405, 408, 413, 415, 416, 417, 426, 431, 501, 505}
PATHS = st.sampled_from(
    ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/-/reload", "/static/status.js", "*", ""]
)
HEADERS = st.sampled_from(
    [
        *(b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Accept", b"Accept-Encoding"),
        *(b"Authorization", b"Expect", b"Upgrade", b"Range", b"If-None-Match", b"X-Forwarded-For"),
    ]
)
VALUES = st.sampled_from(
    [
        *(b"0", b"5", b"-1", b"99999999999999999999", b"5, 5", b"chunked", b"identity, chunked", b"close"),
        *(b"keep-alive", b"gzip;q=0", b"gzip;q=nan, *;q=-1", b"100-continue", b"h2c", b"websocket"),
        *(
            b"application/openmetrics-text;version=9;q=1e999",
            b"bytes=0-0",
            b"Basic Og==",
            b"text/plain;;;q=,",
        ),
        *(b",,,", b'"'),
    ]
)
WORDS = TEXT.map(lambda text: text.encode(errors="replace"))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    whole = b""
    for _ in range(draw(st.integers(1, 3))):
        methods = st.sampled_from([b"GET", b"HEAD", b"POST", b"OPTIONS", b"PRI", b"get", b"TRACE"])
        versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""])
        path = draw(PATHS).encode() + draw(st.just(b"") | WORDS)
        head = [b" ".join((draw(methods | WORDS), path, draw(versions)))]
        head += draw(st.sampled_from([[], [b"Host: exporter"]]))
        for _ in range(draw(st.integers(0, 4))):
            colon = draw(st.sampled_from([b": ", b":", b" : "]))
            head.append(draw(HEADERS | WORDS) + colon + draw(VALUES | WORDS))
        end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"]))
        whole += end.join(head) + end * draw(st.integers(1, 2))
        whole += draw(st.just(b"") | WORDS | st.binary(max_size=40))
    return whole


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    exporter = make_exporter(Settings(targets=()))
    app = make_app(
        scrape=exporter.exposition.scrape,
        trouble=lambda: None,
        ready=lambda: True,
        pages=status_routes(lambda: read_status(exporter.store, 0.0), accepts_gzip),
    )
    with WebServer(app) as served:
        yield served
    exporter.close()


def judge(server: WebServer, data: bytes) -> None:
    """Send this and nothing more, check what comes back, and ask for something honest."""
    came = b""
    # To hang up is an answer, too.
    with suppress(OSError), server.socket() as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while part := client.recv(65536):
            came += part
    if came:
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", came)
        assert status, came[:100]
        assert int(status[1]) in STATUSES, came[:200]
        assert b"Traceback" not in came
        if not came.endswith(b"Invalid HTTP request received."):  # uvicorn's own answer, always this text
            assert b"x-content-type-options: nosniff" in came.lower()
    assert server.ask("/-/healthy").status == 200


@fuzzed(requests() | st.binary(max_size=200), share=12)
@example(b"")
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET"
)
@example(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")
@example(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
@example(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
@example(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET http://elsewhere/metrics HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET //elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /static/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /static/%2e%2e%2f%00 HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /metrics HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n")
@example(b"\r\n\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
def test_any_request(server: WebServer, data: bytes) -> None:
    judge(server, data)


NAMES = ["q", "target", "show", "limit", "views_sort", "runs_sort", "runs_page", "targets_page"]
ODD = ["-status", "1", "0", "999999", "9" * 400, "problems", "%", "_", "\\"]
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), TEXT | st.sampled_from(ODD)), max_size=4)


@fuzzed(QUERIES, share=3)
def test_any_query(server: WebServer, query: list[tuple[str, str]]) -> None:
    """A page, or a sentence that says what is wrong with it."""
    parameters = urlencode(query, errors="replace")
    for path in ("/", "/api/v1/status"):
        answer = server.ask(f"{path}?{parameters}")
        assert answer.status in {200, 400}
        assert not set(STEERING[:6]) & set(answer.body.decode())
