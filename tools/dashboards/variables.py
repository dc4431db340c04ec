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


def label_values(name: str, title: str, series: str, *, many: bool) -> Json:
    """Return a choice of the values that a label has in these series: several of them, or one."""
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
        return {**variable, "allValue": ".*", "current": {"text": ["All"], "value": [ALL]}}
    return variable


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


def choice(name: str, title: str, values: tuple[str, ...], description: str) -> Json:
    """Return a choice of fixed values; the first is the default."""
    return {
        "name": name,
        "label": title,
        "description": description,
        "type": "custom",
        "query": ",".join(values),
        "current": {"text": values[0], "value": values[0]},
        "multi": False,
        "includeAll": False,
        "options": [{"selected": value == values[0], "text": value, "value": value} for value in values],
    }


def price() -> Json:
    """Return the price that turns DPU-hours into money."""
    return textbox("price", "US$ per DPU-hour", "0.44", "The price of a DPU-hour in your region.")


def status_page() -> Json:
    """Return where links to the exporter's own page lead."""
    return textbox(
        "status_page",
        "Status page",
        "http://localhost:10079",
        "The URL of the exporter's status page, without a slash at the end.",
    )


def overdue() -> Json:
    """Return when a view counts as overdue."""
    return choice(
        "overdue",
        "Overdue after (intervals)",
        ("1.5", "2", "3"),
        "A view is overdue this many expected intervals after its last success.",
    )
