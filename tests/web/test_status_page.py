"""The page's routes: what is sent, with which headers, and that nothing of AWS's becomes markup."""

import asyncio
import re
import threading
from functools import partial
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from exporter import __version__
from exporter.errors import GlueError, Reason
from exporter.metrics.exposition import accepts_gzip
from exporter.web.app import make_app
from exporter.web.pages import status_routes
from exporter.web.status import Reading, read_status
from tests.support.clock import SAFETY_NET, START, eventually
from tests.support.status_browser import RUN_ID, Browser, hostile_scene, small_scene
from tests.support.status_scene import Scene, refresh
from tests.support.store_bench import target
from tests.support.web import WebServer

PATHS = ["/", "/api/v1/status", "/static/status.css", "/static/status.js", "/static/icon.svg"]
WRONG_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture
def scene() -> Scene:
    return small_scene()


@pytest.fixture
def browser(scene: Scene) -> Browser:
    return Browser(scene)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_its_methods_and_a_policy(browser: Browser, path: str) -> None:
    head, get = browser.request("HEAD", path), browser.get(path)
    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]
    for method in WRONG_METHODS:
        answer = browser.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    (policy,) = get.headers.get_list("content-security-policy")
    assert path == "/" or policy.startswith("default-src 'none'; base-uri"), "that allows nothing"


@pytest.mark.parametrize(
    "path",
    [
        *("/static/", "/static/status.py", "/static/../app.py", "/static/%2e%2e%2fapp.py", "/favicon.ico"),
        *("/static/a/status.css", "/api/v1/status/", "/api/v1", "/api/v2", "/index.html", "/nothing"),
        *("/metrics/", "/metrics/x", "/-/", "/-/healthy/", "/-/ready/", "/METRICS", "/..%2fetc/passwd"),
        "http://exporter//metrics",
    ],
)
def test_anything_else_is_404(browser: Browser, path: str) -> None:
    """A redirect, too, would be something else: it would lead where the request's Host header says."""
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_the_page_has_a_policy_that_allows_its_own_files_and_no_inline_code(browser: Browser) -> None:
    answer = browser.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    page = browser.page()
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert not page.those("style")
    assert all(attributes.get("src") for attributes in page.those("script"))


def test_the_page_links_to_the_rest_relatively(browser: Browser) -> None:
    """It may stand behind a proxy's prefix."""
    links = browser.page().all("href")
    assert {"metrics", "api/v1/status?", "-/healthy", "-/ready"} <= set(links)
    assert not [link for link in links if link.startswith("/")]


def test_the_page_shows_what_there_is(browser: Browser) -> None:
    text = browser.page().text
    for part in (
        *(f"version {__version__}, up", "sales.orders", "Access Denied", RUN_ID, "not found in Glue"),
        *("none.*", "expected every 1 h", "2.5 MB", "0.100"),
    ):
        assert part in text
    time = '<time datetime="2023-11-14T21:43:20.000Z" title="2023-11-14 21:43:20 UTC">30 min ago</time>'
    assert time in browser.get("/").text


def test_a_table_says_how_it_is_sorted(browser: Browser) -> None:
    page = browser.page("/?runs_sort=-dpu")
    assert page.all("aria-sort") == ["ascending", "descending", "ascending"]


def test_the_filter_is_a_form_that_keeps_what_was_asked(browser: Browser) -> None:
    page = browser.page("/?q=sales&show=problems&runs_sort=-dpu&limit=50")
    assert len(page.those("form", method="get", action="./")) == 1
    fields = {field["name"]: field["value"] for field in page.those("input")}
    assert fields == {"q": "sales", "runs_sort": "-dpu", "limit": "50"}
    assert [option["value"] for option in page.those("option", selected="")] == ["problems"]


def test_a_target_that_is_gone_stays_in_the_filter_that_names_it(browser: Browser) -> None:
    page = browser.page("/?target=gone")
    chosen = [option["value"] for option in page.those("option", selected="")]
    assert chosen == ["gone", ""], "the second is that of what to show"
    assert page.text.count("Nothing matches the filter.") == 3


def test_a_long_table_says_what_it_shows_and_leads_on() -> None:
    scene = Scene(target("prod", *(f"run-{number:03}" for number in range(250))))
    browser = Browser(scene)
    first = browser.get("/")
    assert "showing 1–100 of 250: filter to see fewer" in first.text  # noqa: RUF001 (an en dash, as written)
    assert 'href="?runs_page=2#runs"' in first.text
    last = browser.get("/?runs_page=3")
    assert "showing 201–250 of 250" in last.text  # noqa: RUF001 (as above)
    assert 'rel="next"' not in last.text
    assert "page 9 is beyond the 250 that there are" in browser.get("/?runs_page=9").text


