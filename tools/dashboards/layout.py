"""Dashboards into Grafana's JSON: panels flow from left to right, and rows from top to bottom."""

from collections.abc import Iterator, Sequence
from itertools import count

from tools.dashboards.panels import Dashboard, Panel, Row
from tools.dashboards.style import Json

COLUMNS = 24
SCHEMA_VERSION = 39
"""Of Grafana 11.0, the oldest that these dashboards are for; later ones bring it forward themselves."""
TAG = "glue-mv-exporter"


def dashboard_json(dashboard: Dashboard) -> Json:
    """Return the dashboard as Grafana imports it: without ``__inputs``, its datasource is a variable."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "timezone": "browser",
        "time": {"from": dashboard.time_range, "to": "now"},
        "refresh": dashboard.refresh,
        "links": list(dashboard.links),
        "annotations": {"list": list(dashboard.annotations)},
        "templating": {"list": list(dashboard.variables)},
        "panels": list(_panels(dashboard.rows)),
    }


def _panels(rows: Sequence[Row]) -> Iterator[Json]:
    numbers, y = count(1), 0
    for row in rows:
        heading = {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "collapsed": row.collapsed,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }
        placed, bottom = _placed(row.panels, y + 1, numbers)
        yield {**heading, "panels": placed if row.collapsed else []}
        if row.collapsed:
            y += 1
        else:
            yield from placed
            y = bottom


def _placed(panels: Sequence[Panel], y: int, numbers: Iterator[int]) -> tuple[list[Json], int]:
    """Return the panels at their places, and where the next row begins."""
    placed: list[Json] = []
    x = line_height = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, line_height = 0, y + line_height, 0
        placed.append(panel.json(next(numbers), x, y))
        x, line_height = x + panel.width, max(line_height, panel.height)
    return placed, y + line_height
