"""The status page in a real browser: quiet, accessible, live, and deaf to what names and messages say."""

import re
import shutil
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright

from tests.e2e.program import Program, serve, target, wait_until, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id, view_run

pytestmark = pytest.mark.timeout(240)

HOSTILE = '<img src=x onerror="window.hostile=1"><script>window.hostile=1</script>\u202egpj.exe'
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DARK: dict[str, Any] = {"color_scheme": "dark"}
REFRESH_MS = 16_000

expect.set_options(timeout=30_000)


class Scene(NamedTuple):
    """A Glue with views in every state, and an exporter that watches them."""

    glue: BareGlue
    program: Program

    @property
    def url(self) -> str:
        return f"{self.program.url}/"


def put_run(glue: BareGlue, number: int, view: str, age: float = 1200, **members: Any) -> None:
    """Add a run of a view that was created so many seconds ago."""
    now = time.time() - age + 7200
    glue.records.put_run(
        view_run(number, view, status=members.get("Status", "SUCCEEDED"), now=now, **members)
    )


def fill(glue: BareGlue) -> None:
    long = f"evil.{'v' * 250}"
    for view in ("sales.orders", "sales.stock", "finance.ledger", f"evil.{HOSTILE}"):
        glue.records.put_view(*view.split(".", 1), refresh_seconds=3600)
    glue.records.put_view(*long.split("."))
    put_run(glue, 1, "sales.orders")
    put_run(glue, 2, "sales.stock", age=900, Status="FAILED", ErrorMessage="line one\nline two " * 40)
    put_run(glue, 3, "sales.stock", age=5 * 3600)
    put_run(glue, 4, "finance.ledger", age=7 * 3600)
    put_run(glue, 5, f"evil.{HOSTILE}", Status="FAILED", ErrorMessage=HOSTILE)
    put_run(glue, 6, long, Status="RUNNING")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with BareGlue() as glue:
        fill(glue)
        config = watching(glue, "*.*", "nowhere.*", runs=[sample_run_id(77)])
        dead = target("http://127.0.0.1:9", name="dead", aws_region="us-gov-west-1", views=["*.*"])
        config["targets"].append(dead)
        with serve(tmp_path_factory.mktemp("page"), config) as program:
            program.await_ready()
            wait_until(lambda: "sales.stock" in program.get("/").text, 60, "the views are found")
            yield Scene(glue, program)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield browser
        browser.close()


class Watched:
    """A tab, and all that it said and asked for."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page = context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url, wait_until="networkidle")


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, scene: Scene) -> Page:
    """Return the page, with a clock that stands still until a test moves it."""
    page = context.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(3600)
    page.goto(scene.url)
    return page


def refreshes(page: Page) -> list[str]:
    """Collect what the page asks for from now on, but for what belongs to it: its icon may come late."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/static/" not in request.url:
            asked.append(request.url)

    page.on("request", note)
    return asked


