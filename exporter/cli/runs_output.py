"""Runs as people and programs read them: a table, a screen that follows them, JSON, and a ``runs:`` block."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.filesize import decimal
from rich.text import Text

from exporter.cli.logs import printable
from exporter.clock import Clock
from exporter.config.durations import format_duration
from exporter.config.schema import RUN_ID_PATTERN
from exporter.model.run import Run, Status

ABSENT = "-"
GAP = "  "
ERROR_LINES = 2
"""Lines that an error message may take on a terminal; --output=json has all of it."""
STYLES: dict[str, str] = {
    Status.STARTING: "yellow",
    Status.RUNNING: "cyan",
    Status.SUCCEEDED: "green",
    Status.FAILED: "bold red",
    Status.STOPPED: "magenta",
}
HEADERS = {
    "target": "TARGET",
    "view": "VIEW",
    "run_id": "RUN ID",
    "status": "STATUS",
    "refresh_type": "TYPE",
    "created": "CREATED (UTC)",
    "created_minute": "CREATED (UTC)",
    "duration": "DURATION",
    "dpu_hours": "DPU HOURS",
    "processed": "BYTES",
    "error": "ERROR",
}
ALIGNED_RIGHT = frozenset({"duration", "dpu_hours", "processed"})

Layout = tuple[tuple[str, ...], ...]
"""The lines that a run takes, each with the columns' fields."""
Row = dict[str, str]
"""One run's fields, each a line of printable text."""

WIDE = ("view", "run_id", "status", "refresh_type", "created", "duration", "dpu_hours", "processed")
NARROW: Layout = (
    ("view", "status", "created_minute", "dpu_hours"),
    ("run_id", "refresh_type", "duration", "processed"),
)
"""Fits 80 columns."""

_TIMES = ("creation_time", "start_time", "end_time", "last_updated")
_INDENT = " " * 4
"""Where the keys of a target stand in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """A run, and where it was found."""

    target: str
    aws_region: str
    catalog_id: str
    run: Run


@dataclass(slots=True)
class Findings:
    """What reading all targets gave."""

    runs: Sequence[FoundRun] = ()
    """Newest first."""
    errors: list[str] = field(default_factory=list)
    """One line for each target that could not be read, or not all of it."""
    notes: list[str] = field(default_factory=list)
    """One line for each thing that is not a failure, but worth knowing."""

    @property
    def if_empty(self) -> str:
        """What stands in the place of an empty table."""
        return "no runs in what could be read" if self.errors else "no runs"


def first_line(text: str | None) -> str:
    """Return the first line of a text, as it cannot steer a terminal; "" where there is none."""
    lines = (text or "").strip().splitlines()
    return printable(" ".join(lines[0].split())) if lines else ""


def plain_table(found: Sequence[FoundRun], now: float) -> str:
    """Return a table for pipes: a line for each run, nothing cut, no colours."""
    columns = _Columns(_with_target(found, ((*WIDE, "error"),)), [_row(one, now) for one in found])
    lines = [columns.header(), *(line for row in columns.rows for line in columns.lines(row))]
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class RunsTable:
    """The table for terminals: a line for each run where they are wide enough, else two."""

    found: Sequence[FoundRun]
    now: Callable[[], float]
    """The wall clock: the durations of runs in progress grow with it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines; where the height is limited, the last one says how many runs are left out."""
        now, height = self.now(), options.height
        rows = [_row(one, now) for one in self.found[:height]]
        table = _Columns(_with_target(self.found, (WIDE,)), rows)
        if table.width > options.max_width:
            table = _Columns(_with_target(self.found, NARROW), rows)
            table.shrink_to(options.max_width)
        header = table.header(style="bold underline")
        yield header
        used = header.plain.count("\n") + 1
        for number, row in enumerate(rows):
            lines = [*table.lines(row), *_error_lines(row["error"], console, options.max_width)]
            left_out = len(self.found) - number
            used += len(lines)
            if height is not None and used + (left_out > 1) > height:
                yield Text(f"{left_out:,} more")
                return
            yield from lines


@dataclass(slots=True)
class Screen:
    """What ``--watch`` keeps on screen. Written by one thread, drawn by another, whole values only."""

    clock: Clock
    interval: float
    """Seconds between two readings."""
    findings: Findings = field(default_factory=Findings)
    read_at: float | None = None
    """Unix time; None before the first reading has ended."""
    reading: int | None = 0
    """Runs that the reading under way has read; None between two readings."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return a line on the state, what went wrong, and the table."""
        problems = [*self.findings.errors, *self.findings.notes]
        yield Text(self._state(), style="dim", no_wrap=True, overflow="ellipsis")
        for line in problems:
            yield Text(printable(line), style="red", no_wrap=True, overflow="ellipsis")
        yield Text()
        if self.findings.runs:
            left = options.update(height=max(0, (options.height or console.height) - len(problems) - 2))
            yield from RunsTable(self.findings.runs, self.clock.time).__rich_console__(console, left)
        elif self.read_at is not None:
            yield Text(self.findings.if_empty)

    def _state(self) -> str:
        parts = ["Ctrl-C leaves", f"every {format_duration(self.interval)}"]
        if self.read_at is not None:
            parts.append(f"read at {datetime.fromtimestamp(self.read_at, UTC):%H:%M:%S} UTC")
            parts.append(f"{len(self.findings.runs):,} runs")
        if self.reading is not None:
            parts.append(f"reading, {self.reading:,} runs so far")
        return " · ".join(parts)


