"""The shipped alerts and recording rules fit what the exporter writes, and what is shipped beside them."""

import re

import pytest
import yaml

from exporter.errors import Reason
from exporter.model.run import Status
from tests.rules.promql import grouped, selectors, tokens
from tests.rules.shipped import Rule, alerts, exported, rules
from tools.render_rules import HEADER, PLACEHOLDER, RENDERED, SOURCE, defaults, render

VIEW = ("aws_region", "catalog_id", "database", "table")
SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds to whatever it scrapes."""

all_rules = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
all_alerts = pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule.name)


def recorded() -> set[str]:
    return {rule.name for rule in rules() if not rule.alert}


def test_the_rendered_rules_are_those_of_the_chart() -> None:
    """`make generate` writes them."""
    assert RENDERED.read_text() == HEADER + render()


def test_every_threshold_has_a_default_and_every_default_is_used() -> None:
    assert set(PLACEHOLDER.findall(SOURCE.read_text())) == set(defaults())


def test_other_thresholds_can_be_rendered() -> None:
    changed = yaml.safe_load(render({"failuresInARow": 7, "targetDownFor": "42s"}))
    text = str(changed)
    assert "view:glue_mv_failures:max >= 7" in text
    assert "'for': '42s'" in text


def test_a_threshold_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="failuresInAColumn"):
        render({"failuresInAColumn": 7})


@all_rules
def test_every_series_exists_with_its_labels(rule: Rule) -> None:
    """Otherwise an alert could never fire. No rule uses series of single runs."""
    known = {**exported(), "up": frozenset(SCRAPE)}
    for selector in selectors(rule.expression):
        if selector.metric not in recorded():
            assert selector.metric in known
            assert selector.labels <= known[selector.metric]


@all_rules
def test_matched_statuses_types_and_reasons_exist(rule: Rule) -> None:
    values: dict[str, set[str]] = {
        "status": {status.value for status in Status},
        "refresh_type": {"FULL", "INCREMENTAL", "UNKNOWN"},
        "reason": {reason.value for reason in Reason},
    }
    for selector in selectors(rule.expression):
        for label, pattern in selector.values:
            assert set(pattern.split("|")) <= values[label]


@all_rules
def test_rules_group_by_what_survives_a_new_pod(rule: Rule) -> None:
    """By views and targets; `status` and `reason` have few values."""
    stream = tokens(rule.expression)
    allowed = {*VIEW, "target", "status", "reason"}
    if rule.group == "glue-mv-exporter":
        allowed = SCRAPE
    elif rule.name == "GlueMVPollsStopped":
        allowed |= SCRAPE  # joins what one process tells of itself; the alert is by target
    for word, places in grouped(stream):
        labels = [stream[place].text for place in places]
        assert set(labels) <= allowed
        assert word in {"by", "on", "group_left"}
        if "table" in labels:
            assert labels[:4] == list(VIEW)


@all_alerts
def test_every_alert_says_what_it_is(rule: Rule) -> None:
    assert set(rule.labels) == {"severity"}
    assert rule.labels["severity"] in {"critical", "warning"}
    assert set(rule.annotations) == {"summary", "description", "runbook_url"}
    assert rule.annotations["runbook_url"].endswith(f"/docs/runbooks/{rule.name}.md")


def test_every_alert_of_a_view_links_to_the_log_in_the_same_words() -> None:
    links = {
        text[text.index("{{ with query") :]
        for rule in alerts()
        if "{{ with query" in (text := rule.annotations["description"])
    }
    assert len(links) == 1
    linking = [rule.name for rule in alerts() if "{{ with query" in rule.annotations["description"]]
    assert len(linking) == 6


def test_names_are_used_once() -> None:
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"GlueMV[A-Z][A-Za-z]+", rule.name) for rule in alerts())
    assert all(re.fullmatch(r"(view|target):glue_mv_\w+:\w+", name) for name in recorded())
