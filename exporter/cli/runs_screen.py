"""What ``runs --watch`` keeps on screen."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from exporter.cli.found_runs import FoundRun, RunFilter
from exporter.cli.interruptible import interruptible
from exporter.cli.printable import printable
from exporter.cli.progress import Progress
from exporter.cli.runs_reading import Findings
from exporter.cli.runs_table import RunsTable, no_runs
from exporter.clock import Clock
from exporter.config.durations import format_duration

Read = Callable[[Progress], Findings]
"""Reads all targets, and tells how far it is."""


@dataclass(slots=True)
class Screen:
    """What ``--watch`` keeps on screen. Written by one thread, drawn by another, whole values only."""

    clock: Clock
    interval: float
    found: tuple[FoundRun, ...] = ()
    problems: tuple[str, ...] = ()
    complete: bool = True
    """Whether everything could be read."""
    read_at: float | None = None
    """Unix time; None before the first reading has ended."""
    reading: int | None = 0
    """Runs that the reading under way has read; None between two readings."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return a line on the state, what went wrong, and the table; the screen cuts off the oldest runs."""
        yield Text(self._state(), style="dim", no_wrap=True, overflow="ellipsis")
        for line in self.problems:
            yield Text(printable(line), style="red", no_wrap=True, overflow="ellipsis")
        yield Text()
        if self.found:
            yield from RunsTable(self.found, self.clock.time).__rich_console__(console, options)
        elif self.read_at is not None:
            yield Text(no_runs(complete=self.complete))

    def _state(self) -> str:
        parts = ["Ctrl-C leaves", f"every {format_duration(self.interval)}"]
        if self.read_at is not None:
            parts.append(f"read at {datetime.fromtimestamp(self.read_at, UTC):%H:%M:%S} UTC")
            parts.append(f"{len(self.found):,} runs")
        if self.reading is not None:
            parts.append(f"reading, {self.reading:,} runs so far")
        return " · ".join(parts)

    def read(self, read: Read, wanted: RunFilter) -> None:
        """Read all targets, and show what came of it."""
        self.reading = 0
        findings = read(Progress(runs=self._count))
        now = self.clock.time()
        self.found = wanted.select(findings.runs, now)
        self.problems = (*findings.errors, *findings.notes)
        self.complete = not findings.errors
        self.read_at, self.reading = now, None

    def _count(self, number: int) -> None:
        self.reading = number


def keep_on_screen(console: Console, screen: Screen, read: Read, wanted: RunFilter) -> NoReturn:
    """Read and show, again and again, until KeyboardInterrupt; then the terminal is what it was before."""

    def reading() -> NoReturn:
        never = threading.Event()
        while True:
            screen.read(read, wanted)
            screen.clock.wait(never, screen.interval)

    with Live(screen, console=console, screen=True, refresh_per_second=1):
        interruptible(reading)
