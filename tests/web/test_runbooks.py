"""The runbooks as pages: from the package, readable without a network, and with links that work."""

import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from exporter.web.pages import runbook_routes
from tests.support.status_browser import Browser, Page, small_scene

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
ALERTS = sorted(path.stem for path in FOLDER.glob("*.md"))


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser(small_scene(), more=runbook_routes())


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_runbook_whose_links_lead_to_something(browser: Browser, alert: str) -> None:
    here = f"http://exporter/runbooks/{alert}"
    page = browser.page(here)
    assert page.text.startswith(f"{alert} · glue-mv-exporter ")
    assert {"what-it-means", "what-to-check", "what-to-do"} <= set(page.all("id"))
    assert "](" not in page.text
    for link in (*page.all("href"), *page.all("src")):
        there = urlsplit(urljoin(here, link))
        assert there.hostname == "exporter"
        answer = browser.get(f"{there.path}?{there.query}")
        assert answer.status_code == 200, link
        if there.fragment:
            assert there.fragment in Page(answer.text).all("id"), link


def test_a_runbook_links_to_other_runbooks_and_to_nothing_that_is_not_in_the_package(
    browser: Browser,
) -> None:
    links = browser.page("/runbooks/GlueMVRefreshFailing").all("href")
    assert "GlueMVRefreshFailed#what-to-do" in links
    assert {"../", "#alerts", *ALERTS} <= set(links)
    storage = browser.page("/runbooks/GlueMVStorageFailing")
    assert not any(".md" in link for link in storage.all("href"))
    assert "it does not start while it cannot write." in storage.text


def test_queries_are_code_and_reasons_a_table(browser: Browser) -> None:
    page = browser.page("/runbooks/GlueMVTargetDown")
    assert {"pre", "code", "table"} <= {tag for tag, _ in page.elements}
    assert "rate(" in browser.page("/runbooks/GlueMVThrottled").text


def test_a_runbook_loads_nothing_but_a_style_and_an_icon(browser: Browser) -> None:
    answer = browser.get("/runbooks/GlueMVRefreshFailed")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    assert "<script" not in answer.text
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
