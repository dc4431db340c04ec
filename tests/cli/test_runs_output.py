"""Runs as a table on terminals of any width and in pipes, on a screen, as JSON, and as a block to paste."""

import io
import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from rich.cells import cell_len
from rich.console import Console

from exporter.cli.runs import Report, Wanted, keep_on_screen
from exporter.cli.runs_output import Findings, FoundRun, Screen, as_config, as_json, plain_table, print_table
from exporter.clock import Clock
from exporter.model.run import Run

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""
RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER_ID = "7cfbfe8a-a54f-4c03-95ee-c4691f86e860"


def found(target: str = "prod", **members: Any) -> FoundRun:
    run = Run(**{"run_id": RUN_ID, "database": "sales", "table": "orders", **members})
    return FoundRun(target=target, aws_region="eu-west-1", catalog_id="123456789012", run=run)


SUCCEEDED = found(
    status="SUCCEEDED",
    refresh_type="INCREMENTAL",
    creation_time=NOON - 7210,
    start_time=NOON - 7200,
    end_time=NOON - 3600,
    dpu_seconds=9000.0,
    processed_bytes=1_234_567_890,
)
FAILED = found(
    status="FAILED",
    refresh_type="FULL",
    creation_time=NOON - 432,
    start_time=NOON - 425,
    end_time=NOON - 5,
    error_message="No access\nto x",
)
STARTING = found(status="STARTING", creation_time=NOON - 7)


def shown(*runs: FoundRun, width: int, now: float = NOON, **options: Any) -> str:
    """Return what a terminal of this width shows, without its styles."""
    console = Console(width=width, highlight=False, **{"file": io.StringIO(), **options})
    with console.capture() as capture:
        print_table(console, runs, now)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_below_the_newest_run_of_a_view_stands_a_strip_of_its_last_runs(encoding: str) -> None:
    """Where the terminal has the characters. It holds those that are not listed, too: twenty at most."""
    forgotten = [found(run_id=str(n), status="SUCCEEDED", creation_time=n / 100) for n in range(16)]
    older = [
        found(run_id="a", status="SUCCEEDED", creation_time=1.0, start_time=1.0, end_time=301.0),
        found(run_id="b", status="STOPPED", creation_time=400.0, start_time=400.0, end_time=450.0),
        found(run_id="c", status="SUCCEEDED", creation_time=500.0, start_time=500.0, end_time=1100.0),
        found(run_id="d", status="FAILED", creation_time=2000.0, error_message="No access"),
    ]
    newest = found(run_id="e", status="RUNNING", creation_time=NOON - 60, start_time=NOON - 60)
    single = found(run_id="f", table="stock", status="SUCCEEDED", creation_time=NOON)
    selected = Wanted(limit=3).select([*older, single, newest, *forgotten], NOON)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    lines = shown(*selected, width=160, file=file).splitlines()
    strip = f"  {'▁' * 15}▅S█FR  last 20 runs, up to 10m"
    assert [line for line in lines if "last" in line] == ([strip] if encoding == "utf-8" else [])
    assert [line.split()[1] for line in lines if "sales" in line] == ["f", "e", "d"]
    assert encoding == "ascii" or "RUNNING" in lines[lines.index(strip) - 1]


def test_a_wide_terminal_has_a_line_for_each_run_and_one_for_its_error() -> None:
    assert shown(SUCCEEDED, FAILED, STARTING, width=160) == (
        "VIEW          RUN ID                                STATUS     TYPE         "
        "CREATED (UTC)     DURATION  DPU HOURS  PROCESSED\n"
        f"sales.orders  {RUN_ID}  SUCCEEDED  INCREMENTAL  "
        "2026-01-01 09:59        1h      2.500     1.2 GB\n"
        f"sales.orders  {RUN_ID}  FAILED     FULL         "
        "2026-01-01 11:52        7m          -          -\n"
        "  No access\n"
        f"sales.orders  {RUN_ID}  STARTING   -            "
        "2026-01-01 11:59         -          -          -\n"
    )


def test_a_terminal_of_80_columns_has_two_lines_for_each_run() -> None:
    assert shown(SUCCEEDED, FAILED, width=80) == (
        "VIEW                                  STATUS       CREATED (UTC)     DPU HOURS\n"
        "RUN ID                                TYPE         DURATION          PROCESSED\n"
        "sales.orders                          SUCCEEDED    2026-01-01 09:59      2.500\n"
        f"{RUN_ID}  INCREMENTAL  1h                   1.2 GB\n"
        "sales.orders                          FAILED       2026-01-01 11:52          -\n"
        f"{RUN_ID}  FULL         7m                        -\n"
        "  No access\n"
    )