def test_no_name_or_message_becomes_markup_or_leads_elsewhere() -> None:
    browser = Browser(hostile_scene())
    text, page = browser.get("/").text, browser.page()
    assert text.count("<script") == 1, "its own"
    assert not re.search("[\u0000\u001b\u202e\r]", text)
    assert '"><script>alert(1)</script><U+202E><U+001B>[31m<U+0000>{{ 7*7 }}&amp;' in page.text
    assert "49" not in re.sub(r"\d{2}:\d{2}:\d{2}", "", page.text)
    assert {tag for tag, _ in page.elements} <= {
        *("html", "head", "meta", "title", "link", "script", "body", "a", "header", "h1", "p", "span", "nav"),
        *("main", "form", "div", "label", "input", "select", "option", "button", "time", "ul", "li", "bdi"),
        *("dl", "dt", "dd", "b", "section", "h2", "table", "thead", "tbody", "tr", "th", "td", "details"),
        *("summary", "code", "svg", "rect", "path"),
    }
    here = r"(\?|#|\./|static/|metrics$|api/|-/|https://eu-west-1\.console\.aws\.amazon\.com/)"
    assert all(re.match(here, link) for link in page.all("href"))
    for drawing in re.findall("<svg.*?</svg>", text, re.DOTALL):
        assert set(re.findall(r"<(\w+)", drawing)) <= {"svg", "title", "rect", "path", "a"}
        assert not re.search(r"style=|onload|xlink|<U\+202E>.*href", drawing)


def test_line_breaks_of_a_message_are_line_breaks() -> None:
    scene = Scene(target("prod", "a"))
    scene.poll("prod", runs=(refresh("a", "x.y", status="FAILED", error_message="one\r\ntwo"),))
    text = Browser(scene).get("/").text
    assert "<bdi>one two</bdi>" in text, "in short"
    assert "<bdi>one\ntwo</bdi>" in text, "in full"


def test_what_is_asked_for_is_shown_as_text(browser: Browser) -> None:
    page = browser.page("/?q=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&target=%3Cb%3E%0d%0aX: y")
    assert not page.those("img")
    assert '"><img src=x onerror=alert(1)>' in page.all("value")


def test_a_large_page_is_compressed_where_that_is_accepted(browser: Browser) -> None:
    plain = browser.get("/", accept_encoding="identity")
    packed = browser.get("/", accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3


@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
@pytest.mark.parametrize("refused", ["gzip;q=0", "gzip; q=0.0, *", "identity, br", "x-gzip-of-mine"])
def test_gzip_is_not_sent_where_it_is_refused(browser: Browser, path: str, refused: str) -> None:
    answer = browser.get(path, accept_encoding=refused)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_page_without_anything_to_show_says_why() -> None:
    assert "No target is configured for this process." in Browser(Scene()).page().text
    text = Browser(Scene(target("prod", "sales.*"))).page().text
    assert "No view is watched yet." in text
    assert "not polled yet" in text


def test_troubles_of_the_exporter_itself_stand_at_the_top(scene: Scene) -> None:
    scene.poll("prod", error=GlueError(Reason.CREDENTIALS, "expired", operation="AssumeRole"))
    text = Browser(scene).page().text
    assert "Target prod is down: AssumeRole: expired" in text
    assert text.index("is down") < text.index("sales.orders")


def gated(scene: Scene) -> tuple[ASGIApp, threading.Semaphore, list[None]]:
    """Return an application, what lets it go on with a page, and an entry for each page that was begun."""
    gate = threading.Semaphore(0)
    inside: list[None] = []

    def read() -> Reading:
        inside.append(None)
        assert gate.acquire(timeout=SAFETY_NET)
        return read_status(scene.store, START)

    unused: Any = None
    app = make_app(scrape=unused, trouble=lambda: None, ready=unused, pages=status_routes(read, accepts_gzip))
    return app, gate, inside


def test_pages_are_worked_out_one_at_a_time(scene: Scene) -> None:
    """However many readers reload, the threads that answer scrapes stay free."""
    app, gate, inside = gated(scene)

    async def visit() -> tuple[int, list[int]]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            get = partial(client.get, timeout=10)
            visitors = [asyncio.create_task(get("/")) for _ in range(60)]
            await asyncio.to_thread(eventually, lambda: bool(inside))
            healthy = [(await get("/-/healthy")).status_code for _ in range(3)]
            waiting = len(inside)
            for _ in visitors:
                gate.release()
            answers = [answer.status_code for answer in await asyncio.gather(*visitors)]
        assert set(answers) == {200}
        return waiting, healthy

    assert asyncio.run(visit()) == (1, [200, 200, 200])


def test_no_page_is_worked_out_for_a_reader_who_has_gone_while_it_waited(scene: Scene) -> None:
    """Else those of a client that gives up sooner than a large page takes would pile up."""
    app, gate, inside = gated(scene)
    with WebServer(app) as server, server.socket() as first:
        ask = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        first.sendall(ask)
        eventually(lambda: bool(inside))
        for _ in range(20):
            with server.socket() as impatient:
                impatient.sendall(ask)
        assert server.ask("/-/healthy").status == 200
        gate.release(22)
        assert server.ask("/").status == 200
    assert len(inside) == 2
