"""Measures every goal, this exporter beside a naive one: ``python -m benchmarks [SIZE]``."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks import fleet, rules, scrapes, starts
from benchmarks.results import Line, machine

SIZES = {"goal": 1, "small": 10}
"""By what everything is divided."""


def sections(divisor: int) -> dict[str, Callable[[], Iterator[Line]]]:
    """Return what can be measured by itself."""
    large = 100_000 // divisor
    views = 5000 // divisor
    return {
        "ended": lambda: scrapes.ended(10_000 // divisor),
        "views": lambda: scrapes.views(views),
        "large": lambda: scrapes.large(large, large // 100),
        "memory": lambda: fleet.memory(large),
        "small": starts.small,
        "state": lambda: starts.with_state(large // 100, large),
        "databases": lambda: fleet.databases(300 // divisor),
        "sources": lambda: fleet.source_tables(views, 800 // divisor),
        "fleet": lambda: fleet.views_by_glob_and_name(views),
        "rules": lambda: rules.rules(views),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("size", nargs="?", choices=SIZES, default="goal")
    parser.add_argument("--only", nargs="+", choices=sections(1), help="measure these alone")
    arguments = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=220)
    found: list[Line] = []
    begun = time.monotonic()
    for name, measure in sections(SIZES[arguments.size]).items():
        if not arguments.only or name in arguments.only:
            console.print(f"[dim]{time.monotonic() - begun:4.0f} s  {name} …")
            for line in measure():
                found.append(line)
                console.print(f"[dim]      {line.what}: {line.measured}")
    console.print(_table(found))
    console.print(machine())


def _table(lines: Sequence[Line]) -> Table:
    table = Table("", "this exporter", "beside it", "ratio", "goal", "")
    for line in lines:
        table.add_row(
            line.what, line.ours, line.other, line.measured, line.wanted, "yes" if line.met else "no"
        )
    return table


if __name__ == "__main__":
    main()
