"""The monitoring mixin gives the rules and dashboards that are shipped, read from the same files."""

import json
from typing import Any

import _jsonnet
import yaml

from tools.render_rules import CHART, ROOT, defaults, render


def evaluated(source: str) -> dict[str, Any]:
    text = source.replace("MIXIN", f"(import '{ROOT}/mixin/mixin.libsonnet')")
    found: dict[str, Any] = json.loads(_jsonnet.evaluate_snippet("user.jsonnet", text))
    return found


def mixin(config: str = "{}") -> dict[str, Any]:
    return evaluated(f"""
        local all = MIXIN + {{ _config+:: {config} }};
        {{ alerts: all.prometheusAlerts, rules: all.prometheusRules, dashboards: all.grafanaDashboards }}
    """)


def shipped(key: str, changes: dict[str, str | float] | None = None, selector: str = "") -> dict[str, Any]:
    """Return the groups of the rules file with only their alerts, or only their recording rules."""
    groups = yaml.safe_load(render(changes, selector=selector))["groups"]
    chosen = [group | {"rules": [rule for rule in group["rules"] if key in rule]} for group in groups]
    return {"groups": [group for group in chosen if group["rules"]]}


def test_alerts_and_recording_rules_are_those_of_the_rules_file() -> None:
    given = mixin()
    assert given["alerts"] == shipped("alert")
    assert given["rules"] == shipped("record")


def test_dashboards_are_those_of_the_chart() -> None:
    files = (CHART / "files" / "dashboards").glob("*.json")
    assert mixin()["dashboards"] == {f"glue-mv-{file.name}": json.loads(file.read_text()) for file in files}


def test_the_configuration_sets_every_placeholder() -> None:
    """Whatever is replaced in the rules file: thresholds, and what is beside them."""
    changes: dict[str, str | float] = {"failuresInARow": 7, "targetDownFor": "42s"}
    given = mixin("{ thresholds+: { failuresInARow: 7, targetDownFor: '42s' } }")
    assert given["alerts"] == shipped("alert", changes)
    given = mixin("{ runbookUrl: 'https://wiki.example.org/glue/' }")
    assert given["alerts"] == shipped("alert", {"runbookUrl": "https://wiki.example.org/glue"})
    given = mixin("{ selector: 'namespace=\"data\",' }")
    assert given["alerts"] == shipped("alert", selector='namespace="data",')
    assert "<<" not in json.dumps(mixin()), f"one of {sorted(defaults())} is not replaced"


def test_other_rules_of_the_user_stay() -> None:
    """A mixin adds to what others give."""
    both = evaluated(
        "({ prometheusAlerts:: { groups: [{ name: 'own', rules: [] }] } } + MIXIN).prometheusAlerts"
    )
    assert both["groups"] == [{"name": "own", "rules": []}, *shipped("alert")["groups"]]
