"""What is said of each view, and in which order, on the page and in its JSON alike."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.errors import GlueError, Reason
from exporter.model.sharding import Shard
from exporter.store.results import SourcesRead
from exporter.web import view_state
from tests.support.clock import START
from tests.support.reader import ACCOUNT
from tests.support.status_browser import Browser
from tests.support.status_scene import HOUR, Scene, refresh, view
from tests.support.store_bench import REGION, target

DOWN = GlueError(Reason.ACCESS_DENIED, "no", operation="GetTables")
NO_RUN = GlueError(Reason.NOT_FOUND, "unknown", operation="GetMaterializedViewRefreshTaskRun")
DAY = 24 * HOUR
CHART = Path(__file__).parents[2] / "helm" / "glue-mv-exporter" / "values.yaml"


def title(browser: Browser) -> str:
    found = re.search("<title>(.*)</title>", browser.get("/").text)
    assert found
    return found.group(1)


def states(browser: Browser, url: str = "/api/v1/status") -> dict[str, Any]:
    """Return the state of each view, in the order of the answer."""
    return {item["table"]: item["state"] for item in browser.status(url)["views"]["items"]}


@pytest.fixture
def browser() -> Browser:
    """Return a page with a view in every state."""
    scene = Scene(target("prod", "sales.*"), target("lake", "lake.*"))
    names = ("ok", "running", "failing", "overdue", "stuck")
    scene.poll(
        "prod",
        tuple(view(f"sales.{name}", refresh_seconds=6 * HOUR) for name in names),
        (
            refresh("1", "sales.ok"),
            refresh("2", "sales.running", ended=START - HOUR),
            refresh("3", "sales.running", ended=None),
            refresh("40", "sales.failing", ended=START - 2 * HOUR),
            refresh("4", "sales.failing", status="FAILED", error_message="Access Denied"),
            refresh("5", "sales.overdue", ended=START - 10 * HOUR),
            refresh("6", "sales.stuck", ended=START - 6 * HOUR),
            refresh("7", "sales.stuck", ended=None, creation_time=START - 5 * HOUR, start_time=None),
        ),
    )
    scene.poll("lake", (view("lake.unread"),), (refresh("8", "lake.unread"),))
    scene.poll("lake", error=DOWN)
    return Browser(scene)


STATES = ["failing", "overdue", "stuck", "not_read", "running", "ok"]


def test_each_view_is_in_the_first_state_that_applies_and_the_worst_come_first(browser: Browser) -> None:
    assert list(states(browser).values()) == STATES
    words = [state.replace("_", " ") for state in STATES]
    assert all(word in row for word, row in zip(words, browser.page().rows["views"], strict=True))


def test_the_summary_of_the_page_says_what_that_of_the_json_says(browser: Browser) -> None:
    views = browser.status()["summary"]["views"]
    assert views == {"total": 6, "failing": 1, "overdue": 1, "stuck": 1, "unread": 1, "active": 2}
    assert "Views 6 1 failing 1 overdue 1 stuck 1 not read 2 running" in browser.page().text


def test_a_run_of_five_hours_is_stuck_and_among_the_problems(browser: Browser) -> None:
    assert list(states(browser, "/api/v1/status?show=problems")) == ["failing", "overdue", "stuck", "unread"]
    runs = browser.page("/?show=problems").rows["runs"]
    assert [("sales.failing" in row, "sales.stuck" in row) for row in runs] == [(True, False), (False, True)]
    assert "stuck" in runs[1].split("7", 1)[1]


@pytest.mark.parametrize(
    ("interval", "usual", "ended", "age", "stuck"),
    [
        pytest.param(30 * DAY, 60.0, DAY, 0.9, False, id="an hour at the least"),
        pytest.param(30 * DAY, 60.0, DAY, 1.1, True, id="three times the usual"),
        pytest.param(30 * DAY, HOUR, DAY, 2.9, False, id="usually long"),
        pytest.param(30 * DAY, 60.0, 8 * DAY, 1.1, True, id="the last success counts however old"),
        pytest.param(30 * DAY, None, None, 3.9, False, id="four hours without a history"),
        pytest.param(30 * DAY, None, None, 4.1, True, id="more without a history"),
        pytest.param(600.0, 60.0, DAY, 0.24, False, id="a short schedule"),
        pytest.param(600.0, 60.0, DAY, 0.26, True, id="after 1.5 intervals"),
        pytest.param(600.0, None, None, 0.49, False, id="a short schedule without a history"),
        pytest.param(600.0, None, None, 0.51, True, id="after three intervals"),
    ],
)
def test_a_run_is_stuck_as_its_alert_says(
    interval: float, usual: float | None, ended: float | None, age: float, *, stuck: bool
) -> None:
    """``ended``: seconds ago; ``age``: in hours."""
    scene = Scene(target("prod", "a.*"))
    runs = [refresh("now", "a.x", ended=None, creation_time=START - age * HOUR)]
    if usual is not None and ended is not None:
        times = {"ended": START - ended, "start_time": START - ended - usual}
        runs.append(refresh("before", "a.x", **times, creation_time=START - ended - usual))
    scene.poll("prod", (view("a.x", refresh_seconds=interval),), tuple(runs))
    (item,) = Browser(scene).status()["views"]["items"]
    assert item["stuck"] is stuck


def test_the_thresholds_are_those_of_the_shipped_alerts() -> None:
    thresholds = yaml.safe_load(CHART.read_text())["prometheusRule"]["thresholds"]
    assert thresholds["overdueFactor"] == view_state.OVERDUE_AFTER
    assert thresholds["stuckFactor"] == view_state.STUCK_FACTOR
    assert thresholds["stuckFloorSeconds"] == view_state.STUCK_FLOOR
    assert thresholds["stuckCapSeconds"] == view_state.STUCK_WITHOUT_HISTORY


def test_while_its_target_is_down_a_view_grows_no_older_than_its_last_good_poll() -> None:
    """As in the alerts: nobody can know whether it was refreshed since."""
    scene = Scene(target("prod", "a.*"))
    scene.poll("prod", (view("a.x"),), (refresh("1", "a.x"),))
    scene.clock.advance(DAY)
    scene.poll("prod", error=DOWN)
    (item,) = Browser(scene).status()["views"]["items"]
    assert (item["state"], item["overdue"]) == ("not_read", False)


def test_the_last_failure_stays_until_a_newer_run_succeeds() -> None:
    scene = Scene(target("prod", "a.*"))
    failed = refresh("1", "a.x", status="FAILED", error_message="Access Denied to s3://x")
    scene.poll("prod", (view("a.x"),), (failed, refresh("2", "a.x", ended=None)))
    browser = Browser(scene)
    (item,) = browser.status()["views"]["items"]
    assert item["last_run"]["run_id"] == "2"
    assert item["last_failure"] == {
        "run_id": "1",
        "time": "2023-11-14T21:43:20.000Z",
        "cause": "access_denied",
        "error_message": "Access Denied to s3://x",
    }
    (row,) = browser.page().rows["views"]
    assert "failing" in row
    assert "running" in row
    assert "Access Denied to s3://x" in row
    assert "access denied" in row, "the cause"
    scene.poll("prod", (view("a.x"),), (failed, refresh("2", "a.x", ended=START)))
    (item,) = browser.status()["views"]["items"]
    assert item["last_failure"] is None
    assert "Access Denied" not in browser.page().rows["views"][0]


def test_a_view_shows_its_owner_and_what_it_lacks() -> None:
    scene = Scene(target("prod", "a.*"))
    arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/raw/orders"
    known = (view("a.x", owner="team-a", sources=(arn,)),)
    scene.poll("prod", known, (refresh("1", "a.x"),))
    browser = Browser(scene)
    scene.store.apply(SourcesRead(target="prod", tables={arn: START - HOUR}))
    scene.poll("prod", known, (refresh("1", "a.x"),))
    (row,) = browser.page().rows["views"]
    assert "owned by team-a" in row
    assert "up to date with its sources" in row
    scene.store.apply(SourcesRead(target="prod", tables={arn: START - 600.0}))
    scene.poll("prod", known, (refresh("1", "a.x"),))
    (row,) = browser.page().rows["views"]
    assert "behind its sources since 10 min ago" in row


def test_a_table_that_is_not_a_materialized_view_is_not_said_to_be_unknown() -> None:
    scene = Scene(target("prod", "a.table", "a.view"))
    scene.poll("prod", (view("a.view"),))
    page = Browser(scene).page().text
    assert "unknown to Glue" not in page
    assert "not found among the materialized views" in page


def test_the_title_counts_what_needs_a_look_and_a_target_that_is_down_once() -> None:
    scene = Scene(target("prod", "a.*"), target("lake", "b.*"))
    scene.poll("prod", (view("a.x"),), (refresh("1", "a.x", ended=START - 9 * HOUR, status="FAILED"),))
    scene.poll("lake", (view("b.x"), view("b.y")), (refresh("2", "b.x"), refresh("3", "b.y")))
    assert title(Browser(scene)) == "(1) glue-mv-exporter", "a view that is failing and overdue is one"
    scene.poll("lake", error=DOWN)
    assert title(Browser(scene)) == "(2) glue-mv-exporter"


def test_when_all_is_well_the_title_holds_no_number_and_no_table_says_0_of_1() -> None:
    scene = Scene(target("prod", "a.*"))
    scene.poll("prod", (view("a.x"),), (refresh("1", "a.x"),))
    browser = Browser(scene)
    assert title(browser) == "glue-mv-exporter"
    page = browser.page("/?show=problems").text
    assert "0 of 1" not in page
    assert page.count("none of 1 has a problem") == 3
    assert "none of 1 is running" in browser.page("/?show=active").text


def test_what_matches_is_shown_with_its_target() -> None:
    scene = Scene(target("prod", "a.*"), target("lake", "b.*"))
    scene.poll("prod", (view("a.x"),), (refresh("1", "a.x"),))
    scene.poll("lake", (view("b.x"),), (refresh("2", "b.x"),))
    (row,) = Browser(scene).page("/?q=a.x").rows["targets"]
    assert row.startswith("prod")


def test_equals_come_newest_first_and_then_by_name() -> None:
    scene = Scene(target("prod", "*.*"))
    names = ("c.new", "b.old", "a.old", "d.none")
    scene.poll(
        "prod",
        tuple(view(name, refresh_seconds=30 * DAY) for name in names),
        tuple(
            refresh(name, name, ended=START - (DAY if name.endswith("old") else HOUR)) for name in names[:3]
        ),
    )
    browser = Browser(scene)
    items = browser.status()
    assert [item["database"] for item in items["views"]["items"]] == ["c", "a", "b", "d"]
    assert [item["database"] for item in items["runs"]["items"]] == ["c", "a", "b"]


def test_views_and_runs_that_are_running_agree(browser: Browser) -> None:
    assert "2 running Runs" in browser.page().text
    assert "1 failed 2 running" in browser.page().text
    scene = Scene(target("prod", "a.*"))
    scene.poll("prod", (view("a.x"),), (refresh("1", "a.x", ended=None, status="STARTING"),))
    assert "1 running Runs 1 1 running (1 starting)" in Browser(scene).page().text


def test_the_exporters_own_words_are_told_in_plain_ones() -> None:
    scene = Scene(target("prod", "a", "b"))
    run = refresh("a", "x.y", ended=START - 60, dpu_seconds=None)
    scene.poll("prod", runs=(run,), errors={"b": NO_RUN}, duration=0.01)
    page = Browser(scene).page().text
    for internal in ("settling", "unfetched", "shard", "0/1", "took 0 s", "0 s ago"):
        assert internal not in page
    for plain in ("1 recently ended", "1 not read", "took 0.01 s", "just now"):
        assert plain in page


def test_a_shard_says_which_of_how_many() -> None:
    scene = Scene()
    scene.store.exporter = replace(scene.store.exporter, shard=Shard(1, 3))
    assert "shard 2 of 3 (--shard=1/3)" in Browser(scene).page().text
