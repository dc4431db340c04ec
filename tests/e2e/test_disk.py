"""The disk is full, read-only or holds something else: a clear error at the start, no wrong count later."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import COMMAND, Program, run, serve, write_config
from tests.e2e.small_disk import SmallDisk
from tests.e2e.test_kill import counted
from tests.e2e.test_views import VIEW, view_run, watching
from tests.support.bare_glue import BareGlue

WRITTEN = "glue_mv_exporter_storage_last_write_successful"
FAILURES = "glue_mv_exporter_storage_write_failures_total"
FILE = "state.sqlite3"


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        bare.records.put_view("sales", "orders", refresh_seconds=3600)
        bare.records.put_run(view_run(1, "sales", "orders", status="RUNNING"))
        yield bare


@pytest.fixture
def config(glue: BareGlue) -> dict[str, Any]:
    return watching(glue, "sales.*")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk") as small:
        yield small


def live_on(folder: Path, config: dict[str, Any], state: Path, command: tuple[str, ...] = COMMAND) -> Program:
    """Return an exporter with its state in this folder, to be started with ``with``."""
    return serve(folder, config, f"--storage.path={state}", command=command)


def refusal(folder: Path, config: dict[str, Any], state: Path, command: tuple[str, ...] = COMMAND) -> str:
    """Start an exporter that does not start, and return what it says: one line, and its status is 1."""
    file = write_config(folder, config)
    arguments = (f"--config.file={file}", f"--storage.path={state}", "--web.listen-address=127.0.0.1:0")
    outcome = run(folder, *arguments, command=command)
    assert (outcome.status, outcome.out) == (1, "")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("glue-mv-exporter: ")]
    assert "Traceback" not in outcome.err
    return line


def end(glue: BareGlue, *numbers: int) -> None:
    """Let runs end."""
    for number in numbers:
        glue.records.put_run(view_run(number, "sales", "orders"))


def begin(program: Program) -> None:
    """Wait for the baseline."""
    program.scrape_until(lambda now: now.value(f"{VIEW}up") == 1, what="the first poll")


def test_a_full_disk_stops_the_counters_until_there_is_room(
    glue: BareGlue, config: dict[str, Any], disk: SmallDisk, tmp_path: Path
) -> None:
    """And a ``kill -9`` meanwhile loses nothing, for nothing was published that is not on disk."""
    with live_on(tmp_path, config, disk.path, disk.command) as program:
        begin(program)
        disk.fill()
        end(glue, 1)
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="a write fails")
        assert not counted(scraped)
        assert (scraped.value(FAILURES) or 0) >= 1, "each page and the end of the poll are written"
        assert scraped.value(f"{VIEW}last_run_status", status="SUCCEEDED") == 1
        assert scraped.value("glue_mv_exporter_target_up") == 1
        assert "the state cannot be written; counters stand still until it can" in program.log

        disk.free()
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 1, what="a write succeeds")
        assert counted(scraped) == {"SUCCEEDED": 1}
        assert "the state can be written again" in program.log

        disk.fill()
        end(glue, 2, 3)
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="a write fails again")
        assert counted(scraped) == {"SUCCEEDED": 1}
        program.crash()
    disk.free()
    with live_on(tmp_path, config, disk.path, disk.command) as program:
        program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 3}, what="all are counted")


def test_a_disk_that_is_full_at_the_start_is_told(
    config: dict[str, Any], disk: SmallDisk, tmp_path: Path
) -> None:
    disk.fill()
    told = refusal(tmp_path, config, disk.path, disk.command)
    assert "cannot be written: is the disk full or broken?" in told


def test_a_read_only_disk_is_told_at_the_start(
    config: dict[str, Any], disk: SmallDisk, tmp_path: Path
) -> None:
    disk.mount("-o", "remount,ro", disk.path)
    told = refusal(tmp_path, config, disk.path, disk.command)
    assert "of --storage.path cannot be written: Read-only file system" in told


def test_a_read_only_file_is_told_at_the_start(
    config: dict[str, Any], disk: SmallDisk, tmp_path: Path
) -> None:
    """Mounted so: no permission keeps root from writing."""
    with live_on(tmp_path, config, disk.path, disk.command) as program:
        begin(program)
    file = disk.path / FILE
    disk.mount("--bind", file, file)
    disk.mount("-o", "remount,bind,ro", file)
    told = refusal(tmp_path, config, disk.path, disk.command)
    assert f"{file} cannot be written: make the folder of --storage.path writable" in told


def test_a_damaged_file_is_told_at_the_start(config: dict[str, Any], tmp_path: Path) -> None:
    state = tmp_path / "state"
    with live_on(tmp_path, config, state) as program:
        begin(program)
    with (state / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    damaged = (state / FILE).read_bytes()
    told = refusal(tmp_path, config, state)
    assert "is damaged" in told
    assert "move it away to start with an empty state; counters then begin at 0" in told
    assert (state / FILE).read_bytes() == damaged, "it is left as it was found"
    (state / FILE).rename(tmp_path / "aside")
    with live_on(tmp_path, config, state) as program:
        begin(program)


def test_after_a_downgrade_the_file_is_left_alone(config: dict[str, Any], tmp_path: Path) -> None:
    state = tmp_path / "state"
    with live_on(tmp_path, config, state) as program:
        begin(program)
    with closing(sqlite3.connect(state / FILE)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
    newer = (state / FILE).read_bytes()
    told = refusal(tmp_path, config, state)
    assert f"written by a newer version of the exporter (state version {version + 1}," in told
    assert (state / FILE).read_bytes() == newer


def test_a_second_exporter_on_a_folder_is_turned_away(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with live_on(tmp_path / "first", config, state) as program:
        begin(program)
        told = refusal(tmp_path, config, state)
        assert f"another exporter uses {state}: two on one folder would count every run twice" in told
        end(glue, 1)
        program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 1}, what="the first one goes on")
        program.crash()
    with live_on(tmp_path / "next", config, state) as program:
        begin(program)
