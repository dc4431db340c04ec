"""Measures every goal, this exporter beside a naive one: ``python -m benchmarks [SIZE]``."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import polls, scrapes, starts
from benchmarks.processes import run_json
from benchmarks.results import Line, machine, milliseconds


@dataclass(frozen=True, slots=True)
class Size:
    """How many of everything."""

    ended: int
    views: int
    large: int
    growth: Sequence[int]
    """Numbers of runs at which the curves are measured."""


SIZES = {
    "small": Size(ended=1000, views=500, large=5000, growth=(1000,)),
    "goal": Size(ended=10_000, views=5000, large=100_000, growth=(1000, 10_000, 100_000)),
}


def sections(size: Size) -> dict[str, Callable[[], Iterator[Line]]]:
    """Return what can be measured by itself."""
    return {
        "ended": lambda: scrapes.ended(size.ended),
        "views": lambda: scrapes.views(size.views),
        "large": lambda: scrapes.large(size.large, size.large // 100),
        "changes": lambda: _changes(size),
        "memory": lambda: polls.memory(size.growth, size.ended),
        "polls": lambda: polls.cpu_and_calls(size.ended, size.ended // 10),
        "state": lambda: starts.with_state(size.large // 100, size.large),
        "small": starts.small,
    }


def main() -> None:
    """Print the table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("size", nargs="?", choices=SIZES, default="goal")
    parser.add_argument("--only", nargs="+", choices=sections(SIZES["goal"]), help="measure these alone")
    parser.add_argument("--json", type=Path, help="write what was found to this file, too")
    arguments = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=220)
    found: dict[str, list[Line]] = {}
    begun = time.monotonic()
    before = machine()
    for name, measure in sections(SIZES[arguments.size]).items():
        if not arguments.only or name in arguments.only:
            console.print(f"[dim]{time.monotonic() - begun:4.0f} s  {name} …")
            found[name] = list(measure())
    console.print(_table([line for lines in found.values() for line in lines]))
    console.print(before)
    if arguments.json:
        lines = [line.as_json() for lines in found.values() for line in lines]
        whole = {"machine": {"before": before, "after": machine()}, "lines": lines}
        arguments.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def _changes(size: Size) -> Iterator[Line]:
    """Measure what a changed run costs among few and among many, and fifty changed views."""
    costs = {runs: run_json("benchmarks.changes", "runs", str(runs)) for runs in size.growth}
    few, many = min(costs), max(costs)
    yield Line(
        f"one changed run among {many:,} ÷ among {few:,}", milliseconds(costs[many]["commit"]),
        milliseconds(costs[few]["commit"]), costs[many]["commit"] / costs[few]["commit"], 2.0,
        details={"seconds_by_runs": {str(runs): cost["commit"] for runs, cost in costs.items()}},
    )  # fmt: skip
    cost = run_json("benchmarks.changes", "views", str(size.views))
    yield Line(
        f"a poll that changes 50 of {size.views:,} views and their runs: encoded",
        f"{cost['items_encoded']:g} items in {milliseconds(cost['commit'])}", "50 views, 50 runs",
        cost["items_encoded"], 100, unit=" items", details=cost,
    )  # fmt: skip


def _table(lines: Sequence[Line]) -> Table:
    table = Table("", "this exporter", "beside it", "ratio", "goal", "")
    for line in lines:
        shown = f"{line.ratio:,.3g}{line.unit}" if line.ratio < 100 else f"{line.ratio:,.0f}{line.unit}"
        table.add_row(line.what, line.ours, line.other, shown, line.wanted, "yes" if line.met else "no")
    return table


if __name__ == "__main__":
    main()
