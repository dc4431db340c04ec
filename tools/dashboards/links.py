"""Links to other dashboards, the exporter's status page, and a run's log."""

from tools.dashboards.layout import TAG
from tools.dashboards.style import Json

FLEET, VIEW, EXPORTER = "glue-mv-fleet", "glue-mv-view", "glue-mv-exporter"
"""The uids of the dashboards."""
_KEPT = "${__url_time_range}&${datasource:queryparam}&${price:queryparam}&${status_page:queryparam}"
_LABELS = ("aws_region", "catalog_id", "database", "table")


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


def status_page() -> Json:
    """Return the link to the exporter's own page."""
    return {
        "type": "link",
        "title": "Status page",
        "url": "${status_page}/",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
        "icon": "external link",
        "tooltip": "Targets, views and runs as the exporter sees them now, with Glue's error messages",
    }


def to_view() -> Json:
    """Return a data link from a row or series of a view to its dashboard."""
    chosen = "&".join(f"var-{label}=${{__data.fields.{label}:percentencode}}" for label in _LABELS)
    return {"title": "History of this view", "url": f"/d/{VIEW}?{_KEPT}&{chosen}"}


def to_view_of_series() -> Json:
    """Return the same from a series that carries the view's labels."""
    chosen = "&".join(f"var-{label}=${{__field.labels.{label}:percentencode}}" for label in _LABELS)
    return {"title": "History of this view", "url": f"/d/{VIEW}?{_KEPT}&{chosen}"}


def to_status_of_view() -> Json:
    """Return a data link from a row of a view to the status page."""
    words = "${__data.fields.database:percentencode}%20${__data.fields.table:percentencode}"
    return _blank("Status page, with Glue's error message", f"${{status_page}}/?q={words}")


def to_status_of_target() -> Json:
    """Return a data link from a row of a target to the status page."""
    return _blank(
        "This target on the status page",
        "${status_page}/?target=${__data.fields.target:percentencode}",
    )


def to_logs() -> Json:
    """Return the data link of a field that holds a URL."""
    return _blank("The run's log group in CloudWatch", "${__value.raw}")


def _blank(title: str, url: str) -> Json:
    return {"title": title, "url": url, "targetBlank": True}
