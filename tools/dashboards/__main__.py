"""Write the dashboards: ``python -m tools.dashboards``."""

import json

from tools.dashboards.exporter import exporter
from tools.dashboards.fleet import fleet
from tools.dashboards.view import view
from tools.render_rules import CHART

if __name__ == "__main__":
    for name, make in {"fleet": fleet, "view": view, "exporter": exporter}.items():
        text = json.dumps(make(), indent=2, ensure_ascii=False)
        (CHART / "files" / "dashboards" / f"{name}.json").write_text(text + "\n")
