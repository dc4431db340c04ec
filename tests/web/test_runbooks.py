"""The runbooks as pages: from the package, readable without a network, and with links that work."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from exporter.web.runbooks import runbook_routes
from tests.support.status_browser import Browser, small_scene

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
ALERTS = sorted(path.stem for path in FOLDER.glob("*.md"))


class Page(HTMLParser):
    """The links, the anchors and the text of a page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.elements: set[str] = set()
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = dict(attrs)
        self.elements.add(tag)
        self.links += [link for name in ("href", "src") if (link := found.get(name))]
        self.anchors |= {anchor for anchor in [found.get("id")] if anchor}

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser(small_scene(), more=runbook_routes())


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_runbook_as_a_page(browser: Browser, alert: str) -> None:
    answer = browser.get(f"/runbooks/{alert}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<title>{alert} · glue-mv-exporter</title>" in answer.text
    assert {"what-it-means", "what-to-check", "what-to-do"} <= Page(answer).anchors
    assert "](" not in Page(answer).text


@pytest.mark.parametrize("alert", ALERTS)
def test_every_link_of_a_runbook_leads_to_something(browser: Browser, alert: str) -> None:
    here = f"http://exporter/runbooks/{alert}"
    for link in Page(browser.get(here)).links:
        there = urlsplit(urljoin(here, link))
        assert there.hostname == "exporter"
        answer = browser.get(f"{there.path}?{there.query}")
        assert answer.status_code == 200, link
        if there.fragment:
            assert there.fragment in Page(answer).anchors, link


def test_a_runbook_links_to_other_runbooks_and_to_their_sections(browser: Browser) -> None:
    links = Page(browser.get("/runbooks/GlueMVRefreshFailing")).links
    assert "GlueMVRefreshFailed#what-to-do" in links
    assert {"../", "#alerts", *ALERTS} <= set(links)


def test_what_is_not_in_the_package_is_plain_text(browser: Browser) -> None:
    page = Page(browser.get("/runbooks/GlueMVStorageFailing"))
    assert not any(".md" in link for link in page.links)
    assert "it does not start while it cannot write." in " ".join(page.text.split())


def test_queries_are_code_and_reasons_a_table(browser: Browser) -> None:
    answer = browser.get("/runbooks/GlueMVTargetDown")
    assert {"pre", "code", "table"} <= Page(answer).elements
    assert "rate(" in Page(browser.get("/runbooks/GlueMVThrottled")).text


def test_a_runbook_loads_nothing_but_a_style_and_an_icon(browser: Browser) -> None:
    answer = browser.get("/runbooks/GlueMVRefreshFailed")
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    assert "script" not in Page(answer).elements
    assert not re.search(r"\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize(
    "path", ["GlueMVNoSuchAlert", "GlueMVRefreshFailed.md", "gluemvrefreshfailed", "..%2f..%2fREADME", ""]
)
def test_what_is_not_an_alert_is_not_found(browser: Browser, path: str) -> None:
    assert browser.get(f"/runbooks/{path}").status_code == 404


def test_head_has_the_headers_alone_and_other_methods_are_refused(browser: Browser) -> None:
    head = browser.request("HEAD", "/runbooks/GlueMVRefreshFailed")
    assert (head.status_code, head.content) == (200, b"")
    assert browser.request("POST", "/runbooks/GlueMVRefreshFailed").status_code == 405
