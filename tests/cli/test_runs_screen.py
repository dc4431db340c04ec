"""What ``runs --watch`` draws, and how it goes on reading."""

import io
import threading
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from exporter.cli.found_runs import FoundRun, RunFilter
from exporter.cli.progress import Progress, progress_on
from exporter.cli.runs_reading import Findings
from exporter.cli.runs_screen import Screen, keep_on_screen
from exporter.model.run import Run

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""


@dataclass
class Clock:
    """Stands still; the user presses Ctrl-C in the third wait."""

    waits: list[float] = field(default_factory=list)

    def time(self) -> float:
        """Return Unix time."""
        return NOON

    def monotonic(self) -> float:
        """Return seconds."""
        return 0.0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Note the wait, and return at once."""
        assert not event.is_set()
        self.waits.append(seconds)
        if len(self.waits) == 3:
            raise KeyboardInterrupt
        return False


def found(run_id: str) -> FoundRun:
    run = Run(run_id=run_id, database="sales", table="orders", status="RUNNING", creation_time=NOON - 60)
    return FoundRun(target="prod", aws_region="eu-west-1", catalog_id="123456789012", run=run)


def drawn(screen: Screen) -> list[str]:
    console = Console(width=100, height=8, file=io.StringIO())
    return [
        "".join(part.text for part in line).rstrip()
        for line in console.render_lines(screen, console.options.update(height=8))
    ]


def test_it_reads_again_after_each_poll_interval_until_ctrl_c() -> None:
    clock = Clock()
    screen = Screen(clock, 30.0)
    readings = iter("abc")
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=20, _environ={})
    with pytest.raises(KeyboardInterrupt):
        keep_on_screen(console, screen, lambda _: Findings(runs=[found(next(readings))]), RunFilter())
    assert clock.waits == [30.0, 30.0, 30.0]
    assert [one.run.run_id for one in screen.found] == ["c"]


def test_before_the_first_reading_has_ended_it_tells_how_far_it_is() -> None:
    screen = Screen(Clock(), 30.0)

    def read(progress: Progress) -> Findings:
        progress.targets(0, 1)
        progress.runs(1000)
        progress.runs(1500)
        assert drawn(screen)[0] == "Ctrl-C leaves · every 30s · reading, 1,500 runs so far"
        return Findings()

    assert drawn(screen)[0] == "Ctrl-C leaves · every 30s · reading, 0 runs so far"
    screen.read(read, RunFilter())
    assert drawn(screen)[:3] == ["Ctrl-C leaves · every 30s · read at 12:00:00 UTC · 0 runs", "", "no runs"]


def test_where_nothing_could_be_read_it_does_not_say_that_there_is_nothing() -> None:
    screen = Screen(Clock(), 30.0)
    screen.read(lambda _: Findings(errors=["target x: no"]), RunFilter())
    assert drawn(screen)[1:4] == ["target x: no", "", "no runs in what could be read"]


def test_while_it_reads_again_the_last_table_stays() -> None:
    screen = Screen(Clock(), 30.0)
    screen.read(lambda _: Findings(runs=[found("a")]), RunFilter())
    assert "sales.orders  a       RUNNING" in drawn(screen)[3]

    def read(_: Progress) -> Findings:
        assert "sales.orders  a       RUNNING" in drawn(screen)[3]
        return Findings(runs=[found("b")])

    screen.read(read, RunFilter())
    assert "sales.orders  b       RUNNING" in drawn(screen)[3]


def test_errors_stand_above_the_table_where_the_screen_does_not_cut_them_off() -> None:
    screen = Screen(Clock(), 30.0)
    screen.read(
        lambda _: Findings(runs=[found(str(number)) for number in range(50)], errors=["target x: \x1b[2Jno"]),
        RunFilter(limit=40),
    )
    assert drawn(screen)[:2] == [
        "Ctrl-C leaves · every 30s · read at 12:00:00 UTC · 40 runs",
        "target x: \\x1b[2Jno",
    ]


def test_progress_is_shown_on_a_terminal_and_leaves_nothing_behind() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, _environ={})
    with progress_on(console) as progress:
        progress.targets(2, 3)
        progress.runs(1234)
    text = file.getvalue()
    assert "reading, 2 of 3 targets done" in text
    assert "1,234 runs" in text
    assert text.endswith("\x1b[1A\x1b[2K"), "the line is wiped"


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    with progress_on(Console(file=file, _environ={})) as progress:
        progress.targets(1, 1)
        progress.runs(5)
    assert file.getvalue() == ""
