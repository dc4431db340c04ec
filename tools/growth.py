"""Draws docs/images/growth.png from what `make bench` wrote: ``python -m tools.growth [FILE]``."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "growth.png"


def main(file: Path) -> None:
    """Draw one curve a panel, over the number of runs."""
    lines = json.loads(file.read_text())["lines"]
    panels = {
        "one changed run, commit to snapshot (ms)": _changes(lines),
        "scrape with gzip over HTTP (ms)": _grown(lines, "scrape", 1e3),
        "resident memory (MiB)": _grown(lines, "resident", 1 / 2**20),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(12, 3.4), layout="constrained")
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        axis.plot(*zip(*points, strict=True), marker="o", color="#1f5fa8")
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("ended runs")
        axis.grid(visible=True, alpha=0.3)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def _changes(lines: list[dict[str, Any]]) -> list[tuple[int, float]]:
    found = _details(lines, "seconds_by_runs")
    return [(int(runs), seconds * 1e3) for runs, seconds in found.items()]


def _grown(lines: list[dict[str, Any]], figure: str, factor: float) -> list[tuple[int, float]]:
    found = _details(lines, "by_runs")
    return [(int(runs), figures[figure] * factor) for runs, figures in found.items() if int(runs) > 1]


def _details(lines: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line["details"][name] for line in lines if name in line["details"])
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "performance.json")