def as_json(found: Iterable[FoundRun], now: float) -> str:
    """Return an array of objects, in ASCII, absent values as null; every object has the same keys."""
    return json.dumps([_object(one, now) for one in found], indent=2) + "\n"


def as_config(found: Iterable[FoundRun]) -> str:
    """Return a ``runs:`` block, indented as a target's keys are; one YAML document for each target."""
    by_target: dict[tuple[str, str, str], list[FoundRun]] = {}
    for one in found:
        by_target.setdefault((one.target, one.aws_region, one.catalog_id), []).append(one)
    blocks = [_block(*where, runs) for where, runs in by_target.items()] or [["runs: []"]]
    return "---\n".join("".join(f"{_INDENT}{line}\n" for line in block) for block in blocks)


def _row(found: FoundRun, now: float) -> Row:
    """Return what a table says of a run."""
    run = found.run
    duration = run.duration(now)
    created = None if run.creation_time is None else datetime.fromtimestamp(run.creation_time, UTC)
    fields = {
        "target": first_line(found.target),
        "view": _view_name(run),
        "run_id": first_line(run.run_id),
        "status": first_line(run.status),
        "refresh_type": first_line(run.refresh_type),
        "created": "" if created is None else f"{created:%Y-%m-%d %H:%M:%S}",
        "created_minute": "" if created is None else f"{created:%Y-%m-%d %H:%M}",
        "duration": "" if duration is None else _to_the_second(duration),
        "dpu_hours": "" if run.dpu_seconds is None else f"{run.dpu_seconds / 3600:,.3f}",
        "processed": "" if run.processed_bytes is None else decimal(run.processed_bytes),
        "error": first_line(run.error_message),
    }
    return {name: text or ABSENT for name, text in fields.items()}


def _view_name(run: Run) -> str:
    """Return ``database.table`` as far as it is known, as one line."""
    if run.database is None and run.table is None:
        return ABSENT
    return first_line(f"{run.database or ''}.{run.table or ''}")


