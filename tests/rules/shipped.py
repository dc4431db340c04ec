"""The shipped rules, and the series that they may read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.view_families import VIEW_FAMILIES
from tools.render_rules import render

if TYPE_CHECKING:
    from exporter.metrics.text import Family


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert or a recording rule."""

    group: str
    name: str
    alert: bool
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def groups() -> list[dict[str, Any]]:
    """Return the groups of the rules file with the default thresholds."""
    found: list[dict[str, Any]] = yaml.safe_load(render())["groups"]
    return found


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(
            group["name"],
            rule.get("alert") or rule["record"],
            "alert" in rule,
            rule["expr"],
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for group in groups()
        for rule in group["rules"]
    )


def alerts() -> list[Rule]:
    return [rule for rule in rules() if rule.alert]


@cache
def exported() -> Mapping[str, frozenset[str]]:
    """Return the series that the exporter writes whatever ``runs_per_view`` is, with their label names."""
    series: dict[str, frozenset[str]] = {}
    families: Sequence[Family[Any]] = (*VIEW_FAMILIES, *TARGET_FAMILIES, *EXPORTER_FAMILIES)
    for family in families:
        labels = frozenset(family.labels)
        if family.type == "histogram":
            series[f"{family.name}_bucket"] = labels | {"le"}
            series[f"{family.name}_count"] = series[f"{family.name}_sum"] = labels
        else:
            series[family.name] = labels
    return series
