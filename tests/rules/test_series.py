"""The series that promtool's unit tests feed to the rules are such as the exporter writes."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from exporter.errors import Reason
from exporter.model.run import UNKNOWN, Status
from exporter.store.series import OPERATIONS
from tests.rules.shipped import alerts, exported, rules

FOLDER = Path(__file__).parent / "promtool"
FILES = sorted(FOLDER.glob("*.yml"))
ADDED = {"cluster", "namespace", "job", "instance", "pod"}
"""Labels that Prometheus adds to whatever it scrapes."""
STATUSES = {status.value for status in Status}
VALUES: Mapping[str, set[str]] = {
    "status": {*STATUSES, UNKNOWN},
    "refresh_type": {"FULL", "INCREMENTAL", UNKNOWN},
    "refresh_mode": {"scheduled", "manual", "unknown"},
    "reason": {reason.value for reason in Reason},
    "operation": set(OPERATIONS),
}

all_files = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


class Series(NamedTuple):
    """One line of ``input_series``."""

    test: str
    metric: str
    labels: Mapping[str, str]


def series_of(file: Path) -> Iterator[Series]:
    for test in yaml.safe_load(file.read_text())["tests"]:
        for line in test["input_series"]:
            metric, _, labels = line["series"].partition("{")
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
            yield Series(test["name"], metric, dict(pairs))


@all_files
def test_names_labels_and_their_values_are_those_of_the_metric_tables(file: Path) -> None:
    for series in series_of(file):
        labels = set(series.labels)
        if series.metric == "up":
            assert labels == {"job", "instance"}
        elif series.metric in {rule.name for rule in rules()}:
            assert labels == {"target"}, "what a rule records may be given in place of a month of samples"
        else:
            assert labels - ADDED == exported()[series.metric], series
        for label, value in series.labels.items():
            assert value in VALUES.get(label, {value}), series


@all_files
def test_a_view_has_all_statuses(file: Path) -> None:
    """Of which one is 1: a rule must not take the series of another status for the run's own."""
    found: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    for series in series_of(file):
        if series.metric == "glue_mv_refresh_view_last_run_status":
            rest = {name: value for name, value in series.labels.items() if name != "status"}
            found[series.test, *sorted(rest.items())].add(series.labels["status"])
    assert all(statuses >= STATUSES for statuses in found.values())


def test_every_alert_is_expected_in_full_somewhere() -> None:
    """With its labels and texts, and not only by its name."""
    expected = {
        case["alertname"]
        for file in FILES
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }
    assert expected == {rule.name for rule in alerts()}


def test_tests_read_the_rules_as_they_are_shipped() -> None:
    for file in FILES:
        (read,) = yaml.safe_load(file.read_text())["rule_files"]
        assert (FOLDER / read).resolve() == FOLDER.parents[2] / "deploy" / "prometheus" / "rules.yaml"
