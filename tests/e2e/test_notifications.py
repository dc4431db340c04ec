"""Who is told of what, through exporter, Prometheus and Alertmanager: one cause is one notification.

The shipped rules and the shipped example of an Alertmanager configuration are changed in what they wait
for, and in nothing else.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.alertmanager import Webhook, alertmanager
from tests.e2e.program import Program, serve, target, wait_until
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.test_alerting import alerts_of, hasty_rules, put_run
from tests.support.bare_faults import ACCESS_DENIED, Fault
from tests.support.bare_glue import BareGlue
from tests.support.endpoint import Call

pytestmark = pytest.mark.timeout(240)

TARGETS = 30
URL = "https://glue.example.org"
POLLED = {"poll_interval": "5s", "resync_interval": "5s", "runs_per_view": 0}


@dataclass(frozen=True, slots=True)
class Watched:
    """An exporter, and all that hears of it."""

    program: Program
    server: Prometheus
    webhook: Webhook

    def firing(self, name: str) -> list[Mapping[str, str]]:
        """Return the labels of the alerts of this name that fire in Prometheus."""
        return [one["labels"] for one in alerts_of(self.server) if one["labels"]["alertname"] == name]

    def await_told(self, number: int, **labels: str) -> None:
        """Wait until somebody has been told of so many alerts with these labels."""
        wait_until(lambda: sum(n for _, n in self.webhook.told(**labels)) >= number, 90, f"told of {labels}")


@contextmanager
def watched(folder: Path, config: Mapping[str, Any], *, waits: str = "1s") -> Iterator[Watched]:
    """Run all of them."""
    webhook = Webhook()
    with ExitStack() as stack:
        stack.callback(webhook.close)
        (folder / "prometheus").mkdir()
        (folder / "prometheus" / "rules.yaml").write_text(hasty_rules())
        program = stack.enter_context(serve(folder / "exporter", config, f"--web.external-url={URL}"))
        manager = stack.enter_context(alertmanager(folder / "alertmanager", webhook, waits=waits))
        alerting = {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]}
        server = stack.enter_context(
            prometheus(folder / "prometheus", program.port, alerting=alerting, rule_files=["rules.yaml"])
        )
        yield Watched(program, server, webhook)
        (folder / "received.json").write_text(json.dumps([m.body for m in webhook.received], indent=2))


def hr_is_denied(call: Call) -> Fault | None:
    """Deny the tables of one database."""
    denied = call.operation == "GetTables" and call.parameters.get("DatabaseName") == "hr"
    return ACCESS_DENIED if denied else None


def test_a_denied_database_silences_no_view_elsewhere_and_owners_are_told_apart(tmp_path: Path) -> None:
    with BareGlue(hr_is_denied) as glue:
        glue.records.put_view("hr", "people", refresh_seconds=3600)
        for number in range(10):
            glue.records.put_view("sales", f"view_{number}", refresh_seconds=3600)
            put_run(glue, number, f"view_{number}", 60, status="FAILED" if number < 3 else "SUCCEEDED")
        finance = {"database": "sales", "table": "view_0", "owner": "team-finance"}
        prod = target(glue.url, name="prod", views=["*.*", finance], owner="team-data")
        del prod["runs"]
        with watched(tmp_path, {**POLLED, "targets": [prod]}) as around:
            around.await_told(3, alertname="GlueMVRefreshFailed", target="prod")
            around.await_told(1, alertname="GlueMVTargetIncomplete", target="prod")
            failed = around.webhook.alerts("firing", alertname="GlueMVRefreshFailed")
            told = {alert["labels"]["table"]: receiver for receiver, alert in failed}
            assert told == {"view_0": "finance", "view_1": "chat", "view_2": "chat"}
            assert around.webhook.told(owner="team-finance") == [("finance", 1)]
            names = {alert["labels"]["alertname"] for _, alert in around.webhook.alerts("firing")}
            assert names == {"GlueMVRefreshFailed", "GlueMVTargetIncomplete"}
            assert around.firing("GlueMVTargetDown") == around.firing("GlueMVAccessDenied") == []


def test_a_region_that_takes_thirty_targets_down_sends_one_notification(tmp_path: Path) -> None:
    """Failures and late views of these targets are known, but old by then."""
    with BareGlue() as glue:
        accounts = []
        for number in range(TARGETS):
            glue.records.put_view("sales", f"view_{number}", refresh_seconds=3600)
            put_run(glue, number, f"view_{number}", 60)
            account = target(
                glue.url,
                name=f"account-{number}",
                views=[f"sales.view_{number}"],
                max_requests_per_second=100,
            )
            del account["runs"]
            accounts.append(account)
        # As long, in poll intervals, as the example waits.
        with watched(tmp_path, {**POLLED, "targets": accounts}, waits="20s") as around:
            around.program.scrape_until(
                lambda now: sum(up for _, up in now.series("glue_mv_exporter_target_up")) == TARGETS,
                what="all were polled",
            )
            glue.close()
            around.await_told(TARGETS, alertname="GlueMVTargetDown")
            time.sleep(2)  # for what might follow
            assert around.webhook.told() == [("pager", TARGETS)]