def _to_the_second(duration: float) -> str:
    """Return ``7m05s``: the seconds are there even where they are 0."""
    minutes, seconds = divmod(int(duration), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m{seconds:02}s"
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


class _Columns:
    """Rows in a layout, with columns as wide as their widest cell."""

    def __init__(self, layout: Layout, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._layout = layout
        cells = [HEADERS, *rows]
        self._widths = [
            max(cell_len(row[line[at]]) for line in layout if at < len(line) for row in cells)
            for at in range(len(layout[0]))
        ]

    @property
    def width(self) -> int:
        """The width of the whole."""
        return sum(self._widths) + len(GAP) * (len(self._widths) - 1)

    def shrink_to(self, width: int) -> None:
        """Cut long names in the first column; run IDs, which are to be copied, stay whole."""
        longest_id = max([cell_len(row["run_id"]) for row in self.rows], default=0)
        wanted = self._widths[0] - max(0, self.width - width)
        self._widths[0] = max(min(self._widths[0], longest_id), wanted)

    def header(self, style: str = "") -> Text:
        """Return the names of the columns."""
        lines = [self._line(line, HEADERS) for line in self._layout]
        for line in lines:
            line.stylize(style)
        return Text("\n", no_wrap=True, overflow="ignore").join(lines)

    def lines(self, row: Row) -> Iterator[Text]:
        """Return the lines of one run."""
        return (self._line(fields, row) for fields in self._layout)

    def _line(self, fields: Sequence[str], row: Row) -> Text:
        line = Text(no_wrap=True, overflow="ignore")
        for at, (name, width) in enumerate(zip(fields, self._widths, strict=False)):
            cell = Text(row[name], style="" if row is HEADERS else _style(name, row[name]))
            cell.truncate(width, overflow="ellipsis")
            # A column is aligned as its first line's field is.
            cell.align("right" if self._layout[0][at] in ALIGNED_RIGHT else "left", width)
            line.append_text(cell if at == 0 else Text(GAP) + cell)
        return line


def _with_target(found: Sequence[FoundRun], layout: Layout) -> Layout:
    """Return the layout with the target's name in it, where there are several."""
    if len({one.target for one in found}) <= 1:
        return layout
    return (*layout, ("target",)) if len(layout) > 1 else (("target", *layout[0]),)


def _style(name: str, text: str) -> str:
    if name == "status" and text != ABSENT:
        return STYLES.get(text, "bold yellow")
    return {"view": "bold", "run_id": "dim"}.get(name, "")


def _error_lines(message: str, console: Console, width: int) -> Iterator[Text]:
    if message == ABSENT:
        return
    width = max(width - len(GAP), 10)
    wrapped = Text(message, style="red").wrap(console, width)
    lines = wrapped[:ERROR_LINES]
    if len(wrapped) > ERROR_LINES:
        lines[-1].truncate(width - 1)
        lines[-1].append("…")
    for line in lines:
        yield Text(GAP) + line


def _object(found: FoundRun, now: float) -> dict[str, object]:
    run = found.run._asdict()
    duration = found.run.duration(now)
    place = {"target": found.target, "aws_region": found.aws_region, "catalog_id": found.catalog_id}
    times = {name: _iso(run[name]) for name in _TIMES}
    return {**place, **run, **times, "duration_seconds": None if duration is None else round(duration, 3)}


def _iso(time: float | None) -> str | None:
    """Return a Unix time as ISO 8601 in UTC, to the millisecond, which is what Glue sends."""
    if time is None:
        return None
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _block(target: str, aws_region: str, catalog_id: str, runs: list[FoundRun]) -> list[str]:
    """Return the lines of one target. An ID that a configuration refuses is left to a comment."""
    lines = []
    valid = [re.fullmatch(RUN_ID_PATTERN, one.run.run_id) is not None for one in runs]
    for one, is_valid in zip(runs, valid, strict=True):
        comment = f"# {_view_name(one.run)} {first_line(one.run.status) or 'without a status'}"
        lines.append(f"  - {one.run.run_id}  {comment}" if is_valid else f"  {comment}: not a valid run ID")
    return [
        f"# of the target {first_line(target)}: aws_region {aws_region}, catalog_id {first_line(catalog_id)}",
        "runs:" if any(valid) else "runs: []",
        *lines,
    ]
