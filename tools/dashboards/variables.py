"""The variables above a dashboard. All of them come from view-level and target-level series."""

from tools.dashboards.panels import DATASOURCE
from tools.dashboards.style import Json

VIEW_INFO = "glue_mv_refresh_view_info"
ALL = "$__all"


def datasource() -> Json:
    """Return the choice of the Prometheus to ask."""
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "options": [],
    }


def label_values(name: str, title: str, series: str, *, many: bool, every: str | None = ".+") -> Json:
    """Return a choice of the values that a label has in these series: several of them, or one.

    ``every``: the pattern of all: ".*" for a label that some series lack; None for the list of all.
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
        # Not the list of all names, which makes long queries where there are thousands.
        variable |= {"allValue": every} if every else {}
        return {**variable, "current": {"text": ["All"], "value": [ALL]}}
    return variable


def releases(series: str) -> list[Json]:
    """Return the datasource, and the choice of releases by the labels of their scrapes."""
    return [
        datasource(),
        label_values("cluster", "Cluster", series, many=True, every=".*"),
        label_values("namespace", "Namespace", series, many=True, every=".*"),
        label_values("job", "Job", series, many=True),
    ]


def recorded() -> Json:
    """Return the jobs that have recording rules, unseen: the metrics are asked of the others only."""
    variable = label_values("job", "With rules", "view:glue_mv_info:max", many=True, every=None)
    return {**variable, "name": "recorded", "hide": 2}


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


def price() -> Json:
    """Return the price that turns DPU-hours into money."""
    return textbox("price", "US$ per DPU-hour", "0.44", "The price of a DPU-hour in your region.")


def objective() -> Json:
    """Return the share of views that should be fresh."""
    description = "The share of views that should not be overdue, from 0 to 1."
    return textbox("objective", "Freshness objective", "0.99", description)
