"""The shipped alerts and recording rules fit what the exporter writes, and what is shipped beside them."""

import re

import pytest
import yaml

from exporter.errors import Reason
from exporter.model.run import Status
from tests.rules.promql import grouped, selectors, tokens
from tests.rules.shipped import Rule, alerts, exported, rules
from tools.render_rules import HEADER, PLACEHOLDER, RENDERED, defaults, render, source

VIEW = ("aws_region", "catalog_id", "database", "table")
RELEASE = ("cluster", "namespace", "job")

all_rules = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
all_alerts = pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule.name)


def recorded() -> set[str]:
    return {rule.name for rule in rules() if not rule.alert}


def test_the_rendered_rules_are_those_of_the_chart() -> None:
    """`make generate` writes them."""
    assert RENDERED.read_text() == HEADER + render()


def test_every_threshold_has_a_default_and_every_default_is_used() -> None:
    assert set(PLACEHOLDER.findall(source())) - {"selector"} == set(defaults())


def test_other_thresholds_can_be_rendered_and_unknown_ones_are_refused() -> None:
    text = str(yaml.safe_load(render({"failuresInARow": 7, "targetDownFor": "42s"})))
    assert "view:glue_mv_failures:max >= 7" in text
    assert "'for': '42s'" in text
    with pytest.raises(ValueError, match="failuresInAColumn"):
        render({"failuresInAColumn": 7})


def test_every_series_is_of_the_release_that_the_rules_select() -> None:
    """The recorded ones, too: those of another release, with its rules, are in the same Prometheus."""
    groups = yaml.safe_load(render(selector='namespace="data",'))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        for selector in selectors(rule["expr"]):
            assert ("namespace", "data") in selector.values, (selector, rule["expr"])


@all_rules
def test_every_series_exists_with_its_labels_and_their_values(rule: Rule) -> None:
    """Otherwise an alert could never fire. No rule uses series of single runs."""
    known = {**exported(), "up": frozenset({"job", "instance"})}
    values: dict[str, set[str]] = {
        "status": {status.value for status in Status},
        "refresh_type": {"FULL", "INCREMENTAL", "UNKNOWN"},
        "reason": {reason.value for reason in Reason},
    }
    for selector in selectors(rule.expression):
        if selector.metric not in recorded():
            assert selector.labels <= known[selector.metric]
        for label, pattern in selector.values:
            assert label not in values or set(pattern.split("|")) <= values[label]


@all_rules
def test_rules_group_by_what_survives_a_new_pod(rule: Rule) -> None:
    """By views and targets; `status` and `reason` have few values."""
    stream = tokens(rule.expression)
    allowed = {*RELEASE, *VIEW, "target", "owner", "reason"}
    if rule.group == "glue-mv-exporter":
        allowed = {*RELEASE, "instance", "shard", "shards"}
    elif rule.name == "GlueMVPollsStopped":
        allowed |= {"instance"}  # joins what one process tells of itself; the alert is by target
    for word, places in grouped(stream):
        labels = [stream[place].text for place in places]
        assert set(labels) <= allowed
        if word != "group_left" and labels:
            assert labels[:3] == list(RELEASE)
        assert word in {"by", "on", "group_left", "group_right"}
        if "table" in labels:
            assert labels[3:7] == list(VIEW)


@all_alerts
def test_every_alert_says_what_it_is(rule: Rule) -> None:
    assert set(rule.labels) == {"severity"}
    assert rule.labels["severity"] in {"critical", "warning"}
    assert set(rule.annotations) == {"summary", "description", "runbook_url"}
    url = rule.annotations["runbook_url"]
    assert f"/runbooks/{rule.name}{{{{ else }}}}docs/runbooks/{rule.name}.md{{{{ end }}}}" in url


@all_alerts
def test_an_alert_of_a_view_names_its_run_and_its_page(rule: Rule) -> None:
    description = rule.annotations["description"]
    of_a_view = "$labels.table" in description
    assert of_a_view == (" Page: " in description and "urlquery $labels.table" in description)
    names_a_run = "/aws-glue/materialized-views/" in description
    assert names_a_run == (of_a_view and rule.name not in {"GlueMVRefreshUnreliable", "GlueMVViewNotRead"})


def test_names_are_used_once() -> None:
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"GlueMV[A-Z][A-Za-z]+", rule.name) for rule in alerts())
    assert all(re.fullmatch(r"(view|target|catalog|release):glue_mv_\w+:\w+", name) for name in recorded())
