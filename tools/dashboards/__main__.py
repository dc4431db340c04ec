"""Write the dashboards: ``python -m tools.dashboards``."""

import json
from pathlib import Path

from tools.dashboards.exporter import exporter
from tools.dashboards.fleet import fleet
from tools.dashboards.layout import dashboard_json
from tools.dashboards.view import view

FOLDER = Path(__file__).resolve().parents[2] / "helm" / "glue-mv-exporter" / "files" / "dashboards"
DASHBOARDS = {"fleet.json": fleet, "view.json": view, "exporter.json": exporter}


def main() -> None:
    """Run as a script."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in DASHBOARDS.items():
        text = json.dumps(dashboard_json(make()), indent=2, ensure_ascii=False)
        (FOLDER / name).write_text(text + "\n")


if __name__ == "__main__":
    main()
