"""The page of the alerts and their runbooks describe the shipped rules."""

import json
import re
from pathlib import Path

import pytest
import yaml

from exporter.web.status_text import log_group, log_url
from tests.docs.pages import ROOT, Block, anchors, blocks, name
from tests.rules.promql import selectors
from tests.rules.shipped import alerts, exported, rules
from tools.render_rules import PLACEHOLDER, SOURCE, defaults

PAGE = ROOT / "docs" / "alerts.md"
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
ROW = re.compile(r"^\| \[(\w+)\]\((runbooks/\w+\.md)\) \| (\w+) \| [^|]+ \| ([^|]*)\|$", re.MULTILINE)
KNOWN = defaults().keys() - {"runbookUrl"}
"""Every threshold."""
ABOUT = {
    "view:glue_mv_stuck_seconds:max": "GlueMVRunStuck",
    "view:glue_mv_overdue_seconds:max": "GlueMVViewOverdue",
    "target:glue_mv_many_views_affected:count": "GlueMVManyViewsAffected",
}
"""Which alert a record is made for."""


def thresholds(alert: str) -> set[str]:
    """Return the thresholds of an alert, and of the records that it alone reads."""
    source = {
        rule.get("alert") or rule["record"]: json.dumps({key: rule.get(key) for key in ("expr", "for")})
        for group in yaml.safe_load(SOURCE.read_text())["groups"]
        for rule in group["rules"]
    }
    reads = {rule.name: [selector.metric for selector in selectors(rule.expression)] for rule in rules()}
    found, left = {alert}, [alert]
    while left:
        read = {name for name in reads[left.pop()] if ABOUT.get(name, alert) == alert and ":" in name} - found
        found |= read
        left += read
    return {threshold for name in found for threshold in PLACEHOLDER.findall(source[name])} & KNOWN


def test_every_alert_is_in_the_table_as_it_is() -> None:
    rows = {row[0]: (row[2], set(re.findall(r"`(\w+)`", row[3]))) for row in ROW.findall(PAGE.read_text())}
    assert rows == {rule.name: (rule.labels["severity"], thresholds(rule.name)) for rule in alerts()}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Without an external URL, test_rules.py has the alert's link to it."""
    assert {path.stem for path in RUNBOOKS} == {rule.name for rule in alerts()}
    assert {row[1] for row in ROW.findall(PAGE.read_text())} == {f"runbooks/{path.name}" for path in RUNBOOKS}


@pytest.mark.parametrize("path", RUNBOOKS, ids=name)
def test_a_runbook_says_what_to_do_and_the_thresholds_of_its_alert(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.stem}\n")
    assert anchors(path) == {path.stem.lower(), "what-it-means", "what-to-check", "what-to-do"}
    named = set(re.findall(r"`([a-z]+[A-Z]\w*)`", path.read_text()))
    assert thresholds(path.stem) <= named <= KNOWN


@pytest.mark.parametrize("block", blocks("promql", PAGE, *RUNBOOKS), ids=str)
def test_queries_find_what_is_there(block: Block) -> None:
    """Prometheus drops a value after five minutes: without a range, one of ten minutes is often not found."""
    known = {*exported(), *(rule.name for rule in rules()), "ALERTS", "up"}
    assert {selector.metric for selector in selectors(block.text)} <= known
    seldom = {rule.name for rule in rules() if rule.group == "glue-mv-history"}
    for selector in re.finditer(r"([\w:]+)(\{[^}]*\})?(\[\w+\])?", block.text):
        assert selector[1] not in seldom or selector[3]


def test_every_recording_rule_is_on_the_page() -> None:
    named = set(re.findall(r"`((?:view|target|catalog|release):glue_mv_\w+:\w+)`", PAGE.read_text()))
    assert named == {rule.name for rule in rules() if not rule.alert}


def test_the_table_of_inhibitions_is_that_of_the_configuration() -> None:
    """By the names of the alerts that inhibit others."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alertmanager.example.yml").read_text())
    sources = [
        set(re.findall(r"GlueMV\w+", "".join(rule["source_matchers"]))) for rule in config["inhibit_rules"]
    ]
    table = PAGE.read_text().split("## What Alertmanager inhibits")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == sources


def test_the_example_of_a_message_is_of_the_alert_as_it_is() -> None:
    (block,) = blocks("json", PAGE)
    message = json.loads(block.text)
    (alert,) = message["alerts"]
    assert message["commonLabels"] == alert["labels"]
    assert message["commonAnnotations"] == alert["annotations"]
    (rule,) = [rule for rule in alerts() if rule.name == alert["labels"]["alertname"]]
    identity = {"aws_region", "catalog_id", "database", "table", "target", "owner", "job"}
    assert set(alert["labels"]) == {"alertname", "severity", *identity}
    assert alert["labels"]["severity"] == rule.labels["severity"]
    assert set(alert["annotations"]) == set(rule.annotations)
    assert alert["annotations"]["runbook_url"] in rule.annotations["runbook_url"]
    description = alert["annotations"]["description"]
    run_id = description.split(" Run ")[1].split(",")[0]
    assert log_group(run_id) in description
    assert str(log_url(alert["labels"]["aws_region"], run_id)) in description
