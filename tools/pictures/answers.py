"""What Prometheus answered to a panel's questions, as series or as rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.dashboards.questions import Question, Viewer


@dataclass(frozen=True, slots=True)
class Line:
    """One series."""

    name: str
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks what a panel asks, over so many seconds."""

    viewer: Viewer
    length: float

    def lines(self, panel: Mapping[str, Any]) -> list[Line]:
        """Return the series of all of a panel's queries."""
        return [line for target in panel["targets"] for line in self._lines(panel, target)]

    def rows(self, panel: Mapping[str, Any]) -> list[dict[str, float | str]]:
        """Return a table's rows: fields by name. Answers with the same labels share a row."""
        merged: dict[tuple[str | None, ...], dict[str, float | str]] = {}
        several = len(panel["targets"]) > 1
        asked = [self.viewer.ask(self._question(panel, each), self.length) for each in panel["targets"]]
        shared = sorted(set.intersection(*(set(answer[0]["metric"]) for answer in asked if answer)))
        for target, answer in zip(panel["targets"], asked, strict=True):
            for series in answer:
                row = merged.setdefault(tuple(series["metric"].get(label) for label in shared), {})
                row |= series["metric"]
                row[f"Value #{target['refId']}" if several else "Value"] = float(series["value"][1])
        (sort,) = panel["options"]["sortBy"]
        by = next(
            override["matcher"]["options"]
            for override in panel["fieldConfig"]["overrides"]
            if {"id": "displayName", "value": sort["displayName"]} in override["properties"]
        )
        return sorted(merged.values(), key=lambda row: float(row.get(by, 0)), reverse=sort["desc"])

    def _lines(self, panel: Mapping[str, Any], target: Mapping[str, Any]) -> Iterator[Line]:
        for series in self.viewer.ask(self._question(panel, target), self.length):
            points = series["values"] if "values" in series else [series["value"]]
            yield Line(
                _name(target["legendFormat"], series["metric"]),
                tuple(float(at) for at, _ in points),
                tuple(float(value) for _, value in points),
            )

    def _question(self, panel: Mapping[str, Any], target: Mapping[str, Any]) -> Question:
        return Question(
            dashboard="",
            panel=panel["title"],
            ref=target["refId"],
            expr=target["expr"],
            instant=target["instant"],
            interval=panel.get("interval"),
        )


def _name(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
