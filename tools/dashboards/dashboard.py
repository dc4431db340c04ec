"""A dashboard as Grafana imports it: its variables, its links, and its panels at their places."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from tools.dashboards.panels import DATASOURCE
from tools.dashboards.style import Json

FLEET_UID, VIEW_UID, EXPORTER_UID = "glue-mv-fleet", "glue-mv-view", "glue-mv-exporter"
"""Parts of links and bookmarks: they never change."""
COLUMNS = 24
SCHEMA_VERSION = 39
"""Of Grafana 11.0, the oldest that these dashboards are for; later ones bring it forward themselves."""
TAG = "glue-mv-exporter"
_SIBLINGS = {
    "type": "dashboards",
    "title": "Glue refreshes",
    "tags": [TAG],
    "asDropdown": False,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
}
_KEPT = (
    "${__url_time_range}&${datasource:queryparam}&${cluster:queryparam}&${namespace:queryparam}"
    "&${price:queryparam}"
)
_CHOSEN = "&".join(
    f"var-{label}=${{__data.fields.{label}:percentencode}}"
    for label in ("job", "aws_region", "catalog_id", "database", "table")
)
TO_VIEW = {"title": "History of this view", "url": f"/d/{VIEW_UID}?{_KEPT}&{_CHOSEN}"}
"""The link from a row of a view to its dashboard."""


def dashboard(
    uid: str,
    title: str,
    description: str,
    *,
    variables: Sequence[Json],
    rows: Mapping[str, Sequence[Json]],
    collapsed: str = "",
    time_range: str = "now-24h",
    annotations: Sequence[Json] = (),
) -> Json:
    """Return a dashboard of panels under headings; a collapsed row runs no query until it is opened.

    Without ``__inputs``: its datasource is a variable.
    """
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "timezone": "browser",
        "time": {"from": time_range, "to": "now"},
        "refresh": "1m",
        "links": [_SIBLINGS],
        "annotations": {"list": list(annotations)},
        "templating": {"list": list(variables)},
        "panels": list(_placed(rows, collapsed)),
    }


def _placed(rows: Mapping[str, Sequence[Json]], collapsed: str) -> Iterator[Json]:
    """Yield the panels at their places: they flow from left to right, and rows from top to bottom."""
    numbers, y = count(1), 0
    for title, panels in rows.items():
        heading = {
            "id": next(numbers),
            "type": "row",
            "title": title,
            "collapsed": title == collapsed,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }
        placed: list[Json] = []
        x, line, bottom = 0, y + 1, y + 1
        for panel in panels:
            size = panel["gridPos"]
            if x + size["w"] > COLUMNS:
                x, line = 0, bottom
            placed.append({**panel, "id": next(numbers), "gridPos": {**size, "x": x, "y": line}})
            x, bottom = x + size["w"], max(bottom, line + size["h"])
        if title == collapsed:
            yield {**heading, "panels": placed}
            y += 1
        else:
            yield {**heading, "panels": []}
            yield from placed
            y = bottom


def label_values(name: str, title: str, series: str, *, many: bool = True, every: str = ".+") -> Json:
    """Return a choice of the values that a label has in these series: several of them, or one.

    ``every`` is the pattern of all: ".*" for a label that some series lack. Not the list of all names, which
    makes long queries where there are thousands; only with an empty ``every`` it is.
    """
    variable = {
        "name": name,
        "label": title,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": f"label_values({series}, {name})", "refId": f"values of {name}"},
        "refresh": 2,
        "sort": 1,
        "multi": many,
        "includeAll": many,
        "options": [],
    }
    if many:
        variable |= {"allValue": every} if every else {}
        variable["current"] = {"text": ["All"], "value": ["$__all"]}
    return variable


def releases(series: str) -> list[Json]:
    """Return the choice of the Prometheus to ask, and of releases by the labels of their scrapes."""
    datasource = {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "options": [],
    }
    return [
        datasource,
        label_values("cluster", "Cluster", series, every=".*"),
        label_values("namespace", "Namespace", series, every=".*"),
        label_values("job", "Job", series),
    ]


def textbox(name: str, title: str, value: str, description: str) -> Json:
    """Return a field to type in."""
    return {
        "name": name,
        "label": title,
        "description": description,
        "type": "textbox",
        "query": value,
        "current": {"text": value, "value": value},
        "options": [{"selected": True, "text": value, "value": value}],
    }


PRICE = textbox("price", "US$ per DPU-hour", "0.44", "The price of a DPU-hour in your region.")
