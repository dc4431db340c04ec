"""The kinds of panels that the dashboards are made of, as Grafana's JSON.

Sizes are in cells of Grafana's grid: 24 in a row, of about 30 pixels' height. Descriptions say what a panel
answers and what to do about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.dashboards.style import DASH, PLAIN, Json, override

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
NO_DATA = "no data"
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _query(expr: str, legend: str = "__auto", *, instant: bool = False, form: str = "time_series") -> Json:
    """Return a query of the whole time range, or (``instant``) of its end only."""
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": form,
        "instant": instant,
        "range": not instant,
        "legendFormat": legend,
    }


def _panel(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Json],
    size: tuple[int, int],
    *,
    options: Json,
    defaults: Mapping[str, Any],
    overrides: Sequence[Json] = (),
    **more: Any,
) -> Json:
    """Return a panel without its number and place; ``defaults`` are those of all its fields."""
    known = {name: value for name, value in defaults.items() if value not in (None, [], ())}
    return {
        "id": 0,
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"x": 0, "y": 0, "w": size[0], "h": size[1]},
        "targets": [{"refId": chr(ord("A") + place), **query} for place, query in enumerate(queries)],
        "options": options,
        "fieldConfig": {"defaults": known, "overrides": list(overrides)},
        **{name: value for name, value in more.items() if value is not None},
    }


def stat(
    title: str,
    description: str,
    query: str,
    *,
    width: int = 3,
    unit: str = "none",
    thresholds: Json = PLAIN,
    no_value: str = NO_DATA,
    history: bool = True,
    decimals: int | None = None,
    mappings: Sequence[Json] = (),
) -> Json:
    """Return one large number; with ``history`` its course in the time range behind it."""
    return _panel(
        "stat",
        title,
        description,
        [_query(query, title, instant=not history)],
        (width, 4),
        options={
            "colorMode": "value",
            "graphMode": "area" if history else "none",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": _REDUCE,
            "showPercentChange": False,
            "textMode": "value",
            "wideLayout": True,
        },
        defaults={"unit": unit, "thresholds": thresholds, "noValue": no_value}
        | {"decimals": decimals, "mappings": mappings},
    )


def series(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    width: int,
    unit: str = "none",
    bars: bool = False,
    stacked: bool = False,
    steps: bool = False,
    legend: Sequence[str] = (),
    signed: bool = False,
    no_value: str = NO_DATA,
    overrides: Sequence[Json] = (),
    interval: str | None = None,
) -> Json:
    """Return figures over time, by their names in the legend: lines, or bars on top of each other.

    ``legend`` is what its table has of each series; ``signed``: there are figures below 0; ``interval`` is
    the shortest step between two points.
    """
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if steps else "linear",
        "lineWidth": 1 if bars else 0 if stacked else 2,
        "fillOpacity": 80 if bars else 65 if stacked else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        **({"axisCenteredZero": True} if signed else {"axisSoftMin": 0}),
        "stacking": {"mode": "normal" if stacked or bars else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off"},
    }
    return _panel(
        "timeseries",
        title,
        description,
        [_query(expr, name) for name, expr in queries.items()],
        (width, 8),
        options={
            "legend": {
                "showLegend": True,
                "displayMode": "table" if legend else "list",
                "placement": "bottom",
                "calcs": list(legend),
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        defaults={"unit": unit, "thresholds": PLAIN, "noValue": no_value}
        | {"custom": custom, "min": None if signed else 0},
        overrides=overrides,
        interval=interval,
    )


def timeline(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    width: int = 24,
    height: int = 8,
    mappings: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
) -> Json:
    """Return states over time, a band for each series, by their names."""
    return _panel(
        "state-timeline",
        title,
        description,
        [_query(expr, name) for name, expr in queries.items()],
        (width, height),
        options={
            "alignValue": "left",
            "mergeValues": True,
            "rowHeight": 0.85,
            "showValue": "auto",
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        defaults={"unit": "none", "thresholds": PLAIN, "noValue": NO_DATA}
        | {"custom": {"fillOpacity": 80, "lineWidth": 0}, "mappings": mappings}
        | {"color": {"mode": "thresholds"}},
        overrides=overrides,
        interval="1m",
    )


def gauges(
    title: str,
    description: str,
    legend: str,
    query: str,
    *,
    width: int,
    buckets: bool = False,
    decimals: int | None = None,
    thresholds: Json = PLAIN,
    overrides: Sequence[Json] = (),
) -> Json:
    """Return a horizontal bar for each series; of a histogram, sorted, each bucket without those before."""
    form = "heatmap" if buckets else "time_series"
    return _panel(
        "bargauge",
        title,
        description,
        [_query(query, legend, instant=True, form=form)],
        (width, 8),
        options={
            "displayMode": "basic",
            "minVizHeight": 16,
            "maxVizHeight": 40,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _REDUCE,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
        defaults={"unit": "none", "thresholds": thresholds, "noValue": NO_DATA}
        | {"min": 0, "decimals": decimals, "color": {"mode": "thresholds"}},
        overrides=overrides,
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: it shows a label, or the answer of a query."""

    title: str
    label: str = ""
    query: str = ""
    unit: str | None = None
    width: int | None = None
    decimals: int | None = None
    mappings: Sequence[Json] = ()
    thresholds: Json | None = None
    coloured: bool = False
    """Write the value in the colour of its mapping or threshold."""
    gauge: bool = False
    """Draw a bar behind the value."""
    links: Sequence[Json] = ()

    def override(self, field: str) -> Json:
        """Return how the column differs from the table's defaults."""
        cell = {"type": "color-text"} if self.coloured else None
        if self.gauge:
            cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        properties = {
            "displayName": self.title,
            "unit": self.unit,
            "decimals": self.decimals,
            "mappings": list(self.mappings),
            "thresholds": self.thresholds,
            "links": list(self.links),
            "custom__width": self.width,
            "custom__cellOptions": cell,
            "min": 0 if self.gauge else None,
        }
        return override(field, **{key: value for key, value in properties.items() if value not in (None, [])})


