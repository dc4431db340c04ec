"""From a refresh that fails to the message: through exporter, Prometheus, Alertmanager and webhook.

The shipped rules and the shipped example of an Alertmanager configuration are changed in what they wait
for, and in nothing else.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from exporter.web.status_text import log_url
from tests.e2e.alertmanager import Webhook, alertmanager
from tests.e2e.program import serve, target, wait_until
from tests.e2e.prometheus import Prometheus, prometheus
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id
from tools.render_rules import render

pytestmark = pytest.mark.timeout(240)

VIEW = {"aws_region": "eu-west-1", "catalog_id": ACCOUNT, "database": "sales"}
ORDERS = {**VIEW, "table": "orders", "target": "prod"}
LATE = {**VIEW, "table": "late", "target": "prod"}
SECRET = {**VIEW, "table": "secret", "target": "refused"}


def hasty_rules() -> str:
    """Return the shipped rules: what waits minutes waits a second, what is evaluated seldom is so often."""
    document = yaml.safe_load(render())
    for group in document["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return yaml.safe_dump(document)


def put_run(glue: BareGlue, number: int, table: str, ended: float, status: str = "SUCCEEDED") -> None:
    """Add a run of ten minutes that ended so many seconds ago."""
    created = time.time() - ended - 600
    times = {"CreationTime": created, "StartTime": created + 10, "EndTime": created + 600}
    record = {**sample_run(number, status=status), **times, "LastUpdated": created + 600}
    glue.records.put_run({**record, "DatabaseName": "sales", "TableName": table})


def watching(glue: BareGlue, name: str, *tables: str) -> dict[str, Any]:
    """Return a target that watches these views."""
    watched = target(glue.url, name=name, views=[f"sales.{table}" for table in tables])
    del watched["runs"]
    return watched


@dataclass(frozen=True, slots=True)
class Story:
    """What the webhook received, and what Prometheus knew besides."""

    webhook: Webhook
    firing: list[Mapping[str, str]]
    """Labels of all alerts that fired when all that was expected had been received."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Let a refresh fail, a view be late, a target go down and one be denied; then fix the first three."""
    folder = tmp_path_factory.mktemp("alerting")
    webhook = Webhook()
    with ExitStack() as stack:
        glue, refused, dying = (stack.enter_context(BareGlue()) for _ in range(3))
        for table, ended in (("orders", 600), ("late", 7200)):
            glue.records.put_view("sales", table, refresh_seconds=3600)
            put_run(glue, 1 if table == "orders" else 2, table, ended)
        refused.records.put_view("sales", "secret")
        put_run(refused, 3, "secret", 60)
        refused.misbehave(ACCESS_DENIED, operation="GetTable")
        dying.records.put_view("sales", "remote")
        put_run(dying, 4, "remote", 60)
        config = {
            "poll_interval": "5s",
            "resync_interval": "5s",
            "runs_per_view": 0,
            "targets": [
                watching(glue, "prod", "orders", "late"),
                watching(refused, "refused", "secret"),
                watching(dying, "dying", "remote") | {"aws_region": "us-east-1"},
            ],
        }
        (folder / "prometheus").mkdir()
        (folder / "prometheus" / "rules.yaml").write_text(hasty_rules())
        program = stack.enter_context(serve(folder / "exporter", config))
        manager = stack.enter_context(alertmanager(folder / "alertmanager", webhook))
        alerting = {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]}
        server = stack.enter_context(
            prometheus(folder / "prometheus", program.port, alerting=alerting, rule_files=["rules.yaml"])
        )
        program.scrape_until(
            lambda now: now.value("glue_mv_exporter_target_up", target="dying") == 1, what="all were polled"
        )
        put_run(glue, 5, "orders", 0, status="FAILED")
        dying.close()
        expected = [
            {"alertname": "GlueMVRefreshFailed", **ORDERS},
            {"alertname": "GlueMVViewOverdue", **LATE},
            {"alertname": "GlueMVTargetDown", "target": "dying"},
            {"alertname": "GlueMVAccessDenied", "target": "refused"},
        ]
        for labels in expected:
            wait_until(lambda labels=labels: webhook.alerts("firing", **labels), 60, f"told of {labels}")  # type: ignore[misc]  # binds it now
        put_run(refused, 8, "secret", 0, status="FAILED")
        held = {"alertname": "GlueMVRefreshFailed", **SECRET}
        wait_until(lambda: held.items() <= fired(server, **held).items(), 30, "fires, and is held back")
        firing = [alert["labels"] for alert in alerts_of(server)]
        put_run(glue, 6, "orders", 0)
        put_run(glue, 7, "late", 0)
        stack.enter_context(revived(dying))
        for labels in expected[:3]:
            wait_until(lambda labels=labels: webhook.alerts("resolved", **labels), 60, f"resolved {labels}")  # type: ignore[misc]  # binds it now
    webhook.close()
    (folder / "received.json").write_text(json.dumps([m.body for m in webhook.received], indent=2))
    return Story(webhook, firing)


