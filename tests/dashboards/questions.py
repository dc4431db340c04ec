"""The questions that the dashboards ask, as Grafana would send them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.neighbours import Prometheus

FOLDER = Path(__file__).resolve().parents[2] / "helm" / "glue-mv-exporter" / "files" / "dashboards"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
POINTS = 600
"""How many points a panel is wide."""
Dashboard = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One query of a panel, or of an annotation."""

    dashboard: str
    panel: str
    ref: str
    expr: str
    instant: bool
    interval: str | None
    """The panel's shortest step."""

    @property
    def name(self) -> str:
        """What a failing test is called by."""
        return f"{self.dashboard}: {self.panel} {self.ref}"


def dashboards() -> dict[str, Dashboard]:
    """Return every dashboard by its uid."""
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
    """Yield what a dashboard asks."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Question(
                dashboard=dashboard["uid"],
                panel=panel["title"],
                ref=target["refId"],
                expr=target["expr"],
                instant=target["instant"],
                interval=panel.get("interval"),
            )
    for annotation in dashboard["annotations"]["list"]:
        yield Question(
            dashboard=dashboard["uid"],
            panel=annotation["name"],
            ref="annotation",
            expr=annotation["expr"],
            instant=False,
            interval=None,
        )


def seconds(text: str) -> float:
    """Return the seconds of ``1m``, or of ``now-6h``."""
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([smhd])", text).groups()  # type: ignore[union-attr]  # ours
    return int(number) * SECONDS[unit]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks at a dashboard at a moment, with these variables."""

    server: Prometheus
    end: float
    """Unix time."""
    variables: Mapping[str, str]
    scrape_interval: float
    young: bool = False
    """Whether what is looked at is some seconds old: a whole minute may not be among them."""

    def step(self, question: Question, length: float) -> float:
        """Return the seconds between two points."""
        shortest = 1 if self.young else seconds(question.interval or "1s")
        return max(length / POINTS, self.scrape_interval, shortest) // 1

    def written(self, question: Question, length: float) -> str:
        """Return the query with all its variables replaced."""
        step = self.step(question, length)
        known = {
            "__range": f"{length:.0f}s",
            "__range_s": f"{length:.0f}",
            "__interval": f"{step:.0f}s",
            "__rate_interval": f"{max(step + self.scrape_interval, 4 * self.scrape_interval):.0f}s",
            **self.variables,
        }
        return interpolated(question.expr, known)

    def ask(self, question: Question, length: float) -> list[dict[str, Any]]:
        """Return the series of the answer, over so many seconds."""
        query = self.written(question, length)
        if question.instant:
            return list(self.server.api("query", query=query, time=self.end)["result"])
        step = self.step(question, length)
        # As Grafana does: the steps are whole multiples, so that bars of an hour begin with the hour.
        end = self.end // step * step
        start = (self.end - length) // step * step
        answer = self.server.api("query_range", query=query, start=start, end=end, step=step)
        return list(answer["result"])


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$name`` and ``${name}``; what is no variable stays, as in Grafana: ``$1``, say."""

    def value(found: re.Match[str]) -> str:
        return variables.get(found[1] or found[2], found[0])

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)