def url_column(title: str, label: str, tooltip: str, width: int = 80) -> Column:
    """Return a column of links: URLs are long, so they are one word; what cannot be linked is a dash."""
    shown = [
        {
            "type": "regex",
            "options": {"pattern": "https?:.*", "result": {"text": "open \u2197", "index": 0}},
        },
        {"type": "special", "options": {"match": "null+nan", "result": {"text": DASH, "index": 1}}},
        {"type": "special", "options": {"match": "empty", "result": {"text": DASH, "index": 2}}},
    ]
    link = {"title": tooltip, "url": "${__value.raw}", "targetBlank": True}
    return Column(title, label=label, width=width, mappings=shown, links=[link])


def log_column(width: int = 80) -> Column:
    """Return the column with the link to a run's log."""
    return url_column("Log", "logs", "The run's log group in CloudWatch", width)


PAGE_COLUMN = url_column("Page", "page", "Status page, with Glue's error message")


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    extra: Sequence[str] = (),
    hidden: Sequence[str],
    sort: str,
    only: str | None = None,
    width: int = 24,
    height: int = 8,
) -> Json:
    """Return a table sorted by a column, the largest first.

    Results of instant queries with the same labels become rows. ``extra`` are queries that only add labels;
    ``hidden`` are labels that only links need. ``only``: the column that every row shown has a value in.
    """
    queries = [column.query for column in columns if column.query] + list(extra)
    name = "Value" if len(queries) == 1 else "Value #{}"
    names = {query: name.format(chr(ord("A") + place)) for place, query in enumerate(queries)}
    fields = {names[column.query] if column.query else column.label: column for column in columns}
    if len(fields) < len(columns):
        raise ValueError(f"{title}: a field is shown twice")
    return _panel(
        "table",
        title,
        description,
        [_query(query, instant=True, form="table") for query in queries],
        (width, height),
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "frameIndex": 0,
            "sortBy": [{"displayName": sort, "desc": True}],
        },
        defaults={
            "unit": "none",
            "noValue": DASH,
            "thresholds": PLAIN,
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
        },
        overrides=[
            *(column.override(field) for field, column in fields.items()),
            *(_hide(label) for label in hidden),
        ],
        transformations=[
            {"id": "merge", "options": {}},
            *(_having(field) for field, column in fields.items() if column.title == only),
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True, **{names[query]: True for query in extra}},
                    "indexByName": {field: place for place, field in enumerate(fields)},
                    "renameByName": {},
                },
            },
        ],
    )


def _having(field: str) -> Json:
    condition = {"fieldName": field, "config": {"id": "isNotNull", "options": {}}}
    return {"id": "filterByValue", "options": {"filters": [condition], "type": "include", "match": "any"}}


def _hide(label: str) -> Json:
    # Grafana 13 calls it by another name; each version ignores the other's.
    hidden = {"viz": True, "legend": False, "tooltip": False}
    return override(label, custom__hidden=True, custom__hideFrom=hidden)
