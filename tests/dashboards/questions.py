"""The dashboards, and the questions that they ask."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.render_rules import CHART

FOLDER = CHART / "files" / "dashboards"
Dashboard = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a panel, or of an annotation."""

    dashboard: str
    name: str
    """Panel and letter: what a failing test is called by."""
    expr: str
    instant: bool = False
    interval: str = "1s"
    """The panel's shortest step."""


def dashboards() -> dict[str, Dashboard]:
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {dashboard["uid"]: dashboard for dashboard in found}


def panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Yield all panels but the headings of rows, those in collapsed rows included."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def questions(dashboard: Dashboard) -> Iterator[Question]:
    uid = dashboard["uid"]
    for panel in panels(dashboard):
        for target in panel["targets"]:
            name = f"{uid}: {panel['title']} {target['refId']}"
            yield Question(uid, name, target["expr"], target["instant"], panel.get("interval", "1s"))
    for annotation in dashboard["annotations"]["list"]:
        yield Question(uid, f"{uid}: {annotation['name']} annotation", annotation["expr"])


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$name`` and ``${name}``; what is not a variable stays, as in Grafana: ``$1``, say."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda found: variables.get(found[1] or found[2], found[0]), text)
