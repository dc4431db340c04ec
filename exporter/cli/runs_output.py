"""Runs as people and programs read them: a table, a screen that follows them, JSON, and a ``runs:`` block."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.filesize import decimal
from rich.text import Text

from exporter.cli.logs import first_line, printable
from exporter.clock import Clock
from exporter.config.durations import format_duration
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
_LETTERS: Mapping[str | None, str] = {
    Status.FAILED: "F",
    Status.STOPPED: "S",
    Status.STARTING: "R",
    Status.RUNNING: "R",
}
"""What stands in a strip for a run that did not succeed."""
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
    "duration": "DURATION",
    "dpu_hours": "DPU HOURS",
    "processed": "BYTES",
    "error": "ERROR",
}
ALIGNED_RIGHT = frozenset({"duration", "dpu_hours", "processed"})

Layout = tuple[tuple[str, ...], ...]
"""The columns, each with the fields that stand one below the other."""
Row = dict[str, str]
"""One run's fields, each a line of printable text."""

WIDE: Layout = tuple((name,) for name in HEADERS if name not in {"target", "error"})
NARROW: Layout = (
    ("view", "run_id"),
    ("status", "refresh_type"),
    ("created", "duration"),
    ("dpu_hours", "processed"),
)
"""Fits 80 columns."""


class FoundRun(NamedTuple):
    """A run, and where it was found."""

    target: str
    aws_region: str
    catalog_id: str
    run: Run
    history: Sequence[Run] = ()
    """Newest runs of its view, the newest last, to draw below it; empty: none."""

    @property
    def view(self) -> tuple[str | None, ...]:
        """What tells its view from every other."""
        return self.aws_region, self.catalog_id, self.run.database, self.run.table


def with_history(shown: Iterable[FoundRun], found: Iterable[FoundRun]) -> list[FoundRun]:
    """Give the first shown run of each view the view's history, from all runs that were found."""
    views: dict[tuple[str | None, ...], list[Run]] = {}
    for one in found:
        if one.run.database is not None:
            views.setdefault(one.view, []).append(one.run)
    for runs in views.values():
        runs.sort(key=lambda run: run.age_order)
    return [one._replace(history=views.pop(one.view, [])[-STRIP_RUNS:]) for one in shown]


@dataclass(slots=True)
class Findings:
    """What reading all targets gave."""

    runs: Sequence[FoundRun] = ()
    """Newest first."""
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
    layout = (*_with_target(WIDE, found), ("error",))
    rows = [HEADERS, *(_row(one, now) for one in found)]
    widths = _widths(layout, rows)
    lines = (line for row in rows for line in _lines(layout, widths, row))
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def print_table(console: Console, found: Sequence[FoundRun], now: float) -> None:
    """Print the table for a terminal."""
    for lines in table_blocks(found, now, console.options):
        console.print(Group(*lines), crop=False)


def table_blocks(found: Sequence[FoundRun], now: float, options: ConsoleOptions) -> Iterator[list[Text]]:
    """Yield the lines of the table's header, then those of each run, with its strip and its error below it.

    A run takes a line where the terminal is wide enough, else two. ``now``: Unix time, with which the
    durations of runs in progress grow.
    """
    width = options.max_width
    rows = [HEADERS, *(_row(one, now) for one in found)]
    layout = _with_target(WIDE, found)
    widths = _widths(layout, rows)
    if _width(widths) > width:
        layout = _with_target(NARROW, found)
        widths = _widths(layout, rows)
        # Long names in the first column are cut; run IDs, which are to be copied, stay whole.
        longest_id = max(cell_len(row["run_id"]) for row in rows)
        widths[0] = max(longest_id, widths[0] - max(0, _width(widths) - width))
    yield list(_lines(layout, widths, HEADERS))
    for one, row in zip(found, rows[1:], strict=True):
        has_strip = len(one.history) > 1 and not options.ascii_only
        strip = [_strip(one.history, now)] if has_strip else []
        yield [*_lines(layout, widths, row), *strip, *_error_lines(row["error"], width)]


def _with_target(layout: Layout, found: Iterable[FoundRun]) -> Layout:
    """Return the layout with the target in it, where there are several."""
    if len({one.target for one in found}) <= 1:
        return layout
    return (("target",), *layout) if layout is WIDE else ((*layout[0], "target"), *layout[1:])


def _widths(layout: Layout, rows: Sequence[Row]) -> list[int]:
    return [max(cell_len(row[name]) for row in rows for name in column) for column in layout]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _lines(layout: Layout, widths: Sequence[int], row: Row) -> Iterator[Text]:
    """Yield the lines of one run, or of the header."""
    for depth in range(len(layout[0])):
        line = Text(style="bold underline" if row is HEADERS else "", no_wrap=True, overflow="ignore")
        for column, width in zip(layout, widths, strict=True):
            name = column[depth] if depth < len(column) else None
            cell = Text(row[name], "" if row is HEADERS else _style(name, row[name])) if name else Text()
            cell.truncate(width, overflow="ellipsis")
            # A column is aligned as its first field is.
            cell.align("right" if column[0] in ALIGNED_RIGHT else "left", width)
            line.append_text(Text(GAP if line else "") + cell)
        yield line


