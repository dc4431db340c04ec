"""Who is told of what, through exporter, Prometheus, Alertmanager and webhook: one cause is one message.

The shipped rules and the shipped example of an Alertmanager configuration are changed in what they wait
for, and in nothing else.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.web.status_text import log_url
from tests.e2e.neighbours import Alertmanager, Prometheus, Webhook, alertmanager, prometheus
from tests.e2e.program import Program, serve, target, wait_until
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run_id, view_run
from tests.support.ports import held_port
from tools.render_rules import render

pytestmark = pytest.mark.timeout(240)

TARGETS = 30
URL = "https://glue.example.org"
POLLED = {"poll_interval": "5s", "resync_interval": "5s", "runs_per_view": 0}
VIEW = {
    "job": "glue",
    "aws_region": "eu-west-1",
    "catalog_id": ACCOUNT,
    "database": "sales",
    "target": "prod",
}


def hasty_rules() -> str:
    """Return the shipped rules: what takes minutes takes a second, what is evaluated seldom is so often."""
    document = yaml.safe_load(render())
    for group in document["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.update({key: "1s" for key in ("for", "keep_firing_for") if key in rule})
    return yaml.safe_dump(document)


def put_view(
    glue: BareGlue, table: str, number: int, *, ended: float = 60, status: str = "SUCCEEDED"
) -> None:
    """Add a view with a run that ended so many seconds ago."""
    glue.records.put_view("sales", table, refresh_seconds=3600)
    glue.records.put_run(view_run(number, f"sales.{table}", status=status, ended=time.time() - ended))


@dataclass(frozen=True, slots=True)
class Watched:
    """An exporter, and all that hears of it."""

    program: Program
    server: Prometheus
    manager: Alertmanager
    webhook: Webhook

    def await_message(self, status: str, number: int = 1, /, **labels: str) -> tuple[str, Mapping[str, Any]]:
        """Wait until somebody has received so many alerts with these labels; return the first."""

        def enough() -> list[tuple[str, Mapping[str, Any]]]:
            alerts = self.webhook.alerts(status, **labels)
            return alerts if len(alerts) >= number else []

        return wait_until(enough, 120, f"{status}: {labels}")[0]

    @property
    def names(self) -> set[str]:
        """The names of the alerts that somebody was told of as firing."""
        return {alert["labels"]["alertname"] for _, alert in self.webhook.alerts("firing")}


@contextmanager
def watched(folder: Path, *targets: Mapping[str, Any], waits: str = "1s", url: str = "") -> Iterator[Watched]:
    webhook = Webhook()
    with ExitStack() as stack:
        stack.callback(webhook.close)
        (folder / "prometheus").mkdir()
        (folder / "prometheus" / "rules.yaml").write_text(hasty_rules())
        flags = (f"--web.external-url={url}",) if url else ()
        program = stack.enter_context(serve(folder / "exporter", {**POLLED, "targets": targets}, *flags))
        manager = stack.enter_context(alertmanager(folder / "alertmanager", webhook.url, waits=waits))
        alerting = {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]}
        server = stack.enter_context(
            prometheus(folder / "prometheus", program.port, alerting=alerting, rule_files=["rules.yaml"])
        )
        yield Watched(program, server, manager, webhook)


def test_trouble_and_recovery_are_told_to_those_who_act(tmp_path: Path) -> None:
    """A refresh fails, a view is late, a target goes down, one is denied; then all but the last is fixed."""
    with (
        BareGlue() as glue,
        BareGlue(ACCESS_DENIED) as refused,
        held_port() as port,
        BareGlue(port=port) as dying,
    ):
        put_view(glue, "orders", 1, ended=600)
        put_view(glue, "late", 2, ended=7200)
        put_view(dying, "remote", 4)
        targets = (
            target(glue.url, name="prod", views=["sales.orders", "sales.late"]),
            target(refused.url, name="refused", views=["sales.secret"]),
            target(dying.url, name="dying", views=["sales.remote"], aws_region="us-east-1"),
        )
        with watched(tmp_path, *targets) as around:
            around.program.await_up("dying")
            put_view(glue, "orders", 5, ended=0, status="FAILED")
            dying.close()

            receiver, alert = around.await_message("firing", alertname="GlueMVRefreshFailed")
            failed = {"alertname": "GlueMVRefreshFailed", "severity": "warning", "table": "orders", **VIEW}
            assert (receiver, alert["labels"]) == ("chat", failed)
            words = alert["annotations"]["description"].split()
            assert alert["annotations"]["summary"] == "The last refresh of sales.orders failed"
            assert log_url("eu-west-1", sample_run_id(5)) in words
            assert f"/aws-glue/materialized-views/{sample_run_id(5)}:" in words
            assert alert["annotations"]["runbook_url"] == "docs/runbooks/GlueMVRefreshFailed.md"

            receiver, alert = around.await_message("firing", alertname="GlueMVViewOverdue")
            late = {"alertname": "GlueMVViewOverdue", "severity": "warning", "table": "late", **VIEW}
            assert (receiver, alert["labels"]) == ("chat", late)
            lag = r"has been stale for 2h \dm \d+s, longer than 1.5 times its interval"
            assert re.search(lag, alert["annotations"]["description"])

            receiver, alert = around.await_message("firing", alertname="GlueMVTargetDown", target="dying")
            down = {
                "alertname": "GlueMVTargetDown",
                "severity": "critical",
                "job": "glue",
                "target": "dying",
            }
            assert (receiver, alert["labels"]) == ("pager", down)
            assert alert["annotations"]["summary"] == "Target dying cannot be read"

            receiver, alert = around.await_message("firing", alertname="GlueMVAccessDenied")
            assert receiver == "pager"
            assert {"target": "refused", "reason": "access_denied"}.items() <= alert["labels"].items()

            def why_it_is_down_is_enough() -> bool:
                held = {("alertname", "GlueMVTargetDown"), ("target", "refused")}
                return any(
                    held <= labels and is_held for labels, is_held in around.manager.inhibited().items()
                )

            wait_until(why_it_is_down_is_enough, 60, "fires, and is held back")

            put_view(glue, "orders", 6, ended=0)
            put_view(glue, "late", 7, ended=0)
            with BareGlue(port=port, records=dying.records):
                for labels, told in ((failed, "chat"), (late, "chat"), (down, "pager")):
                    assert around.await_message("resolved", **labels)[0] == told
            assert around.names == {
                *("GlueMVRefreshFailed", "GlueMVViewOverdue", "GlueMVTargetDown", "GlueMVAccessDenied"),
                "GlueMVFreshnessBudgetBurn",  # one of two views is late
            }


def test_a_denied_database_silences_no_view_elsewhere_and_owners_are_told_apart(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.judge = lambda call: ACCESS_DENIED if call.parameters.get("DatabaseName") == "hr" else None
        glue.records.put_view("hr", "people", refresh_seconds=3600)
        for number in range(10):
            put_view(glue, f"view_{number}", number, status="FAILED" if number < 3 else "SUCCEEDED")
        finance = {"database": "sales", "table": "view_0", "owner": "team-finance"}
        prod = target(glue.url, name="prod", views=["*.*", finance], owner="team-data")
        with watched(tmp_path, prod, url=URL) as around:
            for number in range(3):
                around.await_message("firing", alertname="GlueMVRefreshFailed", table=f"view_{number}")
            around.await_message("firing", alertname="GlueMVTargetIncomplete", target="prod")
            failed = around.webhook.alerts("firing", alertname="GlueMVRefreshFailed")
            told = {alert["labels"]["table"]: receiver for receiver, alert in failed}
            assert told == {"view_0": "finance", "view_1": "chat", "view_2": "chat"}
            assert around.webhook.messages(owner="team-finance") == [("finance", 1)]
            runbook = failed[0][1]["annotations"]["runbook_url"]
            assert runbook == f"{URL}/runbooks/GlueMVRefreshFailed"
            assert around.names == {"GlueMVRefreshFailed", "GlueMVTargetIncomplete"}
            assert (
                around.server.firing("GlueMVTargetDown") == around.server.firing("GlueMVAccessDenied") == []
            )


def test_a_region_that_takes_thirty_targets_down_sends_one_notification(tmp_path: Path) -> None:
    """Failures and late views of these targets are known, but old by then."""
    with BareGlue() as glue:
        accounts = []
        for number in range(TARGETS):
            put_view(glue, f"view_{number}", number)
            members = {"name": f"account-{number}", "views": [f"sales.view_{number}"]}
            accounts.append(target(glue.url, **members, max_requests_per_second=100))
        # As long, in poll intervals, as the example waits.
        with watched(tmp_path, *accounts, waits="20s") as around:
            around.program.scrape_until(
                lambda now: sum(up for _, up in now.series("glue_mv_exporter_target_up")) == TARGETS,
                what="all were polled",
            )
            glue.close()
            around.await_message("firing", TARGETS, alertname="GlueMVTargetDown")
            time.sleep(2)  # for what might follow
            assert around.webhook.messages() == [("pager", TARGETS)]
