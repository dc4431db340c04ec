"""Links to other dashboards, and to the URLs that queries make."""

from tools.dashboards.layout import TAG
from tools.dashboards.style import Json

FLEET, VIEW, EXPORTER = "glue-mv-fleet", "glue-mv-view", "glue-mv-exporter"
"""The uids of the dashboards."""
_KEPT = (
    "${__url_time_range}&${datasource:queryparam}&${cluster:queryparam}&${namespace:queryparam}"
    "&${price:queryparam}"
)
_LABELS = ("job", "aws_region", "catalog_id", "database", "table")


def siblings() -> Json:
    """Return links to the other dashboards, which keep time and variables."""
    return {
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


def to_view() -> Json:
    """Return a data link from a row or series of a view to its dashboard."""
    chosen = "&".join(f"var-{label}=${{__data.fields.{label}:percentencode}}" for label in _LABELS)
    return {"title": "History of this view", "url": f"/d/{VIEW}?{_KEPT}&{chosen}"}


def to_url(title: str) -> Json:
    """Return the data link of a field that holds a URL."""
    return {"title": title, "url": "${__value.raw}", "targetBlank": True}


def to_logs() -> Json:
    """Return the link to a run's log."""
    return to_url("The run's log group in CloudWatch")


def to_page() -> Json:
    """Return the link to the exporter's status page."""
    return to_url("Status page, with Glue's error message")
