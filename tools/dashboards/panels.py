"""Panels as values, and their JSON for Grafana."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.dashboards.style import Json

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query to Prometheus."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    """Query the end of the time range only; otherwise every step in it."""
    table: bool = False
    """Return a column for each label instead of a series."""
    buckets: bool = False
    """The answer is a histogram's: show it sorted, each bucket without those before it."""

    def json(self, ref: str) -> Json:
        """Return Grafana's form; ``ref`` is a letter, unique in its panel."""
        return {
            "refId": ref,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "format": "table" if self.table else "heatmap" if self.buckets else "time_series",
            "instant": self.instant,
            "range": not self.instant,
            "legendFormat": self.legend,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. Sizes are in cells of Grafana's grid: 24 in a row, of about 30 pixels' height."""

    type: str
    title: str
    description: str
    """What it answers and what to do about it: shown behind the (i)."""
    queries: Sequence[Query]
    width: int
    height: int
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]
    """Of all fields: unit, thresholds, mappings, what is shown without data …"""
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    interval: str | None = None
    """The shortest step between two points."""

    def json(self, number: int, x: int, y: int) -> Json:
        """Return Grafana's form of the panel at this place of the grid."""
        panel = {
            "id": number,
            "type": self.type,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [query.json(chr(ord("A") + place)) for place, query in enumerate(self.queries)],
            "options": dict(self.options),
            "fieldConfig": {"defaults": dict(self.defaults), "overrides": list(self.overrides)},
        }
        if self.transformations:
            panel["transformations"] = list(self.transformations)
        if self.interval:
            panel["interval"] = self.interval
        return panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under a heading. A collapsed row runs no query until it is opened."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard. Its uid is part of links and bookmarks: it never changes."""

    uid: str
    title: str
    description: str
    variables: Sequence[Json]
    rows: Sequence[Row]
    links: Sequence[Json]
    time_range: str = "now-24h"
    refresh: str = "1m"
    annotations: Sequence[Json] = field(default_factory=tuple)