def test_a_pipe_gets_a_line_for_each_run_with_nothing_cut() -> None:
    message = ("something went wrong " * 20).strip()
    header, line = plain_table([found(error_message=message, database="d" * 120)], NOON).splitlines()
    assert header.split("  ")[0] == "VIEW"
    assert header.endswith("  DURATION  DPU HOURS  PROCESSED  ERROR")
    assert line.startswith(f"{'d' * 120}.orders  {RUN_ID}  ")
    assert line.endswith(f"-  {message}")


def test_a_pipe_gets_every_field_in_its_column_however_wide_the_values_are() -> None:
    long = found(status="SUCCEEDED", start_time=1.0, end_time=100_001.0, dpu_seconds=44_444_440.8)
    header, *lines = plain_table([long, SUCCEEDED, FAILED], NOON).splitlines()
    assert [line[header.index("CREATED") :] for line in (header, *lines)] == [
        "CREATED (UTC)       DURATION   DPU HOURS  PROCESSED  ERROR",
        "-                 1d3h46m40s  12,345.678          -  -",
        "2026-01-01 09:59          1h       2.500     1.2 GB  -",
        "2026-01-01 11:52          7m           -          -  No access",
    ]


def test_the_target_is_shown_where_there_are_several() -> None:
    runs = [found("lake/eu-west-1"), found("lake/us-east-1")]
    assert plain_table(runs, NOON).splitlines()[1].startswith(f"sales.orders  {RUN_ID}  lake/eu-west-1  ")
    assert shown(*runs, width=160).splitlines()[2].startswith(f"sales.orders  {RUN_ID}  lake/us-east-1  ")
    assert [line.split()[0] for line in shown(*runs, width=80).splitlines()] == [
        "VIEW", "RUN", "TARGET",
        "sales.orders", RUN_ID, "lake/eu-west-1",
        "sales.orders", RUN_ID, "lake/us-east-1",
    ]  # fmt: skip


def test_the_duration_of_a_run_in_progress_grows_by_the_second() -> None:
    running = found(status="RUNNING", start_time=NOON - 55)
    for now, duration in ((NOON, "55s"), (NOON + 370, "7m5s"), (NOON + 100_000, "1d3h47m35s")):
        assert f" {duration} " in shown(running, width=160, now=now)
    (entry,) = json.loads(as_json([running], NOON + 5))
    assert (entry["duration_seconds"], entry["end_time"]) == (60.0, None)


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


@dataclass
class LeftClock(Clock):
    """Moves when it is waited for; the user presses Ctrl-C after a minute and a half."""

    waited: float = 0.0

    def time(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return self.waited

    def wait(self, event: threading.Event, seconds: float) -> bool:
        assert not event.is_set()
        self.waited += seconds
        if self.waited > 89:
            raise KeyboardInterrupt
        return False


def drawn(screen: Screen, height: int = 8) -> list[str]:
    console = Console(width=100, height=height, file=io.StringIO())
    lines = console.render_lines(screen, console.options.update(height=height), pad=False)
    text = "\n".join("".join(part.text for part in line).rstrip() for line in lines)
    return text.rstrip("\n").split("\n")


def test_it_reads_again_after_each_poll_interval_until_ctrl_c() -> None:
    """While it reads, the table that was read before stays, with the number of runs read so far."""
    clock, tables = LeftClock(), iter("abc")
    screen = Screen(clock)
    seen: list[list[str]] = []

    def read(report: Report) -> Findings:
        report("reading, 1,500 runs")
        seen.append(drawn(screen))
        return Findings(runs=[found(run_id=next(tables), status="RUNNING")])

    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=20, _environ={})
    with pytest.raises(KeyboardInterrupt):
        keep_on_screen(console, screen, 30.0, read)
    assert len(seen) == 3
    assert [lines[0] for lines in seen] == ["reading, 1,500 runs · Ctrl-C leaves"] * 3
    assert "sales.orders  a       RUNNING" in seen[1][3]
    assert drawn(screen)[0] == "1 runs, read at 12:00:00 UTC, again every 30s · Ctrl-C leaves"
    assert "sales.orders  c       RUNNING" in drawn(screen)[3]


