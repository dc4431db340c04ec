"""The kinds of panels that the dashboards are made of, each with the options that make it readable."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.dashboards.panels import Panel, Query
from tools.dashboards.style import PLAIN, Json

NO_DATA = "no data"
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(
    title: str,
    description: str,
    query: str,
    *,
    width: int = 3,
    height: int = 4,
    unit: str = "none",
    thresholds: Json = PLAIN,
    no_value: str = NO_DATA,
    history: bool = True,
    decimals: int | None = None,
    mappings: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> Panel:
    """Return one large number; with ``history`` its course in the time range behind it."""
    return Panel(
        type="stat",
        title=title,
        description=description,
        queries=(Query(expr=query, legend=title, instant=not history),),
        width=width,
        height=height,
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
        defaults=_defaults(
            unit, thresholds, no_value, decimals=decimals, mappings=list(mappings), links=list(links)
        ),
    )


def series(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    width: int,
    height: int = 8,
    unit: str = "none",
    bars: bool = False,
    stacked: bool = False,
    steps: bool = False,
    legend: Sequence[str] = (),
    thresholds: Json = PLAIN,
    limit: bool = False,
    signed: bool = False,
    no_value: str = NO_DATA,
    overrides: Sequence[Json] = (),
    interval: str | None = None,
    links: Sequence[Json] = (),
) -> Panel:
    """Return figures over time: lines or bars.

    ``legend`` names what its table tells of each series;
    ``signed``: there are figures below 0.
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
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limit else "off"},
    }
    return Panel(
        type="timeseries",
        title=title,
        description=description,
        queries=queries,
        width=width,
        height=height,
        options={
            "legend": {
                "showLegend": True,
                "displayMode": "table" if legend else "list",
                "placement": "bottom",
                "calcs": list(legend),
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        defaults=_defaults(
            unit, thresholds, no_value, custom=custom, links=list(links), min=None if signed else 0
        ),
        overrides=overrides,
        interval=interval,
    )


def stacked_bars(
    title: str,
    description: str,
    query: Query,
    *,
    width: int,
    interval: str,
    unit: str = "none",
    overrides: Sequence[Json] = (),
    no_value: str = NO_DATA,
) -> Panel:
    """Return what happened in each interval, as bars on top of each other, with the sum of each series."""
    return series(
        title,
        description,
        [query],
        width=width,
        unit=unit,
        bars=True,
        stacked=True,
        legend=["sum"],
        no_value=no_value,
        overrides=overrides,
        interval=interval,
    )


def timeline(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    width: int = 24,
    height: int = 6,
    mappings: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    values: bool = True,
) -> Panel:
    """Return states over time, a band for each series. ``values`` writes the state on its piece."""
    return Panel(
        type="state-timeline",
        title=title,
        description=description,
        queries=queries,
        width=width,
        height=height,
        options={
            "alignValue": "left",
            "mergeValues": True,
            "rowHeight": 0.85,
            "showValue": "auto" if values else "never",
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        defaults=_defaults(
            "none",
            PLAIN,
            NO_DATA,
            custom={"fillOpacity": 80, "lineWidth": 0},
            mappings=list(mappings),
            color={"mode": "thresholds"},
        ),
        overrides=overrides,
        interval="1m",
    )


def gauges(
    title: str,
    description: str,
    query: Query,
    *,
    width: int,
    height: int = 8,
    unit: str,
    thresholds: Json = PLAIN,
    overrides: Sequence[Json] = (),
    no_value: str = NO_DATA,
    decimals: int | None = None,
    links: Sequence[Json] = (),
) -> Panel:
    """Return a horizontal bar for each series, in the order of the answer."""
    return Panel(
        type="bargauge",
        title=title,
        description=description,
        queries=(query,),
        width=width,
        height=height,
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
        defaults=_defaults(
            unit,
            thresholds,
            no_value,
            min=0,
            decimals=decimals,
            links=list(links),
            color={"mode": "thresholds"},
        ),
        overrides=overrides,
    )


def _defaults(unit: str, thresholds: Json, no_value: str, **more: Any) -> Mapping[str, Any]:
    known = {name: value for name, value in more.items() if value not in (None, [])}
    return {"unit": unit, "thresholds": thresholds, "noValue": no_value, **known}
