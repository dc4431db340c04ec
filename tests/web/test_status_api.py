"""The keys of ``/api/v1/status``, one by one: others build on them."""

import re
from pathlib import Path

import pytest

from exporter import __version__
from exporter.web.status_query import DEFAULTS, ORDERS
from tests.support.status_browser import HOSTILE, RUN_ID, Browser, hostile_scene, small_scene
from tests.support.status_scene import HOUR

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "status-page.md").read_text()


@pytest.fixture
def browser() -> Browser:
    return Browser(small_scene())


def test_the_api_tells_names_as_they_are_in_plain_ascii() -> None:
    browser = Browser(hostile_scene())
    assert browser.get("/api/v1/status").content.isascii()
    assert browser.get("/api/v1/status").headers["content-type"] == "application/json"
    (run,) = [run for run in browser.status()["runs"]["items"] if run["run_id"] == HOSTILE]
    assert (run["error_message"], run["status"], run["unlisted_status"]) == (HOSTILE * 20, "UNKNOWN", HOSTILE)


def test_the_api_tells_of_the_exporter_and_sums_up(browser: Browser) -> None:
    status = browser.status()
    assert status["time"] == "2023-11-14T22:13:20.000Z"
    assert status["exporter"] == {
        "version": __version__,
        "shard": "0/1",
        "started": "2023-11-14T22:13:20.000Z",
        "last_reload_successful": True,
        "last_reload_success_time": "2023-11-14T22:13:20.000Z",
        "storage_last_write_successful": None,
    }
    assert status["summary"] == {
        "attention": 1,
        "targets": {"total": 1, "down": 0, "pending": 0},
        "views": {"total": 2, "failing": 1, "overdue": 1, "stuck": 0, "unread": 0, "active": 0},
        "runs": {
            "total": 3,
            "by_status": {
                **dict.fromkeys(("STARTING", "RUNNING", "STOPPED", "UNKNOWN"), 0),
                **dict.fromkeys(("SUCCEEDED", "FAILED", "UNREAD"), 1),
            },
        },
    }


def test_the_api_tells_of_targets(browser: Browser) -> None:
    targets = browser.status()["targets"]
    assert {key: value for key, value in targets.items() if key != "items"} == {
        "total": 1,
        "matching": 1,
        "page": 1,
        "pages": 1,
        "limit": 100,
    }
    assert targets["items"] == [
        {
            "target": "prod",
            "aws_region": "eu-west-1",
            "catalog_id": "123456789012",
            "up": True,
            "error": None,
            "patterns_without_views": ["none.*"],
            "last_poll_time": "2023-11-14T22:13:20.250Z",
            "last_success_time": "2023-11-14T22:13:20.250Z",
            "last_poll_duration_seconds": 0.25,
            "clock_skew_seconds": None,
            "views": 2,
            "runs": {"active": 0, "settling": 0, "settled": 2, "unfetched": 1},
        }
    ]


def test_the_api_tells_of_views(browser: Browser) -> None:
    failing, fine = browser.status()["views"]["items"]
    last_run = failing.pop("last_run")
    assert failing == {
        "target": "prod",
        "aws_region": "eu-west-1",
        "catalog_id": "123456789012",
        "database": "sales",
        "table": "orders",
        "up": True,
        "known": True,
        "state": "failing",
        "failing": True,
        "overdue": True,
        "stuck": False,
        "owner": None,
        "refresh_mode": "scheduled",
        "creation_time": "2023-10-04T06:13:20.000Z",
        "expected_interval_seconds": HOUR,
        "freshness_seconds": None,
        "consecutive_failures": 1,
        "data_time": None,
        "source_updated_time": None,
        "stale_since": "2023-10-04T06:13:20.000Z",
        "last_success_time": None,
        "last_failure_time": "2023-11-14T21:43:20.000Z",
        "last_failure": {
            "run_id": RUN_ID,
            "time": "2023-11-14T21:43:20.000Z",
            "cause": "access_denied",
            "error_message": "Access Denied",
        },
    }
    assert (last_run["run_id"], last_run["error_message"]) == (RUN_ID, "Access Denied")
    assert (fine["table"], fine["overdue"], fine["freshness_seconds"]) == ("stock", False, HOUR / 2)


def test_the_api_tells_of_runs(browser: Browser) -> None:
    failed, missing, _ = browser.status()["runs"]["items"]
    assert failed == {
        "target": "prod",
        "aws_region": "eu-west-1",
        "catalog_id": "123456789012",
        "up": None,
        "unread_because": None,
        "stuck": False,
        "run_id": RUN_ID,
        "database": "sales",
        "table": "orders",
        "status": "FAILED",
        "unlisted_status": None,
        "refresh_type": "INCREMENTAL",
        "creation_time": "2023-11-14T21:32:50.000Z",
        "start_time": "2023-11-14T21:33:20.000Z",
        "end_time": "2023-11-14T21:43:20.000Z",
        "last_updated": None,
        "duration_seconds": 600.0,
        "dpu_seconds": 360.0,
        "processed_bytes": 2_500_000,
        "error_message": "Access Denied",
        "role": "arn:x",
        "log_group": f"/aws-glue/materialized-views/{RUN_ID}",
        "log_url": "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        f"#logsV2:log-groups/log-group/$252Faws-glue$252Fmaterialized-views$252F{RUN_ID}",
    }
    assert missing.keys() == failed.keys()
    assert (missing["run_id"], missing["up"], missing["unread_because"]) == ("missing", False, "not_found")
    assert {missing[key] for key in ("status", "database", "start_time", "dpu_seconds")} == {None}


def documented_items() -> dict[str, set[str]]:
    """Return the keys that the documentation names, by kind of item."""
    rows = re.findall(r"^\| (target|view|run) \| (.*) \|$", DOCUMENTATION, flags=re.MULTILINE)
    without_remarks = {kind: re.sub(r"\([^)]*\)", "", text) for kind, text in rows}
    return {kind: set(re.findall(r"`(\w+)`", text)) for kind, text in without_remarks.items()}


def test_the_documentation_names_every_key_and_no_other(browser: Browser) -> None:
    status = browser.status()
    items = {kind: status[f"{kind}s"]["items"][0] for kind in ("target", "view", "run")}
    assert documented_items() == {kind: set(item) for kind, item in items.items()}
    assert items["view"]["last_run"].keys() == set(list(items["run"])[6:])
    for part in (
        status,
        status["exporter"],
        status["summary"]["views"],
        status["summary"]["runs"]["by_status"],
    ):
        for key in part:
            assert f"`{key}`" in DOCUMENTATION


def test_the_documentation_names_every_parameter_and_every_order() -> None:
    for parameter in DEFAULTS:
        assert f"`{parameter}`" in DOCUMENTATION
    for name, orders in ORDERS.items():
        (row,) = re.findall(rf"^\| `{name}_sort` \| `status` \| (.*) \|$", DOCUMENTATION, flags=re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == list(orders)