def views(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#views-table tbody th .main").all_inner_texts()]


@pytest.mark.parametrize(
    "options", [{}, DARK, PHONE, {**PHONE, **DARK}], ids=["desk", "dark", "phone", "night"]
)
@pytest.mark.parametrize("path", ["", "runbooks/GlueMVTargetDown"])
def test_it_is_quiet_accessible_and_asks_nobody_else(
    chromium: Browser, scene: Scene, path: str, options: dict[str, Any]
) -> None:
    context = chromium.new_context(**options)
    watched = Watched(context, scene.url + path)
    if not path:
        watched.page.locator("details.message").first.locator("summary").click()
    watched.page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    found = watched.page.evaluate("axe.run()")
    assert [(finding["id"], finding["nodes"][0]["html"]) for finding in found["violations"]] == []
    assert len(found["passes"]) > 20, "it has looked"
    assert watched.messages == []
    assert [url for url in watched.requests if not url.startswith(scene.url)] == []
    # Not innerWidth: a phone widens that to whatever sticks out.
    assert watched.page.evaluate("document.documentElement.scrollWidth <= screen.width"), "nothing sticks out"
    context.close()


def test_no_markup_of_a_name_or_message_is_executed(page: Page) -> None:
    expect(page.locator("#live")).to_contain_text('<img src=x onerror="window.hostile=1">')
    expect(page.locator("#live")).to_contain_text("<U+202E>gpj.exe")
    page.clock.fast_forward(REFRESH_MS)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hostile") is None
    assert page.locator("img, iframe, object, #live script").count() == 0


def test_a_click_on_a_column_sorts_without_a_reload_and_back_undoes_it(page: Page) -> None:
    page.evaluate("window.stayed = true")
    worst_first = views(page)
    column = page.locator("#sort-views-view")
    column.click()
    header = page.locator("#views-table th", has=page.locator("#sort-views-view"))
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert views(page) == sorted(worst_first)
    assert page.url.endswith("?views_sort=view")
    page.go_back()
    expect(page.locator("#views-table th[aria-sort] a")).to_have_id("sort-views-status")
    assert views(page) == worst_first
    assert page.evaluate("window.stayed")


def test_typing_filters_all_tables_and_says_how_many_are_left(page: Page) -> None:
    page.evaluate("window.stayed = true")
    page.get_by_role("searchbox", name="Filter").press_sequentially("sales.st", delay=5)
    page.clock.fast_forward(300)
    expect(page.locator("#views + .shown")).to_have_text(re.compile(r"1 of 5 match"))
    assert views(page) == ["sales.stock"]
    expect(page.locator("#runs-table tbody tr")).to_have_count(1)
    expect(page.get_by_role("status")).to_contain_text("Views 1 of 5 match; Runs 1 of 6 match")
    expect(page.locator("#q")).to_be_focused()
    assert page.url.endswith("?q=sales.st")
    page.get_by_label("Show").select_option("active")
    expect(page.locator("#views-table .empty")).to_have_text("Nothing matches the filter.")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#views-table tbody tr")).to_have_count(5)
    expect(page.locator("#q")).to_have_value("")
    assert page.evaluate("window.stayed")


def test_a_view_leads_to_its_runs(page: Page) -> None:
    page.get_by_role("link", name="sales.stock", exact=True).click()
    expect(page.locator("#runs-table tbody tr")).to_have_count(2)  # one has no series
    expect(page.locator(".only")).to_contain_text("Only the view sales.stock in ")
    expect(page.locator("#runs")).to_be_in_viewport()
    page.locator("#all").click()
    expect(page.locator("#views-table tbody tr")).to_have_count(5)


def test_a_click_on_a_run_leads_to_its_row_and_log(context: BrowserContext, scene: Scene) -> None:
    watched = Watched(context, scene.url)
    row = watched.page.locator("#views-table tr", has_text="sales.stock")
    older, newest = row.locator("svg.strip a").all()
    expect(newest).to_have_class("failed")
    older.click()
    found = watched.page.locator(f"#run-{sample_run_id(3)}")
    expect(found).to_be_in_viewport()
    expect(found.get_by_role("link")).to_have_attribute(
        "href", re.compile("console.aws.amazon.com/cloudwatch")
    )
    assert watched.page.evaluate("getComputedStyle(document.querySelector(':target')).backgroundColor")
    assert watched.messages == [], "nothing is refused by the page's policy"


def test_news_appear_by_themselves_and_disturb_nobody(page: Page, scene: Scene) -> None:
    """Focus, scrolling, the filter and opened messages stay as they are."""
    page.locator("#q").fill("sales")
    page.clock.fast_forward(300)
    expect(page.locator("#views-table tbody tr")).to_have_count(2)
    page.locator("#runs-table summary").first.click()
    page.locator("#sort-runs-dpu").focus()
    page.evaluate("scrollTo(0, 120)")
    put_run(scene.glue, 50, "sales.orders", age=60, Status="RUNNING")
    new = sample_run_id(50)
    wait_until(lambda: new in scene.program.get("/").text, 60, "the exporter has polled")
    expect(page.locator("#runs-table")).not_to_contain_text(new)
    page.clock.fast_forward(REFRESH_MS)
    expect(page.locator("#runs-table")).to_contain_text(new)
    expect(page.locator("#runs-table details[open]")).to_have_count(1)
    expect(page.locator("#sort-runs-dpu")).to_be_focused()
    expect(page.locator("#q")).to_have_value("sales")
    expect(page.locator("#target")).to_have_value("")
    assert page.evaluate("scrollY") == 120
    expect(page.get_by_role("status")).to_contain_text("2 running")


def test_a_target_that_was_chosen_stays_so(page: Page) -> None:
    """After it had refreshed itself, the page used to show the last one, and to filter by that next."""
    page.locator("#target").select_option("dead")
    page.locator("#q").focus()
    for _ in range(2):
        with page.expect_response(lambda answer: "target=dead" in answer.url):
            page.clock.fast_forward(REFRESH_MS)
        expect(page.locator("#target")).to_have_value("dead")
    page.locator("#target").select_option("")
    page.locator("#q").focus()
    with page.expect_response(lambda answer: "target" not in answer.url):
        page.clock.fast_forward(REFRESH_MS)
    expect(page.locator("#target")).to_have_value("")


def test_refreshing_can_be_paused_and_a_selected_text_is_not_taken_away(page: Page) -> None:
    """Somebody is about to copy a run ID."""
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#runs-table .id'))")
    asked = refreshes(page)
    page.clock.fast_forward(3 * REFRESH_MS)
    assert asked == []
    page.evaluate("getSelection().empty()")
    button = page.get_by_role("button", name="Pause refreshing")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.clock.fast_forward(10 * REFRESH_MS)
    assert asked == []
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")

    def asked_again() -> bool:
        page.wait_for_timeout(50)  # this is when the browser's events come in
        return bool(asked)

    wait_until(asked_again, 30, "it refreshes again")


def test_an_exporter_that_cannot_be_reached_is_told_and_comes_back(page: Page) -> None:
    def refuse(route: Route) -> None:
        route.abort()

    page.route("**/*", refuse)
    page.clock.fast_forward(REFRESH_MS)
    expect(page.locator("#updated")).to_contain_text("The exporter cannot be reached. As of ")
    expect(page.get_by_role("status")).to_have_text(
        "The exporter cannot be reached. What is shown may be out of date."
    )
    assert views(page), "what was there stays"
    page.unroute("**/*", refuse)
    page.clock.fast_forward(REFRESH_MS)
    expect(page.locator("#updated")).to_have_text(re.compile(r"^As of "))


def test_it_works_without_scripts(chromium: Browser, scene: Scene) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(scene.url)
    page.get_by_role("searchbox", name="Filter").fill("sales")
    page.get_by_label("Show").select_option("problems")
    page.get_by_role("button", name="Apply").click()
    assert "q=sales&target=&show=problems" in page.url
    assert views(page)[0] == "sales.stock"
    page.locator("#sort-views-view").click()
    assert "q=sales&show=problems&views_sort=view" in page.url
    expect(page.locator("#q")).to_have_value("sales")
    expect(page.get_by_role("button", name="Pause refreshing")).to_have_count(0)
    context.close()


def test_on_a_phone_every_figure_has_its_name_beside_it(chromium: Browser, scene: Scene) -> None:
    context = chromium.new_context(**PHONE)
    page = context.new_page()
    page.goto(scene.url)
    cells = page.locator("#runs-table tbody tr:first-child td:not(.wide)")
    names = cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")
    assert names == ['"Type"', '"Started"', '"Duration"', '"DPU hours"', '"Processed"', '"Logs"']
    expect(page.get_by_role("table", name="Runs").get_by_role("columnheader").first).to_be_visible()
    context.close()
