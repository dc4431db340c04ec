"""Prints the comparison: ``python -m benchmarks [RUNS …]``."""

import argparse
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks import polling
from benchmarks.processes import run_json


def main() -> None:
    """Measure at each number of runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "runs", type=int, nargs="*", default=[1000, 10000], help="numbers of runs to measure at"
    )
    parser.add_argument(
        "--only-scrapes", action="store_true", help="leave out polling and memory, which take longer"
    )
    arguments = parser.parse_args()
    console = Console()
    for runs in arguments.runs:
        table = Table(
            "", "naive", "this exporter", "times", title=f"{runs:,} runs, 1 in {polling.ACTIVE_SHARE} active"
        )
        for row in rows(runs, only_scrapes=arguments.only_scrapes):
            table.add_row(*row)
        console.print(table)


def rows(runs: int, *, only_scrapes: bool) -> Iterator[Sequence[str]]:
    """Yield the lines of the table."""
    naive, ours = (run_json("benchmarks.scraping", which, str(runs)) for which in ("naive", "ours"))
    assert naive["series"] == ours["series"], "both must have the same series"
    yield _row("scrape, gzip", naive["scrape_with_gzip"], ours["scrape"])
    yield _row("scrape, the naive one without gzip", naive["scrape"], ours["scrape"])
    yield _row("sending the bytes; with the scrape", ours["send"], ours["scrape_and_send"])
    yield "encoding at the start, per run", "", f"{ours['encoding'] / runs * 1e6:.0f} µs", ""
    yield "encoding when one run changes", "", _milliseconds(ours["change"]), ""
    if not only_scrapes:
        polled, naively = polling.measure(runs)
        yield _row("CPU per poll", naively["cpu_per_poll"], polled["cpu_per_poll"])
        yield _row(
            "calls to Glue per poll", naively["calls_per_poll"], polled["calls_per_poll"], "{:,.1f}".format
        )
        yield _row(
            "memory per run", naively["bytes_per_run"], polled["bytes_per_run"], "{:,.0f} bytes".format
        )


def _row(name: str, naive: float, ours: float, show: Callable[[float], str] | None = None) -> Sequence[str]:
    show = show or _milliseconds
    return name, show(naive), show(ours), f"{naive / ours:,.1f}" if ours else "no end"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"


if __name__ == "__main__":
    main()
