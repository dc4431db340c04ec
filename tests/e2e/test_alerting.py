"""From a refresh that fails to the message: through exporter, Prometheus, Alertmanager and webhook.

The shipped rules and the shipped example of an Alertmanager configuration are changed in what they wait
for, and in nothing else.
"""

import json
import re
import time
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from exporter.web.status_text import log_url
from tests.e2e.alertmanager import Alertmanager, Webhook, alertmanager
from tests.e2e.program import serve, target, wait_until
from tests.e2e.prometheus import Prometheus, prometheus
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id
from tools.render_rules import render

pytestmark = pytest.mark.timeout(240)

VIEW = {"job": "glue", "aws_region": "eu-west-1", "catalog_id": ACCOUNT, "database": "sales"}
ORDERS = {**VIEW, "table": "orders", "target": "prod"}
LATE = {**VIEW, "table": "late", "target": "prod"}


def hasty_rules() -> str:
    """Return the shipped rules: what takes minutes takes a second, what is evaluated seldom is so often."""
    document = yaml.safe_load(render())
    for group in document["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.update({key: "1s" for key in ("for", "keep_firing_for") if key in rule})
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


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Webhook:
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
        refused.misbehave(ACCESS_DENIED)
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
        stack.enter_context(
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
        held = {"alertname": "GlueMVTargetDown", "target": "refused"}
        wait_until(lambda: held_back(manager, **held), 30, "fires, and is held back")
        put_run(glue, 6, "orders", 0)
        put_run(glue, 7, "late", 0)
        stack.enter_context(revived(dying))
        for labels in expected[:3]:
            wait_until(lambda labels=labels: webhook.alerts("resolved", **labels), 60, f"resolved {labels}")  # type: ignore[misc]  # binds it now
    webhook.close()
    (folder / "received.json").write_text(json.dumps([m.body for m in webhook.received], indent=2))
    return webhook


def revived(dead: BareGlue) -> BareGlue:
    """Return a Glue with the records of a closed one, at its address."""
    alive = BareGlue(port=dead.port)
    alive.records = dead.records
    return alive


def alerts_of(server: Prometheus) -> list[dict[str, Any]]:
    """Return what fires in Prometheus."""
    return [alert for alert in server.api("alerts")["alerts"] if alert["state"] == "firing"]


def held_back(manager: Alertmanager, **labels: str) -> bool:
    """Return whether Alertmanager holds an alert with these labels back because of another one."""
    return any(
        labels.items() <= alert["labels"].items() and alert["status"]["inhibitedBy"]
        for alert in manager.alerts() or []
    )


def test_a_failed_refresh_is_told_with_its_log(webhook: Webhook) -> None:
    (receiver, alert) = webhook.alerts("firing", alertname="GlueMVRefreshFailed")[0]
    assert receiver == "chat"
    assert alert["labels"] == {"alertname": "GlueMVRefreshFailed", "severity": "warning", **ORDERS}
    description = alert["annotations"]["description"]
    assert alert["annotations"]["summary"] == "The last refresh of sales.orders failed"
    assert log_url("eu-west-1", sample_run_id(5)) in description.split()
    assert f"/aws-glue/materialized-views/{sample_run_id(5)}:" in description.split()
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/GlueMVRefreshFailed.md"


def test_an_overdue_view_is_told(webhook: Webhook) -> None:
    (receiver, alert) = webhook.alerts("firing", alertname="GlueMVViewOverdue")[0]
    assert receiver == "chat"
    assert alert["labels"] == {"alertname": "GlueMVViewOverdue", "severity": "warning", **LATE}
    lag = r"has been stale for 2h 0m \d+s, longer than 1.5 times its interval"
    assert re.search(lag, alert["annotations"]["description"])
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/GlueMVViewOverdue.md"


def test_a_dead_target_is_told_to_the_pager(webhook: Webhook) -> None:
    (receiver, alert) = webhook.alerts("firing", alertname="GlueMVTargetDown", target="dying")[0]
    assert receiver == "pager"
    assert alert["labels"] == {
        "alertname": "GlueMVTargetDown",
        "severity": "critical",
        "job": "glue",
        "target": "dying",
    }
    assert alert["annotations"]["summary"] == "Target dying cannot be read"


def test_a_refused_target_is_told_with_the_reason(webhook: Webhook) -> None:
    (receiver, alert) = webhook.alerts("firing", alertname="GlueMVAccessDenied")[0]
    assert receiver == "pager"
    assert alert["labels"]["target"] == "refused"
    assert alert["labels"]["reason"] == "access_denied"


def test_the_recovery_is_told(webhook: Webhook) -> None:
    """To the same receivers."""
    for name, receiver in (
        ("GlueMVRefreshFailed", "chat"),
        ("GlueMVViewOverdue", "chat"),
        ("GlueMVTargetDown", "pager"),
    ):
        assert {told for told, _ in webhook.alerts("resolved", alertname=name)} == {receiver}


def test_nothing_else_is_told(webhook: Webhook) -> None:
    told = {alert["labels"]["alertname"] for _, alert in webhook.alerts("firing")}
    expected = {"GlueMVRefreshFailed", "GlueMVViewOverdue", "GlueMVTargetDown", "GlueMVAccessDenied"}
    assert told == expected | {"GlueMVFreshnessBudgetBurn"}, "one of two views is late"