def revived(dead: BareGlue) -> BareGlue:
    """Return a Glue with the records of a closed one, at its address."""
    alive = BareGlue(port=dead.port)
    alive.records = dead.records
    return alive


def alerts_of(server: Prometheus) -> list[dict[str, Any]]:
    """Return what fires in Prometheus."""
    return [alert for alert in server.api("alerts")["alerts"] if alert["state"] == "firing"]


def fired(server: Prometheus, **labels: str) -> Mapping[str, str]:
    """Return the labels of the alert that fires with these; nothing while none does."""
    found = [alert["labels"] for alert in alerts_of(server) if labels.items() <= alert["labels"].items()]
    return found[0] if found else {}


def test_a_failed_refresh_is_told_with_its_log(story: Story) -> None:
    (receiver, alert) = story.webhook.alerts("firing", alertname="GlueMVRefreshFailed")[0]
    assert receiver == "chat"
    assert alert["labels"] == {"alertname": "GlueMVRefreshFailed", "severity": "warning", **ORDERS}
    description = alert["annotations"]["description"]
    assert alert["annotations"]["summary"] == "The last refresh of sales.orders failed"
    assert log_url("eu-west-1", sample_run_id(5)) in description.split()
    assert f"/aws-glue/materialized-views/{sample_run_id(5)}:" in description.split()
    assert alert["annotations"]["runbook_url"].endswith("/docs/runbooks/GlueMVRefreshFailed.md")


def test_an_overdue_view_is_told(story: Story) -> None:
    (receiver, alert) = story.webhook.alerts("firing", alertname="GlueMVViewOverdue")[0]
    assert receiver == "chat"
    assert alert["labels"] == {"alertname": "GlueMVViewOverdue", "severity": "warning", **LATE}
    assert re.search(r"has been stale for 2h 0m \d+s, more", alert["annotations"]["description"])
    assert alert["annotations"]["runbook_url"].endswith("/docs/runbooks/GlueMVViewOverdue.md")


def test_a_dead_target_is_told_to_the_pager(story: Story) -> None:
    (receiver, alert) = story.webhook.alerts("firing", alertname="GlueMVTargetDown", target="dying")[0]
    assert receiver == "pager"
    assert alert["labels"] == {"alertname": "GlueMVTargetDown", "severity": "critical", "target": "dying"}
    assert alert["annotations"]["summary"] == "Target dying cannot be read"


def test_a_refused_target_is_told_with_the_reason(story: Story) -> None:
    (receiver, alert) = story.webhook.alerts("firing", alertname="GlueMVAccessDenied")[0]
    assert receiver == "pager"
    assert alert["labels"]["target"] == "refused"
    assert alert["labels"]["reason"] == "access_denied"


def test_views_of_a_refused_target_are_quiet(story: Story) -> None:
    """Its runs can be read, so Prometheus knows of the failure; but nobody is told of it."""
    assert {"alertname": "GlueMVRefreshFailed", "severity": "warning", **SECRET} in story.firing
    assert {"alertname": "GlueMVTargetDown", "severity": "critical", "target": "refused"} in story.firing
    assert story.webhook.alerts("firing", target="refused", alertname="GlueMVRefreshFailed") == []


def test_the_recovery_is_told(story: Story) -> None:
    """To the same receivers."""
    for name, receiver in (
        ("GlueMVRefreshFailed", "chat"),
        ("GlueMVViewOverdue", "chat"),
        ("GlueMVTargetDown", "pager"),
    ):
        assert {told for told, _ in story.webhook.alerts("resolved", alertname=name)} == {receiver}


def test_nothing_else_is_told(story: Story) -> None:
    told = {alert["labels"]["alertname"] for _, alert in story.webhook.alerts("firing")}
    expected = {"GlueMVRefreshFailed", "GlueMVViewOverdue", "GlueMVTargetDown", "GlueMVAccessDenied"}
    assert told == expected
