"""The dashboards are what Grafana's own types ask for, in the oldest and the newest version they are for."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.questions import FOLDER, Dashboard

TYPES = Path(__file__).with_name("types")
MISTAKES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "an option that the panel does not have": (
        "colourMode",
        lambda panel: panel["options"].update(colourMode="value"),
    ),
    "a value that an option does not have": ("aera", lambda p: p["options"].update(graphMode="aera")),
    "a panel that Grafana does not have": ("piechart3d", lambda panel: panel.update(type="piechart3d")),
    "a unit that is no text": (
        "'number' is not assignable",
        lambda panel: panel["fieldConfig"]["defaults"].update(unit=7),
    ),
    "a misspelt key": ("desciption", lambda panel: panel.update(desciption="Views.")),
    "a query without its text": ("expr", lambda panel: panel["targets"][0].pop("expr")),
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


@pytest.fixture(scope="module")
def told_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Check a dashboard with each mistake, and return what was said of it."""
    folder = tmp_path_factory.mktemp("mistakes")
    text = (FOLDER / "fleet.json").read_text()
    for number, (_, make) in enumerate(MISTAKES.values()):
        dashboard: Dashboard = json.loads(text)
        make(next(panel for panel in dashboard["panels"] if panel["type"] == "stat"))
        (folder / f"{number}.json").write_text(json.dumps(dashboard, indent=2))
    status, said = check(*sorted(folder.glob("*.json")))
    assert status == 1, said
    lines = said.splitlines()
    return {
        mistake: "\n".join(line for line in lines if line.startswith(f"{number}.json:"))
        for number, mistake in enumerate(MISTAKES)
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, told_of: dict[str, str]) -> None:
    assert MISTAKES[mistake][0] in told_of[mistake]
