"""The table of runs as people see it, on terminals of any width and in pipes."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from exporter.cli.found_runs import FoundRun
from exporter.cli.runs_table import RunsTable, first_line, plain_table
from exporter.model.run import Run

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""
RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def found(target: str = "prod", **members: Any) -> FoundRun:
    defaults = {"run_id": RUN_ID, "database": "sales", "table": "daily_orders"}
    return FoundRun(
        target=target, aws_region="eu-west-1", catalog_id="123456789012", run=Run(**{**defaults, **members})
    )


SUCCEEDED = found(
    status="SUCCEEDED",
    refresh_type="INCREMENTAL",
    start_time=NOON - 7200,
    end_time=NOON - 3600,
    dpu_seconds=9000.0,
    processed_bytes=1_234_567_890,
)
FAILED = found(
    status="FAILED", refresh_type="FULL", start_time=NOON - 90, end_time=NOON, error_message="No access\nto x"
)
STARTING = found(status="STARTING")


def shown(*runs: FoundRun, width: int, now: float = NOON, **options: Any) -> str:
    """Return what a terminal of this width shows, without its styles."""
    console = Console(width=width, file=io.StringIO(), highlight=False, **options)
    with console.capture() as capture:
        console.print(RunsTable(runs, lambda: now), crop=False)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def test_a_wide_terminal_has_a_line_for_each_run_and_one_for_its_error() -> None:
    assert shown(SUCCEEDED, FAILED, STARTING, width=160) == (
        "VIEW                RUN ID                                STATUS     TYPE         "
        "START (UTC)          DURATION  DPU HOURS   BYTES\n"
        f"sales.daily_orders  {RUN_ID}  SUCCEEDED  INCREMENTAL  "
        "2026-01-01 10:00:00        1h      2.500  1.2 GB\n"
        f"sales.daily_orders  {RUN_ID}  FAILED     FULL         "
        "2026-01-01 11:58:30     1m30s          -       -\n"
        "  No access\n"
        f"sales.daily_orders  {RUN_ID}  STARTING   -            "
        "-                           -          -       -\n"
    )


def test_a_terminal_of_80_columns_has_two_lines_for_each_run() -> None:
    assert shown(SUCCEEDED, FAILED, width=80) == (
        "VIEW                                  STATUS       START (UTC)       DPU HOURS\n"
        "RUN ID                                TYPE         DURATION              BYTES\n"
        "sales.daily_orders                    SUCCEEDED    2026-01-01 10:00      2.500\n"
        f"{RUN_ID}  INCREMENTAL  1h                   1.2 GB\n"
        "sales.daily_orders                    FAILED       2026-01-01 11:58          -\n"
        f"{RUN_ID}  FULL         1m30s                     -\n"
        "  No access\n"
    )


def test_a_pipe_gets_a_line_for_each_run_with_nothing_cut() -> None:
    message = ("the definer role lost access " * 20).strip()
    header, line = plain_table([found(error_message=message, database="d" * 120)], NOON).splitlines()
    assert header.split("  ")[0] == "VIEW"
    assert header.endswith("  DURATION  DPU HOURS  BYTES  ERROR")
    assert line.startswith(f"{'d' * 120}.daily_orders  {RUN_ID}  ")
    assert line.endswith(f"-  {message}")


def test_the_target_is_shown_where_there_are_several() -> None:
    runs = [found("lake/eu-west-1"), found("lake/us-east-1")]
    assert plain_table(runs, NOON).splitlines()[1].startswith("lake/eu-west-1  sales.daily_orders  ")
    assert shown(*runs, width=160).splitlines()[2].startswith("lake/us-east-1  sales.daily_orders  ")
    assert [line.split()[0] for line in shown(*runs, width=80).splitlines()] == [
        "VIEW", "RUN", "TARGET",
        "sales.daily_orders", RUN_ID, "lake/eu-west-1",
        "sales.daily_orders", RUN_ID, "lake/us-east-1",
    ]  # fmt: skip


def test_the_duration_of_a_run_that_is_still_going_grows() -> None:
    running = found(status="RUNNING", start_time=NOON - 60)
    assert "  1m " in shown(running, width=160)
    assert "  1m5s " in shown(running, width=160, now=NOON + 5)


@pytest.mark.parametrize("width", [20, 60, 78, 80, 100, 140])
def test_run_ids_are_whole_and_long_names_are_cut_for_them(width: int) -> None:
    text = shown(found(table="t" * 200), width=width)
    assert RUN_ID in text
    assert "…" in text
    assert max(cell_len(line) for line in text.splitlines()) <= max(width, 78)


def test_an_error_message_takes_two_lines_of_a_terminal_at_most() -> None:
    text = shown(found(error_message="word " * 400), width=80)
    assert len(text.splitlines()) == 2 + 2 + 2
    assert text.endswith("…\n")


def test_statuses_have_colours_on_a_terminal_alone() -> None:
    table = RunsTable([SUCCEEDED, FAILED, found(status="PAUSED")], lambda: NOON)
    console = Console(
        width=160, file=io.StringIO(), force_terminal=True, color_system="standard", _environ={}
    )
    with console.capture() as capture:
        console.print(table)
    text = capture.get()
    assert "\x1b[32mSUCCEEDED" in text
    assert "\x1b[1;31mFAILED" in text
    assert "\x1b[1;33mPAUSED" in text
    assert "\x1b" not in plain_table([SUCCEEDED, FAILED], NOON)


def test_texts_of_glues_neither_steer_the_terminal_nor_are_markup() -> None:
    hostile = found(
        run_id="\x1b]0;x\x07",
        database="[bold]\x1b[2J",
        table="\u202e[/]",
        status="\x9b31m",
        error_message="\x1b[H",
    )
    for text in (shown(hostile, width=200), plain_table([hostile], NOON)):
        assert "".join(text.split("\n")).isprintable()
        assert "[bold]\\x1b[2J.\\u202e[/]" in text
        assert "\\x1b]0;x\\x07" in text


@given(st.text(), st.text(), st.text(), st.integers(min_value=10, max_value=200))
def test_no_text_breaks_the_table(database: str, status: str, message: str, width: int) -> None:
    run = found(database=database, status=status, error_message=message)
    assert len(plain_table([run], NOON).splitlines()) == 2
    assert "".join(shown(run, width=width).split("\n")).isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, ""),
        ("", ""),
        (" \n ", ""),
        ("one", "one"),
        ("\n  one\ttwo \r\nthree", "one two"),
        ("a\x00b", "a\\x00b"),
    ],
)
def test_of_a_text_the_first_line_that_holds_something_is_shown(text: str | None, line: str) -> None:
    assert first_line(text) == line


def test_a_screen_draws_no_more_runs_than_it_can_show() -> None:
    """A catalog has tens of thousands of runs, and the screen is drawn every second."""
    console = Console(width=160, height=10, file=io.StringIO())
    lines = console.render_lines(
        RunsTable([SUCCEEDED] * 1000, lambda: NOON), console.options.update(height=10), pad=False
    )
    assert len(lines) <= 11
