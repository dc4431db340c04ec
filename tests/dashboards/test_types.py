"""The dashboards are what Grafana's own types ask for, in the oldest and the newest version they are for."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.dashboards.questions import FOLDER, Dashboard

TYPES = Path(__file__).with_name("types")
MISTAKES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a value that an option does not have": ("aera", lambda p: p["options"].update(graphMode="aera")),
    "a panel that Grafana does not have": ("piechart3d", lambda panel: panel.update(type="piechart3d")),
    "a misspelt key": ("desciption", lambda panel: panel.update(desciption="Views.")),
    "a query without its text": ("expr", lambda p: p["targets"][0].pop("expr")),
}


def check(*files: Path) -> tuple[int, str]:
    """Return the exit status, and what was printed."""
    done = subprocess.run(
        ["node", TYPES / "check.mjs", *files], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_the_dashboards_are_of_grafanas_types() -> None:
    status, said = check(*sorted(FOLDER.glob("*.json")))
    assert status == 0, said
    assert said.splitlines() == [
        f"3 dashboards held against Grafana {version}" for version in ("11.0.0", "13.2.3")
    ]


def test_every_mistake_would_be_found(tmp_path: Path) -> None:
    text = (FOLDER / "fleet.json").read_text()
    for number, (_, make) in enumerate(MISTAKES.values()):
        dashboard: Dashboard = json.loads(text)
        make(next(panel for panel in dashboard["panels"] if panel["type"] == "stat"))
        (tmp_path / f"{number}.json").write_text(json.dumps(dashboard, indent=2))
    status, said = check(*sorted(tmp_path.glob("*.json")))
    assert status == 1
    for number, (mistake, (word, _)) in enumerate(MISTAKES.items()):
        lines = [line for line in said.splitlines() if line.startswith(f"{number}.json:")]
        assert any(word in line for line in lines), mistake
