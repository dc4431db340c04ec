"""The shipped example of an Alertmanager configuration holds back what is said already, and routes."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.neighbours import EXAMPLE, Alertmanager, alertmanager
from tests.e2e.program import wait_until
from tests.rules.shipped import alerts

COMPOSE = EXAMPLE.parents[1] / "compose"
SEVERITIES = {rule.name: rule.labels["severity"] for rule in alerts()}
OF_VIEWS = (
    "GlueMVRefreshFailed",
    "GlueMVRefreshFailing",
    "GlueMVViewOverdue",
    "GlueMVRunStuck",
    "GlueMVRefreshUnreliable",
    "GlueMVRefreshCostJumped",
    "GlueMVRefreshTurnedFull",
)

Labels = dict[str, str]
RELEASE = {"cluster": "eu", "namespace": "monitoring", "job": "glue-mv-exporter"}


def of_release(name: str, **labels: str) -> Labels:
    return {"alertname": name, "severity": SEVERITIES[name], **RELEASE, **labels}


def of_target(name: str, target: str, **more: str) -> Labels:
    return of_release(name, target=target, **more)


def of_view(name: str, target: str, table: str = "orders", owner: str = "team-data") -> Labels:
    view = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "database": "sales", "table": table}
    return of_target(name, target, **view, owner=owner)


def elsewhere(labels: Labels) -> Labels:
    """Return the same of another release, whose targets have the same names."""
    return labels | {"namespace": "other"}


def holds_back(running: Alertmanager, expected: Sequence[Labels], *posted: Labels) -> None:
    """Post alerts; fail unless these of them come to be inhibited, and no others."""
    running.post(posted)

    def as_expected() -> bool:
        inhibited = running.inhibited()
        held = [inhibited.get(frozenset(labels.items())) for labels in posted]
        return held == [labels in expected for labels in posted]

    wait_until(as_expected, 60, f"held back: {expected}")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path / "alertmanager", "http://127.0.0.1:9") as running:
        yield running


def test_what_is_held_back(manager: Alertmanager) -> None:
    """Each situation is a target of its own, so that they do not get into each other's way."""
    views_of_a_dead_target = [of_view(name, "dead") for name in OF_VIEWS]
    others = [of_target(name, "dead") for name in ("GlueMVManyViewsAffected", "GlueMVFewerViews")]
    down, alive = of_target("GlueMVTargetDown", "dead"), of_view("GlueMVViewOverdue", "alive")
    held = [*views_of_a_dead_target, *others]
    holds_back(manager, held, down, alive, elsewhere(held[0]), *held)

    refused = of_target("GlueMVAccessDenied", "refused", reason="access_denied")
    too, its_view = of_target("GlueMVTargetDown", "refused"), of_view("GlueMVRefreshFailed", "refused")
    holds_back(manager, [too, its_view], refused, elsewhere(too), too, its_view)

    incomplete, unread = of_target("GlueMVTargetIncomplete", "partly"), of_view("GlueMVViewNotRead", "partly")
    read = [of_view(name, "partly", name) for name in OF_VIEWS]
    holds_back(manager, [unread], incomplete, unread, *read)

    stopped, late = of_target("GlueMVPollsStopped", "stopped"), of_view("GlueMVViewOverdue", "stopped")
    holds_back(manager, [late], stopped, late)

    many = of_target("GlueMVManyViewsAffected", "many")
    single = [of_view(name, "many", f"view_{number}") for number in range(20) for name in OF_VIEWS[:5]]
    dear = of_view("GlueMVRefreshCostJumped", "many")
    holds_back(manager, single, many, elsewhere(single[0]), dear, *single)

    failing, failed = of_view("GlueMVRefreshFailing", "prod"), of_view("GlueMVRefreshFailed", "prod")
    overdue, neighbour = of_view("GlueMVViewOverdue", "prod"), of_view("GlueMVRefreshFailed", "prod", "stock")
    holds_back(manager, [failed, overdue], failing, failed, overdue, neighbour)

    flapping, failed = (
        of_view(name, "prod", "odd") for name in ("GlueMVRefreshUnreliable", "GlueMVRefreshFailed")
    )
    holds_back(manager, [failed], flapping, failed)

    stuck, overdue = of_view("GlueMVRunStuck", "prod", "long"), of_view("GlueMVViewOverdue", "prod", "long")
    holds_back(manager, [overdue], stuck, overdue)

    full, cost = of_view("GlueMVRefreshTurnedFull", "prod"), of_view("GlueMVRefreshCostJumped", "prod")
    neighbour = of_view("GlueMVRefreshCostJumped", "prod", "stock")
    holds_back(manager, [cost], full, cost, neighbour)

    throttled, lost = of_target("GlueMVThrottled", "prod"), of_view("GlueMVViewNotRead", "prod", "misspelt")
    fewer = of_target("GlueMVFewerViews", "prod")
    holds_back(manager, [], throttled, lost, fewer)
    missing = of_release("GlueMVShardMissing")
    holds_back(manager, [fewer], missing, fewer, elsewhere(fewer))
    absent = of_release("GlueMVExporterAbsent")
    holds_back(manager, [missing, fewer], absent, missing, fewer, elsewhere(fewer), lost)


def receivers(*labels: str) -> list[str]:
    """Return who is told of an alert with these labels, as the example says."""
    command = ["amtool", "config", "routes", "test", f"--config.file={EXAMPLE}", *labels]
    return subprocess.run(command, capture_output=True, check=True, timeout=30, text=True).stdout.split()


@pytest.mark.parametrize("name", sorted(SEVERITIES))
def test_critical_alerts_reach_the_pager_warnings_the_chat_and_those_on_views_their_owner(name: str) -> None:
    severity = SEVERITIES[name]
    alert = (f"alertname={name}", f"severity={severity}")
    assert receivers(*alert) == [{"critical": "pager", "warning": "chat"}[severity]]
    if name in OF_VIEWS:
        assert receivers(*alert, "table=orders", "owner=team-finance") == ["finance"]
        assert receivers(*alert, "table=orders", "owner=team-data") == receivers(*alert)


@pytest.mark.parametrize(
    "command",
    [
        f"amtool check-config {EXAMPLE}",
        f"promtool check config {EXAMPLE.parent / 'prometheus.example.yml'}",
        f"promtool check rules {EXAMPLE.parent / 'rules.yaml'}",
        f"promtool check config --syntax-only {COMPOSE / 'prometheus.yml'}",
        f"amtool check-config {COMPOSE / 'alertmanager.yml'}",
    ],
)
def test_the_tools_that_read_the_examples_take_them(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
