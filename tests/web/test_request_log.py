"""A line for each request, if asked for, without anything secret."""

import asyncio
import base64
import io
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.auth import BasicAuth
from exporter.web.request_log import LONGEST_PATH, RequestLog
from tests.support.passwords import basic, hashed


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Give what is logged, at debug."""
    stream = io.StringIO()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    yield stream
    structlog.reset_defaults()


async def teapot(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything with 418."""
    await PlainTextResponse("no coffee", 418)(scope, receive, send)


async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail before there is an answer."""
    raise ConnectionResetError


def ask(app: ASGIApp, method: str, path: str, **headers: str) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(RequestLog(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(go())


def test_a_request_is_one_line(lines: io.StringIO) -> None:
    assert ask(teapot, "GET", "/metrics").status_code == 418
    (line,) = lines.getvalue().splitlines()
    assert line.startswith("level=debug event=request method=GET path=/metrics status=418 seconds=0.0")


def test_neither_query_nor_headers_are_logged(lines: io.StringIO) -> None:
    password = base64.b64encode(b"prometheus:hunter2").decode()
    ask(teapot, "POST", "/-/reload?token=hunter2", authorization=f"Basic {password}")
    assert "path=/-/reload " in lines.getvalue()
    assert "hunter2" not in lines.getvalue()
    assert password not in lines.getvalue()


def test_a_long_path_is_cut(lines: io.StringIO) -> None:
    ask(teapot, "GET", "/" + "x" * 5000)
    assert f"path=/{'x' * (LONGEST_PATH - 1)} " in lines.getvalue()


def test_a_request_without_an_answer_is_logged_and_its_error_goes_on(lines: io.StringIO) -> None:
    with pytest.raises(ConnectionResetError):
        ask(broken, "GET", "/metrics")
    assert "method=GET path=/metrics status" in lines.getvalue()


def test_requests_without_a_password_are_logged_too(lines: io.StringIO) -> None:
    users = {"alice": hashed("wonderland")}
    app = BasicAuth(PlainTextResponse("fine\n"), lambda: users)
    assert ask(app, "GET", "/metrics").status_code == 401
    assert ask(app, "GET", "/metrics", **basic("alice", "wonderland")).status_code == 200
    logged = [line for line in lines.getvalue().splitlines() if "event=request" in line]
    assert [("status=401" in line, "status=200" in line) for line in logged] == [(True, False), (False, True)]
    assert "wonderland" not in lines.getvalue()
