"""The routes, and what a request passes on its way to them: headers, limits, passwords, the log."""

import gzip
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from exporter.model.settings import RateLimit, WebSettings
from exporter.web.app import SECURITY_HEADERS, Scrape, guarded, make_app
from tests.support.clock import ManualClock
from tests.support.passwords import basic, hashed
from tests.support.web import Client

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class FakeSite:
    """What the routes ask for."""

    answer: Scrape | Exception = (TEXT, None, 21, (b"# TYPE up gauge\n", b"up 1\n"))
    reason: str | None = None
    is_ready: bool = True
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    def scrape(self, accept: str | None, accept_encoding: str | None) -> Scrape:
        self.asked.append((accept, accept_encoding))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def app(self, settings: WebSettings | None = None) -> ASGIApp:
        return make_app(
            scrape=self.scrape,
            trouble=lambda: self.reason,
            ready=lambda: self.is_ready,
            settings=lambda: settings or WebSettings(),
        )


@pytest.fixture
def fake() -> FakeSite:
    return FakeSite()


@pytest.fixture
def client(fake: FakeSite) -> Client:
    return Client(fake.app())


def test_a_scrape_is_sent_as_it_is(client: Client, fake: FakeSite) -> None:
    answer = client.get()
    assert (answer.status_code, answer.content) == (200, b"# TYPE up gauge\nup 1\n")
    assert answer.headers["content-type"] == TEXT
    assert answer.headers["content-length"] == "21"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert "content-encoding" not in answer.headers
    client.get(accept="text/plain;q=0.5, */*;q=0.1", accept_encoding="gzip;q=1")
    assert fake.asked == [(None, None), ("text/plain;q=0.5, */*;q=0.1", "gzip;q=1")]


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_head_has_the_headers_of_a_scrape_and_makes_nothing_of_its_body(
    client: Client, fake: FakeSite, encoding: str | None
) -> None:
    """A large one takes a while to inflate, and all for nothing."""
    body = gzip.compress(b"up 1\n") if encoding else b"up 1\n"
    made: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        made.append(body)
        yield body

    fake.answer = (TEXT, encoding, len(body), chunks())
    head = client.request("HEAD", "/metrics")
    assert (head.status_code, head.content, made) == (200, b"", [])
    get = client.get()
    assert (get.headers, get.content, made) == (head.headers, b"up 1\n", [body])
    assert get.headers.get("content-encoding") == encoding


@pytest.mark.parametrize(
    ("path", "reason", "ready", "status", "text"),
    [
        ("/-/healthy", None, True, 200, "healthy\n"),
        ("/-/healthy", None, False, 200, "healthy\n"),
        ("/-/healthy", "a poll loop has died", True, 503, "a poll loop has died\n"),
        ("/-/ready", None, True, 200, "ready\n"),
        ("/-/ready", "stuck", True, 200, "ready\n"),
        ("/-/ready", None, False, 503, "the first poll of some target has not ended yet\n"),
        ("/metrics", "stuck", False, 200, "# TYPE up gauge\nup 1\n"),
    ],
)
def test_health_and_readiness(
    client: Client, fake: FakeSite, path: str, reason: str | None, *, ready: bool, status: int, text: str
) -> None:
    fake.reason, fake.is_ready = reason, ready
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (status, text)
    head = client.request("HEAD", path)
    assert (head.status_code, head.headers["content-type"]) == (status, answer.headers["content-type"])


def test_every_answer_has_the_security_headers_errors_included(fake: FakeSite) -> None:
    client = Client(fake.app(WebSettings(users={"alice": hashed("one")})))
    known = basic("alice", "one")
    answers = [client.get("/-/ready"), client.get("/metrics"), client.get("/nothing", **known)]
    answers += [client.request("POST", "/metrics", known), client.get(**known, cookie="x" * 17_000)]
    fake.reason, fake.answer = "stuck", RuntimeError("secret of the innards")
    answers += [client.get("/-/healthy"), client.get(**known)]
    assert [answer.status_code for answer in answers] == [200, 401, 404, 405, 431, 503, 500]
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()], answer
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


class Guard:
    """An application behind settings that may be replaced."""

    def __init__(self, settings: WebSettings) -> None:
        self.clock = ManualClock()
        self.settings = settings
        app = PlainTextResponse("fine\n", headers={"X-Frame-Options": "the answer's own"})
        self.client = Client(guarded(app, lambda: self.settings, self.clock))

    def statuses(self, number: int, path: str = "/metrics") -> list[int]:
        return [self.client.get(path).status_code for _ in range(number)]


def limit(interval: float, burst: int) -> WebSettings:
    return WebSettings(rate_limit=RateLimit(interval=interval, burst=burst))


def test_configured_headers_replace_all_others() -> None:
    """Each is sent once, also with a refusal. They change without a restart."""
    headers = {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=60"}
    guard = Guard(replace(limit(9.0, 2), headers=headers, users={"alice": hashed("one")}))
    for status, sent in ((401, {}), (200, basic("alice", "one")), (429, {})):
        answer = guard.client.get(**sent)
        assert answer.status_code == status
        assert answer.headers.get_list("X-Frame-Options") == ["sameorigin"]
        assert answer.headers["Strict-Transport-Security"] == "max-age=60"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    guard.settings = WebSettings()
    assert guard.client.get().headers.get_list("X-Frame-Options") == ["the answer's own"]


def test_a_burst_is_answered_and_then_one_request_in_each_interval() -> None:
    guard = Guard(limit(2.0, 3))
    assert guard.statuses(4) == [200, 200, 200, 429]
    for seconds, statuses in ((1.9, [429]), (0.1, [200, 429]), (3600, [200, 200, 200, 429])):
        guard.clock.advance(seconds)
        assert guard.statuses(len(statuses)) == statuses


def test_health_checks_are_neither_limited_nor_counted() -> None:
    """A client that asks too often must not have the exporter restarted."""
    guard = Guard(limit(3600.0, 1))
    assert guard.statuses(3, "/-/healthy") == [200, 200, 200]
    assert guard.statuses(2) == [200, 429]
    assert guard.statuses(1, "/-/ready") == [200]


def test_a_changed_limit_begins_with_its_burst() -> None:
    guard = Guard(limit(3600.0, 1))
    assert guard.statuses(2) == [200, 429]
    guard.settings = limit(3600.0, 2)
    assert guard.statuses(3) == [200, 200, 429]
    guard.settings = WebSettings()
    assert guard.statuses(3) == [200, 200, 200]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.LogfmtRenderer(key_order=["event"])],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    yield stream
    structlog.reset_defaults()


def test_a_request_is_one_line_without_its_query_and_headers(fake: FakeSite, lines: io.StringIO) -> None:
    client = Client(fake.app(WebSettings(users={"alice": hashed("hunter2")})))
    client.get("/metrics?token=hunter2")
    client.get("/metrics", **basic("alice", "hunter2"))
    refused, answered = lines.getvalue().splitlines()
    assert refused.startswith("event=request method=GET path=/metrics status=401 seconds=0.")
    assert "path=/metrics status=200 " in answered
    assert "hunter2" not in lines.getvalue()
    assert basic("alice", "hunter2")["Authorization"].split()[1] not in lines.getvalue()


def test_a_request_that_fails_is_logged_too(fake: FakeSite, lines: io.StringIO) -> None:
    fake.answer = RuntimeError("broken")
    assert Client(fake.app()).get().status_code == 500
    assert "path=/metrics status=500" in lines.getvalue()
