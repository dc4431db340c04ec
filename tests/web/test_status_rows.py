"""Which views, runs and targets the page's tables hold: filtered, sorted and cut as the URL asks."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import GlueError, Reason
from exporter.model.settings import Settings
from exporter.store.results import PollEnded
from exporter.store.store import Store
from exporter.web.status import document, read_status
from exporter.web.status_query import StatusQuery
from tests.support.clock import START, ManualClock
from tests.support.operations import counted
from tests.support.status_browser import Browser
from tests.support.status_scene import HOUR, Scene, refresh, view
from tests.support.store_bench import target

UNKNOWN_ID = GlueError(Reason.NOT_FOUND, "no such run", operation="GetMaterializedViewRefreshTaskRun")
TIMEOUT = GlueError(Reason.TIMEOUT, "too slow", operation="GetMaterializedViewRefreshTaskRun")


@pytest.fixture
def browser() -> Browser:
    """Return one target with a run in every status."""
    named = ("a-failed", "b-odd", "c-stopped", "d-missing")
    scene = Scene(target("prod", "sales.*", *named))
    scene.poll(
        "prod",
        (view("sales.orders"), view("sales.stock")),
        (
            refresh("a-failed", "other.x", status="FAILED", error_message="No Permission", dpu_seconds=None),
            refresh("b-odd", "other.y", status="PAUSED", processed_bytes=7),
            refresh("c-stopped", "other.z", ended=START - 5 * HOUR, status="STOPPED"),
            refresh("e-old", "sales.orders", ended=START - 9 * HOUR),
            refresh("f-new", "sales.orders", dpu_seconds=720.0),
            refresh("g-going", "sales.stock", ended=None),
        ),
        errors={"d-missing": UNKNOWN_ID},
    )
    return Browser(scene)


def test_runs_are_the_configured_ones_and_the_newest_of_each_view(browser: Browser) -> None:
    """The older run of the view has no series, and so is not here. The worst come first."""
    assert browser.rows("runs") == ["a-failed", "d-missing", "b-odd", "g-going", "c-stopped", "f-new"]
    runs = {item["run_id"]: item for item in browser.status()["runs"]["items"]}
    assert [runs[key]["up"] for key in ("a-failed", "d-missing", "f-new")] == [True, False, None]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"runs_sort": "view"}, ["a-failed", "b-odd", "c-stopped", "f-new", "g-going", "d-missing"]),
        ({"runs_sort": "type"}, ["g-going", "a-failed", "b-odd", "f-new", "c-stopped", "d-missing"]),
        ({"runs_sort": "start"}, ["c-stopped", "a-failed", "b-odd", "f-new", "g-going", "d-missing"]),
        ({"runs_sort": "duration"}, ["g-going", "a-failed", "b-odd", "f-new", "c-stopped", "d-missing"]),
        ({"runs_sort": "dpu"}, ["b-odd", "c-stopped", "f-new", "g-going", "a-failed", "d-missing"]),
        ({"runs_sort": "-dpu"}, ["f-new", "b-odd", "c-stopped", "g-going", "a-failed", "d-missing"]),
        ({"runs_sort": "bytes"}, ["b-odd", "a-failed", "f-new", "c-stopped", "g-going", "d-missing"]),
        ({"q": "SALES.ORDERS"}, ["f-new"]),
        ({"q": "no permission"}, ["a-failed"]),
        ({"q": "paused"}, ["b-odd"]),
        ({"q": "d-miss"}, ["d-missing"]),
        ({"q": "unread"}, ["d-missing"]),
        ({"q": "100%"}, []),
        ({"target": "other"}, []),
        ({"show": "problems"}, ["a-failed", "d-missing", "b-odd"]),
        ({"show": "active"}, ["g-going"]),
        ({"limit": "2", "runs_page": "2"}, ["b-odd", "g-going"]),
        ({"runs_page": "9"}, []),
    ],
    ids=str,
)
def test_runs_are_sorted_filtered_and_cut(
    browser: Browser, parameters: dict[str, str], expected: list[str]
) -> None:
    """What is not known comes last in either direction; equals come newest first."""
    assert browser.rows("runs", **parameters) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("view", ["a", "b", "c"]),
        ("-view", ["c", "b", "a"]),
        ("success", ["b", "a", "c"]),
        ("-failures", ["b", "a", "c"]),
        ("last_run", ["a", "b", "c"]),
    ],
)
def test_views_are_sorted(order: str, expected: list[str]) -> None:
    scene = Scene(target("prod", "v.*"))
    runs = (
        refresh("1", "v.a", ended=START - 5 * HOUR),
        refresh("2", "v.b", ended=START - 9 * HOUR),
        refresh("3", "v.b", status="FAILED"),
    )
    scene.poll("prod", (view("v.a"), view("v.b"), view("v.c")), runs)
    assert Browser(scene).rows("views", views_sort=order) == [f"v.{table}" for table in expected]


@pytest.mark.parametrize(
    ("order", "first"),
    [("target", "alpha"), ("-target", "omega"), ("poll", "omega"), ("-poll", "alpha"), ("-views", "omega")],
)
def test_targets_are_sorted(order: str, first: str) -> None:
    scene = Scene(target("alpha", "a.*"), target("omega", "z.*"), target("never", "n.*"))
    scene.poll("omega", (view("z.x"), view("z.y")))
    scene.clock.advance(10)
    scene.poll("alpha", (view("a.x"),))
    names = Browser(scene).rows("targets", targets_sort=order)
    assert names[0] == first
    assert names[-1] == "never" or order.endswith("target")


def test_a_target_that_is_down_or_has_a_pattern_without_views_is_a_problem() -> None:
    scene = Scene(target("fine", "a.*"), target("pattern", "b.*", "none.*"), target("down", "c.*"))
    for name, found in (("fine", "a.x"), ("pattern", "b.x"), ("down", "c.x")):
        scene.poll(name, (view(found),))
    scene.poll("down", error=TIMEOUT)
    browser = Browser(scene)
    assert browser.rows("targets") == ["down", "pattern", "fine"]
    assert browser.rows("targets", show="problems") == ["down", "pattern"]


def test_words_are_found_in_any_case_of_every_alphabet() -> None:
    scene = Scene(target("prod", "a"))
    scene.poll("prod", runs=(refresh("a", "größen.Übersicht"),))
    assert Browser(scene).rows("runs", q="GRÖSSEN.üBER") == ["a"]


def test_a_run_that_names_half_of_its_view_is_found_by_that_half() -> None:
    scene = Scene(target("prod", "a", "b"))
    runs = (refresh("a", "sales.stock", table=None), refresh("b", "sales.orders", database=None))
    scene.poll("prod", runs=runs)
    found = [Browser(scene).rows("runs", q=word) for word in ("sales.", ".orders", "none")]
    assert found == [["a"], ["b"], []]


def test_a_view_that_fails_and_is_refreshed_is_found_by_both() -> None:
    scene = Scene(target("prod", "v.*"))
    scene.poll(
        "prod",
        (view("v.a"),),
        (refresh("1", "v.a", status="FAILED"), refresh("2", "v.a", ended=None, status="STARTING")),
    )
    assert [Browser(scene).rows("views", q=word) for word in ("failing", "running")] == [["v.a"], ["v.a"]]


def test_a_read_that_failed_keeps_the_last_good_values() -> None:
    scene = Scene(target("prod", "a"))
    browser = Browser(scene)
    (never,) = browser.status()["runs"]["items"]
    scene.poll("prod", runs=(refresh("a", "x.y", ended=None),))
    scene.poll("prod", error=TIMEOUT, errors={"a": TIMEOUT})
    (failed,) = browser.status()["runs"]["items"]
    assert (never["status"], never["up"], never["unread_because"]) == (None, False, "never_read")
    assert (failed["status"], failed["up"], failed["unread_because"]) == ("RUNNING", False, "failed")


def test_with_no_runs_per_view_a_view_still_has_its_last_run() -> None:
    scene = Scene(target("prod", "sales.*"), runs_per_view=0)
    scene.poll("prod", (view("sales.orders"),), (refresh("new", "sales.orders"),))
    status = Browser(scene).status()
    assert status["runs"]["items"] == []
    assert [item["last_run"]["run_id"] for item in status["views"]["items"]] == ["new"]


def test_the_same_run_id_in_two_regions_is_two_runs() -> None:
    scene = Scene(target("here", "a"), target("there", "a", region="us-east-1"))
    scene.poll("here", runs=(refresh("a", "x.y"),))
    scene.poll("there", runs=(refresh("a", "x.y", status="FAILED"),))
    rows = [(run["aws_region"], run["status"]) for run in Browser(scene).status()["runs"]["items"]]
    assert rows == [("us-east-1", "FAILED"), ("eu-west-1", "SUCCEEDED")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("q", "x" * 201),
        ("show", "everything"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "9" * 5000),
        ("limit", "\u0661\u0660"),
        ("views_page", "1.5"),
        ("runs_sort", "role"),
        ("views_sort", "--view"),
    ],
)
def test_what_cannot_be_is_refused_by_name(browser: Browser, name: str, value: str) -> None:
    for path in ("/", "/api/v1/status"):
        answer = browser.get(f"{path}?{name}={value}")
        assert (answer.status_code, answer.text.split()[0]) == (400, name)


def test_every_parameter_stays_in_the_links_and_a_click_changes_its_own(browser: Browser) -> None:
    """A form sends empty fields, which are as if they were not there; so are unknown parameters."""
    given = {"q": "a b", "show": "problems", "limit": "50", "runs_sort": "-dpu", "views_page": "3"}
    page = browser.page(f"/?{urlencode({**given, 'target': '', 'utm_source': 'mail'})}")

    def leads_to(link: str) -> dict[str, str]:
        (known,) = page.those("a", id=link)
        return dict(parse_qsl(urlsplit(known["href"]).query))

    assert leads_to("json") == given
    assert leads_to("sort-runs-dpu") == {**given, "runs_sort": "dpu"}
    assert leads_to("sort-runs-bytes") == {**given, "runs_sort": "-bytes"}, "the largest first"
    by_name = {name: value for name, value in given.items() if name != "views_page"} | {"views_sort": "view"}
    assert leads_to("sort-views-view") == by_name, "another order begins at the first page"


@given(st.text(st.characters(), max_size=200))
def test_any_text_can_be_put_into_a_link(text: str) -> None:
    assert StatusQuery.parse({"q": text}).url({}).isascii()


def filled(runs: int) -> Store:
    store = Store(ManualClock())
    read = {f"run-{number}": refresh(f"run-{number}", "sales.orders") for number in range(runs)}
    store.configure(Settings(targets=(target("prod", *read),)))
    store.apply(PollEnded(target="prod", started=START, duration=1.0, runs={**read}))
    return store


@pytest.mark.parametrize(
    "parameters", [{}, {"runs_page": "9"}, {"runs_sort": "-dpu"}, {"q": "sales"}], ids=str
)
def test_any_page_costs_little_per_run(parameters: dict[str, str]) -> None:
    """There may be 100,000 of them."""
    store = filled(1000)
    with counted() as done:
        query = StatusQuery.parse({**parameters, "limit": "10"})
        document(read_status(store, START), query)
    assert done.calls < (40 if "q" in parameters else 28) * 1000


def test_the_cause_of_a_failure_is_looked_for_where_it_is_shown() -> None:
    """Polls wait while a page reads the store, and a message may be long."""

    def calls(status: str) -> int:
        scene = Scene(target("prod", "v.*"))
        names = [f"v.{number}" for number in range(100)]
        runs = [refresh(name, name, status=status, error_message="of no known cause") for name in names]
        scene.poll("prod", tuple(map(view, names)), tuple(runs))
        with counted() as done:
            read_status(scene.store, START)
        return done.calls

    assert calls("FAILED") < calls("STOPPED") + 10 * 100


def test_what_was_read_for_a_page_stays_as_it_was() -> None:
    """The page is made without the store's lock."""
    scene = Scene(target("prod", "v.*"))
    scene.poll("prod", (view("v.a"),), (refresh("1", "v.a"),))
    (row,) = read_status(scene.store, START).views
    scene.poll("prod", (view("v.a"),), (refresh("2", "v.a", ended=None), refresh("1", "v.a")))
    assert [record.run.run_id for record in row.view.newest_first()] == ["1"]
