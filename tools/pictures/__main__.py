"""Draw the dashboards' pictures: ``python -m tools.pictures``.

They are stand-ins, not Grafana: the dashboards' own queries, answered by a real Prometheus over a day of a
real exporter's scrapes, drawn by this folder at the places that the dashboards give their panels.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from tests.dashboards import history
from tests.dashboards.questions import Viewer, dashboards
from tests.e2e.prometheus import prometheus
from tools.pictures.answers import Asker
from tools.pictures.canvas import Box, Canvas
from tools.pictures.drawing import draw
from tools.pictures.theme import FAINT

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, CELL, GAP, HEAD = 1560, 34, 8, 46
HOUR = 3600.0
MANY = {"target": ".*", "aws_region": ".*", "database": ".*", "overdue": "1.5", "price": "0.44"}
ONE = {
    "aws_region": "eu-west-1",
    "catalog_id": "123456789012",
    "database": "finance",
    "table": "revenue_daily",
}
PICTURES: Mapping[str, tuple[str, Sequence[str], float, Mapping[str, str]]] = {
    "dashboard-fleet.png": ("glue-mv-fleet", ("Now", "Refreshes", "Cost"), 11 * HOUR, MANY),
    "dashboard-view.png": ("glue-mv-view", ("$database", "Cost", "Runs"), 22 * HOUR, ONE | {"price": "0.44"}),
    "dashboard-exporter.png": (
        "glue-mv-exporter",
        ("Now", "Targets", "Requests"),
        11 * HOUR,
        {"target": ".*"},
    ),
}
"""Of each file: the dashboard, the beginnings of the rows that are drawn, the time range, the variables."""


def picture(dashboard: Mapping[str, Any], rows: Sequence[str], asker: Asker) -> Canvas:
    """Draw some rows of a dashboard, on its own grid."""
    variables = asker.viewer.variables
    wanted: list[dict[str, Any]] = []
    taken = False
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            taken = panel["title"].startswith(tuple(rows))
        if taken:
            wanted.append(panel)
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in wanted)
    canvas = Canvas(WIDTH, HEAD + bottom * CELL + GAP)
    canvas.text(16, 24, dashboard["title"], size=13, weight="bold")
    chosen = "   ".join(f"{name}: {'All' if value == '.*' else value}" for name, value in variables.items())
    canvas.text(
        WIDTH - 16, 24, f"{chosen}   last {asker.length / HOUR:.0f} hours", colour=FAINT, align="right"
    )
    cell = (WIDTH - GAP) / 24
    for panel in wanted:
        place = panel["gridPos"]
        box = Box(
            GAP + place["x"] * cell,
            HEAD + place["y"] * CELL,
            place["w"] * cell - GAP,
            place["h"] * CELL - GAP,
        )
        if panel["type"] == "row":
            title = panel["title"]
            for name, value in variables.items():
                title = title.replace(f"${name}", value)
            canvas.text(
                box.x + 4, box.y + CELL / 2, f"\N{BLACK DOWN-POINTING SMALL TRIANGLE}  {title}", size=10
            )
        else:
            draw(canvas, box, panel, asker)
    return canvas


def main() -> None:
    """Run as a script."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        recorded = history.record(folder)
        with prometheus(folder / "prometheus", blocks=recorded.blocks) as server:
            draw_all(lambda variables: Viewer(server, recorded.end, variables, history.STEP))


def draw_all(viewer: Callable[[Mapping[str, str]], Viewer]) -> None:
    """Draw all pictures, as somebody sees them who is made of the variables."""
    for file, (uid, rows, length, variables) in PICTURES.items():
        drawn = picture(dashboards()[uid], rows, Asker(viewer(variables), length))
        drawn.save(FOLDER / file)
        print(
            f"{file}: {(FOLDER / file).stat().st_size / 1000:.0f} kB, {drawn.width} by {drawn.height} pixels"
        )


if __name__ == "__main__":
    main()