def test_json_has_every_member_with_times_in_utc_and_null_for_what_is_not_known() -> None:
    as_reported: dict[str, Any] = {
        "status": "FAILED",
        "refresh_type": "FULL",
        "role": "arn:aws:iam::123456789012:role/refresh",
        "customer_id": "123456789012",
        "error_message": "Access denied\nto x",
        "dpu_seconds": 12.5,
        "processed_bytes": 2**53 + 1,
    }
    times: dict[str, Any] = {"start_time": NOON + 1.25, "end_time": NOON + 31.5, "last_updated": NOON + 32}
    run = found(**as_reported, creation_time=NOON, **times)
    place = {"target": "prod", "aws_region": "eu-west-1", "catalog_id": "123456789012", "run_id": RUN_ID}
    entry, empty = json.loads(as_json([run, found(database=None, table=None)], 0.0))
    assert empty == {**dict.fromkeys(entry), **place}
    assert entry == {
        **place,
        **as_reported,
        "database": "sales",
        "table": "orders",
        "creation_time": "2026-01-01T12:00:00.000Z",
        "start_time": "2026-01-01T12:00:01.250Z",
        "end_time": "2026-01-01T12:00:31.500Z",
        "last_updated": "2026-01-01T12:00:32.000Z",
        "duration_seconds": 30.25,
        "cause": "access_denied",
    }


def test_the_block_is_a_document_for_each_target_with_view_and_status_of_each_run() -> None:
    nameless = found("b", run_id=OTHER_ID, status=None, database=None, table=None)
    text = as_config([found(status="FAILED"), nameless, found(run_id=OTHER_ID, status="RUNNING")])
    assert text == (
        "    # of the target prod: aws_region eu-west-1, catalog_id 123456789012\n"
        "    runs:\n"
        f'      - "{RUN_ID}"  # sales.orders FAILED\n'
        f'      - "{OTHER_ID}"  # sales.orders RUNNING\n'
        "---\n"
        "    # of the target b: aws_region eu-west-1, catalog_id 123456789012\n"
        "    runs:\n"
        f'      - "{OTHER_ID}"  # - without a status\n'
    )
    assert list(yaml.safe_load_all(text)) == [{"runs": [RUN_ID, OTHER_ID]}, {"runs": [OTHER_ID]}]
    assert yaml.safe_load(as_config([])) == {"runs": []}


def test_a_table_that_does_not_fit_says_how_many_runs_are_left_out() -> None:
    """A catalog has tens of thousands of runs, and the screen is drawn every second."""
    runs = [found(run_id=str(number)) for number in range(2500)]
    screen = Screen(LeftClock(), Findings(runs, ["target x: \x1b[2Jno"]))
    lines = drawn(screen, height=8)
    assert lines[1] == "target x: \\x1b[2Jno", "above the table, where nothing is cut off"
    assert [line.split()[1] for line in lines[4:7]] == ["0", "1", "2"]
    assert lines[7:] == ["2,497 more"]
    screen.findings = Findings(runs[:5])
    assert [line.split()[1] for line in drawn(screen, height=8)[3:]] == ["0", "1", "2", "3", "4"]
    screen.findings = Findings([FAILED] * 4)
    assert drawn(screen, height=11)[-1] == "2 more", "its error belongs to a run"


@pytest.mark.parametrize(("runs", "problems", "height"), [(50, 7, 10), (3, 0, 3)])
def test_a_table_without_room_for_its_header_leaves_out_all_runs(
    runs: int, problems: int, height: int
) -> None:
    screen = Screen(LeftClock(), Findings([SUCCEEDED] * runs, ["no"] * problems))
    assert drawn(screen, height)[-1] == f"{runs} more"


def test_a_screen_says_so_where_a_reading_found_no_runs() -> None:
    screen = Screen(LeftClock())
    assert "no runs" not in drawn(screen), "nothing has been read yet"
    screen.findings = Findings()
    assert drawn(screen)[2:] == ["no runs"]
    screen.findings = Findings(problems=["target x: no"], complete=False)
    assert drawn(screen)[1:] == ["target x: no", "", "no runs in what could be read"]


def test_a_known_cause_stands_before_the_message_of_a_failed_run() -> None:
    denied = found(status="FAILED", error_message="Access Denied (Service: S3)\nat x")
    assert "access denied: Access Denied (Service: S3)\n" in plain_table([denied], 0.0)
    assert "  Oh no\n" in plain_table([found(status="FAILED", error_message="Oh no")], 0.0)
