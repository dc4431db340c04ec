"""The routes: every path with every method, and the headers of every answer."""

import asyncio
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest
from starlette.types import ASGIApp

from exporter.web.app import Site, make_app

TEXT = "text/plain; version=0.0.4; charset=utf-8"
PATHS = ["/metrics", "/-/healthy", "/-/ready"]
WRONG_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@dataclass
class Answer:
    """A scrape's answer."""

    content_type: str = TEXT
    content_encoding: str | None = None
    length: int = 21
    chunks: Iterable[bytes] = (b"# TYPE up gauge\n", b"up 1\n")


@dataclass
class FakeSite:
    """What the routes ask for."""

    answer: Answer | Exception = field(default_factory=Answer)
    reason: str | None = None
    is_ready: bool = True
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    def scrape(self, accept: str | None, accept_encoding: str | None) -> Answer:
        """Note what the client accepts."""
        self.asked.append((accept, accept_encoding))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def site(self) -> Site:
        """Return what the application takes."""
        return Site(scrape=self.scrape, trouble=lambda: self.reason, ready=lambda: self.is_ready)


@pytest.fixture
def fake() -> FakeSite:
    return FakeSite()


class Client:
    """Calls the application as a server would, without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.get = partial(self.request, "GET")
        self.head = partial(self.request, "HEAD")

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send one request that holds no header but these."""

        async def send() -> httpx.Response:
            # A fault of the application is answered by it and then raised for the server's log.
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport) as client:
                url = httpx.URL(f"http://exporter{path}")
                return await client.send(httpx.Request(method, url, headers=headers))

        return asyncio.run(send())


@pytest.fixture
def client(fake: FakeSite) -> Client:
    return Client(make_app(fake.site()))


def test_a_scrape_is_sent_as_it_is(client: Client) -> None:
    answer = client.get("/metrics")
    assert (answer.status_code, answer.content) == (200, b"# TYPE up gauge\nup 1\n")
    assert answer.headers["content-type"] == TEXT
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert "content-encoding" not in answer.headers


def test_encoding_and_length_of_a_scrape_are_told(client: Client, fake: FakeSite) -> None:
    fake.answer = Answer(
        content_type="application/openmetrics-text; version=1.0.0; charset=utf-8",
        content_encoding="identity",
        length=7,
        chunks=(b"# EOF", b"\n", b"\n"),
    )
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["content-length"] == "7"
    assert "transfer-encoding" not in answer.headers


def test_a_scrape_is_asked_for_with_exactly_the_two_headers(client: Client, fake: FakeSite) -> None:
    client.get("/metrics", headers={"Accept": "text/plain;q=0.5, */*;q=0.1", "Accept-Encoding": "gzip;q=1"})
    assert fake.asked == [("text/plain;q=0.5, */*;q=0.1", "gzip;q=1")]


def test_headers_that_are_not_sent_are_none(client: Client, fake: FakeSite) -> None:
    client.get("/metrics")
    assert fake.asked == [(None, None)]


@pytest.mark.parametrize(
    ("path", "content"), [("/-/healthy", "healthy\n"), ("/-/ready", "ready\n")], ids=["healthy", "ready"]
)
def test_all_is_well(client: Client, path: str, content: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, content)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_it_is_not_healthy_while_there_is_trouble_and_says_which(client: Client, fake: FakeSite) -> None:
    fake.reason = "the poll loop of target prod has died"
    answer = client.get("/-/healthy")
    assert (answer.status_code, answer.text) == (503, "the poll loop of target prod has died\n")


def test_it_is_not_ready_before_the_first_polls_have_ended(client: Client, fake: FakeSite) -> None:
    fake.is_ready = False
    answer = client.get("/-/ready")
    assert (answer.status_code, answer.text) == (503, "the first poll of some target has not ended yet\n")


def test_trouble_is_no_matter_of_readiness_and_the_other_way_round(client: Client, fake: FakeSite) -> None:
    fake.reason, fake.is_ready = "stuck", False
    assert client.get("/metrics").status_code == 200
    fake.is_ready = True
    assert client.get("/-/ready").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]


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

    fake.answer = Answer(content_encoding=encoding, length=len(body), chunks=chunks())
    head = client.head("/metrics")
    assert (head.status_code, head.content, made) == (200, b"", [])
    get = client.get("/metrics")
    assert (get.headers, get.content, made) == (head.headers, b"up 1\n", [body])


@pytest.mark.parametrize("method", WRONG_METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_405_and_told_the_right_ones(client: Client, path: str, method: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/metrics/",
        "/metrics/x",
        "/-/",
        "/-/healthy/",
        "/-/ready/",
        "/METRICS",
        "/api/v2",
        "/favicon.ico",
        "/..%2fetc/passwd",
        "//metrics",
    ],
)
def test_anything_else_is_404(client: Client, path: str) -> None:
    """A redirect, too, would be something else: it would lead where the request's Host header says."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_query_changes_nothing(client: Client) -> None:
    assert client.get("/metrics?name[]=up").status_code == 200


def statuses(client: Client, fake: FakeSite) -> dict[int, dict[str, str]]:
    """Return the headers of an answer of every status."""
    answers = [client.get("/-/ready"), client.get("/nothing"), client.request("POST", "/metrics")]
    fake.reason, fake.answer = "stuck", RuntimeError("secret of the innards")
    answers += [client.get("/-/healthy"), client.get("/metrics")]
    return {answer.status_code: dict(answer.headers) for answer in answers}


def test_every_answer_has_the_security_headers_errors_included(client: Client, fake: FakeSite) -> None:
    answers = statuses(client, fake)
    assert sorted(answers) == [200, 404, 405, 500, 503]
    for status, headers in answers.items():
        assert headers["content-security-policy"].startswith("default-src 'none'"), status
        assert headers["x-content-type-options"] == "nosniff", status
        assert headers["x-frame-options"] == "DENY", status
        assert headers["referrer-policy"] == "no-referrer", status
        assert headers["cache-control"] == "no-store", status


def test_a_fault_of_ours_is_500_and_says_nothing_of_its_cause(client: Client, fake: FakeSite) -> None:
    fake.answer = RuntimeError("secret of the innards")
    answer = client.get("/metrics")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
