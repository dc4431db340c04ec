"""The shipped example of an Alertmanager configuration holds back what is said already, and routes."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.alertmanager import EXAMPLE, Alertmanager, Webhook, alertmanager
from tests.e2e.program import wait_until
from tests.rules.shipped import alerts

SEVERITIES = {rule.name: rule.labels["severity"] for rule in alerts()}
OF_VIEWS = (
    "GlueMVRefreshFailed",
    "GlueMVRefreshFailing",
    "GlueMVViewOverdue",
    "GlueMVRunStuck",
    "GlueMVRefreshCostJumped",
    "GlueMVRefreshTurnedFull",
)

Labels = dict[str, str]


def of_target(name: str, target: str) -> Labels:
    return {"alertname": name, "severity": SEVERITIES[name], "target": target}


def of_view(name: str, target: str, table: str = "orders") -> Labels:
    view = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "database": "sales", "table": table}
    return of_target(name, target) | view


def not_read(table: str) -> Labels:
    view = of_view("GlueMVViewNotRead", "", table)
    return {label: value for label, value in view.items() if value}


def holds_back(running: Alertmanager, expected: Sequence[Labels], *posted: Labels) -> None:
    """Post alerts; fail unless these of them come to be inhibited, and no others."""
    running.post(posted)

    def as_expected() -> bool:
        known = {frozenset(one["labels"].items()): one["status"] for one in running.alerts() or []}
        states = [known.get(frozenset(labels.items())) for labels in posted]
        held = [
            labels for labels, state in zip(posted, states, strict=True) if state and state["inhibitedBy"]
        ]
        return None not in states and held == list(expected)

    wait_until(as_expected, 20, f"held back: {expected}")


def test_what_is_held_back(tmp_path: Path) -> None:
    """Each situation is a target of its own, so that they do not get into each other's way."""
    webhook = Webhook()
    with alertmanager(tmp_path / "alertmanager", webhook) as running:
        views_of_a_dead_target = [of_view(name, "dead") for name in OF_VIEWS]
        others = [of_target(name, "dead") for name in ("GlueMVManyViewsAffected", "GlueMVFewerViews")]
        down = of_target("GlueMVTargetDown", "dead")
        elsewhere = of_view("GlueMVViewOverdue", "alive")
        held = [*views_of_a_dead_target, *others]
        holds_back(running, held, down, elsewhere, *held)

        refused, too = of_target("GlueMVAccessDenied", "refused"), of_target("GlueMVTargetDown", "refused")
        its_view = of_view("GlueMVRefreshFailed", "refused")
        holds_back(running, [too, its_view], refused | {"reason": "access_denied"}, too, its_view)

        stopped, late = of_target("GlueMVPollsStopped", "stopped"), of_view("GlueMVViewOverdue", "stopped")
        holds_back(running, [late], stopped, late)

        many = of_target("GlueMVManyViewsAffected", "many")
        single = [of_view(name, "many", f"view_{number}") for number in range(20) for name in OF_VIEWS[:4]]
        dear = of_view("GlueMVRefreshCostJumped", "many")
        holds_back(running, single, many, dear, *single)

        failing, failed = of_view("GlueMVRefreshFailing", "prod"), of_view("GlueMVRefreshFailed", "prod")
        neighbour = of_view("GlueMVRefreshFailed", "prod", "customers")
        holds_back(running, [failed], failing, failed, neighbour)

        full, cost = of_view("GlueMVRefreshTurnedFull", "prod"), of_view("GlueMVRefreshCostJumped", "prod")
        neighbour = of_view("GlueMVRefreshCostJumped", "prod", "customers")
        holds_back(running, [cost], full, cost, neighbour)

        throttled, lost = of_target("GlueMVThrottled", "prod"), not_read("misspelt")
        fewer = of_target("GlueMVFewerViews", "prod")
        holds_back(running, [], throttled, lost, fewer)
        absent = {"alertname": "GlueMVExporterAbsent", "severity": "critical"}
        holds_back(running, [fewer], absent, fewer, lost)
    webhook.close()


@pytest.mark.parametrize("name", sorted(SEVERITIES))
def test_critical_alerts_reach_the_pager_and_warnings_the_chat(name: str) -> None:
    done = subprocess.run(
        [
            "amtool",
            "config",
            "routes",
            "test",
            f"--config.file={EXAMPLE}",
            f"alertname={name}",
            f"severity={SEVERITIES[name]}",
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.split()[0].decode() == {"critical": "pager", "warning": "chat"}[SEVERITIES[name]]


def test_the_examples_are_valid() -> None:
    """As the tools say that read them."""
    folder = EXAMPLE.parent
    for command in (
        ["amtool", "check-config", str(EXAMPLE)],
        ["promtool", "check", "config", str(folder / "prometheus.example.yml")],
        ["promtool", "check", "rules", str(folder / "rules.yaml")],
    ):
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