def _strip(runs: Sequence[Run], now: float) -> Text:
    """Return a character for each run, the newest at the right: a bar for its duration, or a letter."""
    durations = [run.duration(now) or 0.0 for run in runs]
    longest = max(durations)
    line = Text(GAP, no_wrap=True, overflow="ignore")
    for run, duration in zip(runs, durations, strict=True):
        bar = _BARS[round((len(_BARS) - 1) * duration / longest)] if longest else _BARS[0]
        character = bar if run.status == Status.SUCCEEDED else _LETTERS.get(run.status, "?")
        line.append(character, _style("status", run.status or "?"))
    return line.append(f"  last {len(runs)} runs, up to {_to_the_second(longest)}", "dim")


def _error_lines(message: str, width: int) -> Iterator[Text]:
    if message != ABSENT:
        for line in textwrap.wrap(message, max(width, 12) - len(GAP), max_lines=ERROR_LINES, placeholder="…"):
            yield Text(f"{GAP}{line}", style="red", no_wrap=True, overflow="ellipsis")


@dataclass(slots=True)
class Screen:
    """What ``--watch`` keeps on screen. Written by one thread, drawn by another, whole values only."""

    clock: Clock
    interval: float
    """Seconds between two readings."""
    findings: Findings = field(default_factory=Findings)
    read_at: float | None = None
    """Unix time; None before the first reading has ended."""
    reading: str = ""
    """How far the reading under way is; "" between two readings."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return a line on the state, what went wrong, and the table."""
        problems = self.findings.problems
        yield Text(self._state(), style="dim", no_wrap=True, overflow="ellipsis")
        for line in problems:
            yield Text(printable(line), style="red", no_wrap=True, overflow="ellipsis")
        yield Text()
        if self.findings.runs:
            yield from self._as_many_as_fit(options, console.height - len(problems) - 2)
        elif self.read_at is not None:
            yield Text(self.findings.if_empty)

    def _as_many_as_fit(self, options: ConsoleOptions, height: int) -> Iterator[Text]:
        """Yield the table, with the number of runs that are left out in its last line."""
        runs = self.findings.runs
        # No more than fit are laid out: the screen is drawn every second.
        header, *blocks = table_blocks(runs[:height], self.clock.time(), options)
        yield from header
        height -= len(header)
        for number, lines in enumerate(blocks):
            left_out = len(runs) - number
            if len(lines) + (left_out > 1) > height:
                yield Text(f"{left_out:,} more")
                return
            yield from lines
            height -= len(lines)

    def _state(self) -> str:
        parts = ["Ctrl-C leaves", f"every {format_duration(self.interval)}"]
        if self.read_at is not None:
            parts.append(f"read at {datetime.fromtimestamp(self.read_at, UTC):%H:%M:%S} UTC")
            parts.append(f"{len(self.findings.runs):,} runs")
        return " · ".join([*parts, *([self.reading] if self.reading else [])])


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
    documents: dict[tuple[str, str, str], str] = {}
    for one in found:
        place = (first_line(one.target), one.aws_region, first_line(one.catalog_id))
        head = "    # of the target {}: aws_region {}, catalog_id {}\n    runs:\n".format(*place)
        comment = f"{_view_name(one.run)} {first_line(one.run.status) or 'without a status'}"
        # Quoted as JSON, and so YAML, does: whatever Glue says, this is one run ID.
        entry = f"      - {json.dumps(one.run.run_id)}  # {comment}\n"
        documents[place] = documents.get(place, head) + entry
    return "---\n".join(documents.values()) or "    runs: []\n"


def _row(found: FoundRun, now: float) -> Row:
    run = found.run
    duration = run.duration(now)
    cause = cause_of(run.error_message)
    known_cause = "" if cause is Cause.OTHER else f"{cause.replace('_', ' ')}: "
    created = iso(run.creation_time) or ""
    fields = {
        "target": first_line(found.target),
        "view": _view_name(run),
        "run_id": first_line(run.run_id),
        "status": first_line(run.status),
        "refresh_type": first_line(run.refresh_type),
        "created": created[:16].replace("T", " "),
        "duration": "" if duration is None else _to_the_second(duration),
        "dpu_hours": "" if run.dpu_seconds is None else f"{run.dpu_seconds / 3600:,.3f}",
        "processed": "" if run.processed_bytes is None else decimal(run.processed_bytes),
        "error": known_cause + first_line(run.error_message),
    }
    return {name: text or ABSENT for name, text in fields.items()}


def _view_name(run: Run) -> str:
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


def _style(name: str | None, text: str) -> str:
    if name == "status" and text != ABSENT:
        return STYLES.get(text, "bold yellow")
    return {"view": "bold", "run_id": "dim"}.get(name or "", "")
