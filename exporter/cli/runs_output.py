"""Runs as people and programs read them: a table, a screen that follows them, JSON, and a ``runs:`` block."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.filesize import decimal
from rich.text import Text

from exporter.cli.logs import first_line, printable
from exporter.clock import Clock
from exporter.config.kinds import format_duration
from exporter.model.causes import Cause, cause_of
from exporter.model.run import Run, Status
from exporter.web.status_text import iso

ABSENT = "-"
GAP = "  "
ERROR_LINES = 2
"""Lines that an error message may take on a terminal; --output=json has all of it."""
STRIP_RUNS = 20
"""Runs of a view that its strip holds, the newest ones."""
_BARS = "▁▂▃▄▅▆▇█"
_LOOKS: Mapping[str | None, tuple[str, str]] = {
    Status.STARTING: ("yellow", "R"),
    Status.RUNNING: ("cyan", "R"),
    Status.SUCCEEDED: ("green", ""),
    Status.FAILED: ("bold red", "F"),
    Status.STOPPED: ("magenta", "S"),
}
"""The style of a status, and what stands for it in a strip; empty: a bar for the run's duration."""
_LOOK_OF_OTHERS = ("bold yellow", "?")

Layout = Sequence[Sequence[str]]
"""The columns, each with the fields that stand one below the other."""
NARROW: Layout = (
    ("VIEW", "RUN ID", "TARGET"),
    ("STATUS", "TYPE"),
    ("CREATED (UTC)", "DURATION"),
    ("DPU HOURS", "PROCESSED"),
)
"""Fits 80 columns."""
WIDE: Layout = [(name,) for column in NARROW for name in column]
ALIGNED_RIGHT = frozenset({"DURATION", "DPU HOURS", "PROCESSED"})
"""The columns that begin with one of these."""
Row = Mapping[str, str]
"""One run's fields by their headings, each a line of printable text."""
HEADER: Row = {name: name for (name,) in (*WIDE, ("ERROR",))}


class FoundRun(NamedTuple):
    """A run, and where it was found."""

    target: str
    aws_region: str
    catalog_id: str
    run: Run
    history: Sequence[Run] = ()
    """Runs of its view, the newest last, to draw below it; empty: none."""

    @property
    def view(self) -> tuple[str | None, ...]:
        """What identifies its view."""
        return self.aws_region, self.catalog_id, self.run.database, self.run.table


class Findings(NamedTuple):
    """What reading all targets gave."""

    runs: Sequence[FoundRun] = ()
    problems: Sequence[str] = ()
    """One line for each target that could not be read completely, and each run ID that Glue does not know."""
    complete: bool = True
    """Whether all targets could be read completely."""

    @property
    def if_empty(self) -> str:
        """What stands in the place of an empty table."""
        return "no runs" if self.complete else "no runs in what could be read"


def plain_table(found: Sequence[FoundRun], now: float) -> str:
    """Return a table for pipes: a line for each run, nothing cut, no colours."""
    rows = [HEADER, *(_row(one, now) for one in found)]
    layout = [*_layout(WIDE, found), ("ERROR",)]
    widths = _widths(layout, rows)
    return "".join(f"{line.plain.rstrip()}\n" for row in rows for line in _lines(layout, widths, row))


def print_table(console: Console, found: Sequence[FoundRun], now: float) -> None:
    """Print the table for a terminal."""
    for lines in table_blocks(found, now, console.options):
        console.print(Group(*lines), crop=False)


def table_blocks(found: Sequence[FoundRun], now: float, options: ConsoleOptions) -> Iterator[list[Text]]:
    """Yield the lines of the table's header, then those of each run, with its strip and its error below it.

    A run takes a line where the terminal is wide enough, else two. ``now``: Unix time, with which the
    durations of runs in progress grow.
    """
    rows = [HEADER, *(_row(one, now) for one in found)]
    layout = _layout(WIDE, found)
    widths = _widths(layout, rows)
    if _excess(widths, options) > 0:
        layout = _layout(NARROW, found)
        widths = _widths(layout, rows)
        # Long names are cut; run IDs, which are to be copied, stay whole.
        longest_id = max(cell_len(row["RUN ID"]) for row in rows)
        widths[0] = max(longest_id, widths[0] - max(0, _excess(widths, options)))
    yield list(_lines(layout, widths, HEADER))
    for one, row in zip(found, rows[1:], strict=True):
        strip = [_strip(one.history, now)] if len(one.history) > 1 and not options.ascii_only else []
        yield [*_lines(layout, widths, row), *strip, *_error_lines(row["ERROR"], options.max_width)]


def _layout(columns: Layout, found: Iterable[FoundRun]) -> Layout:
    """Leave out the target where there is but one."""
    hidden = {"TARGET"} if len({one.target for one in found}) <= 1 else set()
    shown = ([name for name in column if name not in hidden] for column in columns)
    return [column for column in shown if column]


def _widths(layout: Layout, rows: Iterable[Row]) -> list[int]:
    return [max(cell_len(row[name]) for row in rows for name in column) for column in layout]


def _excess(widths: Sequence[int], options: ConsoleOptions) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1) - options.max_width


