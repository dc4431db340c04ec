"""Measures every goal, this exporter beside a naive one: ``python -m benchmarks [SIZE]``."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks import fleet, scrapes, starts
from benchmarks.results import Line, machine


@dataclass(frozen=True, slots=True)
class Size:
    """How many of everything."""

    ended: int
    views: int
    large: int
    databases: tuple[int, int]


SIZES = {
    "small": Size(ended=1000, views=500, large=5000, databases=(30, 100)),
    "goal": Size(ended=10_000, views=5000, large=100_000, databases=(300, 1000)),
}


def sections(size: Size) -> dict[str, Callable[[], Iterator[Line]]]:
    """Return what can be measured by itself."""
    return {
        "ended": lambda: scrapes.ended(size.ended),
        "views": lambda: scrapes.views(size.views),
        "large": lambda: scrapes.large(size.large, size.large // 100),
        "changes": lambda: fleet.changes(size.large),
        "memory": lambda: fleet.memory(size.large),
        "small": starts.small,
        "state": lambda: starts.with_state(size.large // 100, size.large),
        "resync": lambda: fleet.resync(size.large),
        "databases": lambda: fleet.databases(size.databases[0], 120),
        "many databases": lambda: fleet.databases(size.databases[1]),
        "fleet": lambda: fleet.views_by_glob_and_name(size.views),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("size", nargs="?", choices=SIZES, default="goal")
    parser.add_argument("--only", nargs="+", choices=sections(SIZES["goal"]), help="measure these alone")
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
