"""The table of runs for people: a line for each on a wide terminal and in a pipe, two on a narrow one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.filesize import decimal
from rich.padding import Padding
from rich.text import Text

from exporter.cli.found_runs import FoundRun
from exporter.cli.printable import printable
from exporter.config.durations import format_duration
from exporter.model.run import Run, Status

ABSENT = "-"
GAP = "  "
ERROR_LINES = 2
"""Lines that an error message may take on a terminal; --output=json has all of it."""

STATUS_STYLES: dict[str, str] = {
    Status.STARTING: "yellow",
    Status.RUNNING: "cyan",
    Status.SUCCEEDED: "green",
    Status.FAILED: "bold red",
    Status.STOPPED: "magenta",
}
STYLES = {"view": "bold", "run_id": "dim"}
HEADERS = {
    "target": "TARGET",
    "view": "VIEW",
    "run_id": "RUN ID",
    "status": "STATUS",
    "refresh_type": "TYPE",
    "start": "START (UTC)",
    "start_minute": "START (UTC)",
    "duration": "DURATION",
    "dpu_hours": "DPU HOURS",
    "processed": "BYTES",
    "error": "ERROR",
}
ON_THE_RIGHT = frozenset({"duration", "dpu_hours", "processed"})

Layout = tuple[tuple[str, ...], ...]
"""The lines that a run takes, each with the columns' fields."""
Row = dict[str, str]
"""One run's fields, each a line of printable text."""

ONE_LINE: Layout = (
    ("view", "run_id", "status", "refresh_type", "start", "duration", "dpu_hours", "processed"),
)
TWO_LINES: Layout = (
    ("view", "status", "start_minute", "dpu_hours"),
    ("run_id", "refresh_type", "duration", "processed"),
)
"""Fits 80 columns."""


def no_runs(*, complete: bool) -> str:
    """Return what stands in the place of an empty table; ``complete``: whether everything could be read."""
    return "no runs" if complete else "no runs in what could be read"


def first_line(text: str | None) -> str:
    """Return the first line of a text, as it cannot steer a terminal; "" where there is none."""
    lines = (text or "").strip().splitlines()
    return printable(" ".join(lines[0].split())) if lines else ""


def view_name(run: Run) -> str:
    """Return ``database.table`` as far as it is known, as one line."""
    if run.database is None and run.table is None:
        return ABSENT
    return first_line(f"{run.database or ''}.{run.table or ''}")


def as_row(found: FoundRun, now: float) -> Row:
    """Return what the table says of a run."""
    run = found.run
    duration = run.duration(now)
    start = None if run.start_time is None else datetime.fromtimestamp(run.start_time, UTC)
    fields = {
        "target": first_line(found.target),
        "view": view_name(run),
        "run_id": first_line(run.run_id),
        "status": first_line(run.status),
        "refresh_type": first_line(run.refresh_type),
        "start": "" if start is None else f"{start:%Y-%m-%d %H:%M:%S}",
        "start_minute": "" if start is None else f"{start:%Y-%m-%d %H:%M}",
        "duration": "" if duration is None else format_duration(duration),
        "dpu_hours": "" if run.dpu_seconds is None else f"{run.dpu_seconds / 3600:,.3f}",
        "processed": "" if run.processed_bytes is None else decimal(run.processed_bytes),
        "error": first_line(run.error_message),
    }
    return {name: text or ABSENT for name, text in fields.items()}


def plain_table(found: Sequence[FoundRun], now: float) -> str:
    """Return a table for pipes: a line for each run, nothing cut, no colours."""
    (columns,) = ONE_LINE
    layout = (("target", *columns, "error") if _several_targets(found) else (*columns, "error"),)
    table = _Columns(layout, [as_row(one, now) for one in found])
    lines = [table.header(), *(line for row in table.rows for line in table.lines(row))]
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class RunsTable:
    """The table for terminals: as rich wants it, laid out for the width at hand."""

    found: Sequence[FoundRun]
    now: Callable[[], float]
    """The wall clock: runs that are still going grow with it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines; where the height is limited, no more runs than could ever be seen."""
        now = self.now()
        table = self._columns([as_row(one, now) for one in self.found[: options.height]], options.max_width)
        yield table.header(style="bold underline")
        for row in table.rows:
            yield from table.lines(row)
            if row["error"] != ABSENT:
                yield from _error_lines(row["error"], console, max(options.max_width - len(GAP), 10))

    def _columns(self, rows: Sequence[Row], width: int) -> "_Columns":
        several = _several_targets(self.found)
        (columns,) = ONE_LINE
        wide = _Columns((("target", *columns) if several else columns,), rows)
        if wide.width <= width:
            return wide
        narrow = _Columns((*TWO_LINES, ("target",)) if several else TWO_LINES, rows)
        return narrow.shrunk(narrow.width - width)


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

    def shrunk(self, too_wide: int) -> "_Columns":
        """Cut long names in the first column; run IDs, which are to be copied, stay whole."""
        needed = max([cell_len(row["run_id"]) for row in self.rows], default=0)
        self._widths[0] = max(min(self._widths[0], needed), self._widths[0] - max(0, too_wide))
        return self

    def header(self, style: str = "") -> Text:
        """Return the names of the columns."""
        lines = [self._line(line, HEADERS) for line in self._layout]
        for line in lines:
            line.stylize(style)
        return Text("\n", no_wrap=True, overflow="ignore").join(lines)

    def lines(self, row: Row) -> Iterator[Text]:
        """Return the lines of one run."""
        for fields in self._layout:
            yield self._line(fields, row)

    def _line(self, fields: Sequence[str], row: Row) -> Text:
        line = Text(no_wrap=True, overflow="ignore")
        for at, (field, width) in enumerate(zip(fields, self._widths, strict=False)):
            cell = Text(row[field], style=_style(field, row))
            cell.truncate(width, overflow="ellipsis")
            # A column stands as its first line's field does.
            cell.align("right" if self._layout[0][at] in ON_THE_RIGHT else "left", width)
            line.append_text(cell if at == 0 else Text(GAP) + cell)
        return line


def _error_lines(message: str, console: Console, width: int) -> Iterator[Padding]:
    wrapped = Text(message, style="red").wrap(console, width)
    lines = wrapped[:ERROR_LINES]
    if len(wrapped) > ERROR_LINES:
        lines[-1].truncate(width - 1)
        lines[-1].append("…")
    for line in lines:
        yield Padding(line, (0, 0, 0, len(GAP)))


def _several_targets(found: Sequence[FoundRun]) -> bool:
    return len({one.target for one in found}) > 1


def _style(field: str, row: Row) -> str:
    if row is HEADERS or row[field] == ABSENT:
        return ""
    return STATUS_STYLES.get(row[field], "bold yellow") if field == "status" else STYLES.get(field, "")