def _lines(layout: Layout, widths: Sequence[int], row: Row) -> Iterator[Text]:
    """Yield the lines of one run, or of the header."""
    for names in zip_longest(*layout):
        cells = [Text(row[name], _style(name, row)) if name else Text() for name in names]
        for column, cell, width in zip(layout, cells, widths, strict=True):
            cell.truncate(width, overflow="ellipsis")
            cell.align("right" if column[0] in ALIGNED_RIGHT else "left", width)
        yield Text(GAP, no_wrap=True, overflow="ignore").join(cells)


def _style(name: str, row: Row) -> str:
    if row is HEADER:
        return "bold underline"
    if name == "STATUS":
        return _LOOKS.get(row[name], _LOOK_OF_OTHERS)[0]
    return {"VIEW": "bold", "RUN ID": "dim"}.get(name, "")


def _row(found: FoundRun, now: float) -> Row:
    run = found.run
    duration = run.duration(now)
    cause = cause_of(run.error_message)
    known_cause = "" if cause is Cause.OTHER else f"{cause.replace('_', ' ')}: "
    fields = {
        "TARGET": first_line(found.target),
        "VIEW": _view_name(run),
        "RUN ID": first_line(run.run_id),
        "STATUS": first_line(run.status),
        "TYPE": first_line(run.refresh_type),
        "CREATED (UTC)": (iso(run.creation_time) or "")[:16].replace("T", " "),
        "DURATION": "" if duration is None else format_duration(duration),
        "DPU HOURS": "" if run.dpu_seconds is None else f"{run.dpu_seconds / 3600:,.3f}",
        "PROCESSED": "" if run.processed_bytes is None else decimal(run.processed_bytes),
        "ERROR": known_cause + first_line(run.error_message),
    }
    return {name: text or ABSENT for name, text in fields.items()}


def _view_name(run: Run) -> str:
    return first_line(f"{run.database or ''}.{run.table or ''}") if run.database or run.table else ABSENT


def _strip(runs: Sequence[Run], now: float) -> Text:
    """Return a character for each run, the newest at the right: a bar for its duration, or a letter."""
    runs = runs[-STRIP_RUNS:]
    durations = [run.duration(now) or 0.0 for run in runs]
    longest = max(durations)
    line = Text(GAP, no_wrap=True, overflow="ignore")
    for run, duration in zip(runs, durations, strict=True):
        style, letter = _LOOKS.get(run.status, _LOOK_OF_OTHERS)
        line.append(letter or _BARS[round((len(_BARS) - 1) * duration / (longest or 1.0))], style)
    return line.append(f"  last {len(runs)} runs, up to {format_duration(longest)}", "dim")


def _error_lines(message: str, width: int) -> Iterator[Text]:
    if message == ABSENT:
        return
    for line in textwrap.wrap(message, max(width, 12) - len(GAP), max_lines=ERROR_LINES, placeholder="…"):
        yield Text(f"{GAP}{line}", style="red", no_wrap=True, overflow="ellipsis")


@dataclass(slots=True)
class Screen:
    """What ``--watch`` keeps on screen. Written by one thread, drawn by another, whole values only."""

    clock: Clock
    findings: Findings | None = None
    """None before the first reading has ended."""
    state: str = "reading"
    """When it was read, or how far the reading is."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return a line on the state, what went wrong, and as much of the table as fits."""
        findings = self.findings
        runs, problems, _ = findings or Findings()
        yield Text(f"{self.state} · Ctrl-C leaves", style="dim", no_wrap=True, overflow="ellipsis")
        for line in problems:
            yield Text(printable(line), style="red", no_wrap=True, overflow="ellipsis")
        yield Text()
        if findings and not runs:
            yield Text(findings.if_empty)
            return
        height = console.height - len(problems) - 2
        # No more than fit are laid out: the screen is drawn every second.
        blocks = table_blocks(runs[: console.height], self.clock.time(), options)
        for left, lines in zip(range(len(runs), -1, -1), blocks, strict=False):
            if len(lines) + bool(left) > height:
                yield Text(f"{min(left + 1, len(runs)):,} more")
                return
            yield from lines
            height -= len(lines)


def as_json(found: Iterable[FoundRun], now: float) -> str:
    """Return an array of objects, in ASCII, absent values as null; every object has the same keys."""
    return json.dumps([_object(one, now) for one in found], indent=2) + "\n"


def _object(found: FoundRun, now: float) -> dict[str, object]:
    run, duration = found.run, found.run.duration(now)
    times = ("creation_time", "start_time", "end_time", "last_updated")
    return {
        "target": found.target,
        "aws_region": found.aws_region,
        "catalog_id": found.catalog_id,
        **run._asdict(),
        **{name: iso(getattr(run, name)) for name in times},
        "duration_seconds": None if duration is None else round(duration, 3),
        "cause": cause_of(run.error_message) if run.status == Status.FAILED else None,
    }


def as_config(found: Iterable[FoundRun]) -> str:
    """Return a ``runs:`` block, indented as a target's keys are; one YAML document for each target."""
    documents: dict[str, str] = {}
    for one in found:
        place = f"{one.target}: aws_region {one.aws_region}, catalog_id {one.catalog_id}"
        head = f"    # of the target {first_line(place)}\n    runs:\n"
        comment = f"{_view_name(one.run)} {first_line(one.run.status) or 'without a status'}"
        # Quoted as JSON, and so YAML, does: whatever Glue says, this is one run ID.
        entry = f"      - {json.dumps(one.run.run_id)}  # {comment}\n"
        documents[head] = documents.get(head, head) + entry
    return "---\n".join(documents.values()) or "    runs: []\n"
