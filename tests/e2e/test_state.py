"""The state survives a stop and a crash; where it cannot be written or read, nothing is counted wrongly."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import EXPORTER, VIEW, Exposition
from tests.e2e.program import COMMAND, Program, run, serve, target, wait_until, write_config
from tests.e2e.small_disk import SmallDisk
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, view_run

WRITTEN = f"{EXPORTER}storage_last_write_successful"
FAILURES = f"{EXPORTER}storage_write_failures_total"
FILE = "state.sqlite3"
MANY = 2500
"""More than one block of text, and some left over."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk") as small:
        yield small


def live_on(state: Path, config: dict[str, Any], command: tuple[str, ...] = COMMAND) -> Program:
    """Return an exporter with its state in this folder, to be started with ``with``."""
    return serve(state.parent / "program", config, f"--storage.path={state}", command=command)


def refusal(state: Path, config: dict[str, Any], command: tuple[str, ...] = COMMAND) -> str:
    """Start an exporter that does not start, and return what it says: one line, and its status is 1."""
    file = write_config(state.parent, config)
    arguments = (f"--config.file={file}", f"--storage.path={state}", "--web.listen-address=127.0.0.1:0")
    outcome = run(state.parent, *arguments, command=command)
    assert (outcome.status, outcome.out) == (1, "")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("glue-mv-exporter: ")]
    assert "Traceback" not in outcome.err
    return line


def all_settled(program: Program) -> bool:
    """Look for the one line: to parse all of them takes longer than to serve them."""
    return f'state="settled"}} {MANY}\n' in program.get("/metrics").text


def test_neither_a_stop_nor_a_crash_loses_series_of_settled_runs(glue: BareGlue, state: Path) -> None:
    """Runs watched by their IDs say the same afterwards, and nobody is asked again."""
    runs = [glue.records.put_run(sample_run(number)) for number in range(MANY)]
    config = {"targets": [target(glue.url, *runs, max_requests_per_second=1000)]}
    lives, asked = [], []
    for ending in ("stop", "crash", "stop"):
        with live_on(state, config) as program:
            wait_until(partial(all_settled, program), 90, "all are settled")
            text = program.scrape().text
            if ending == "crash":
                program.crash()
        asked.append(glue.count())
        lives.append(sorted(line for line in text.splitlines() if line.startswith("glue_mv_refresh_run_")))
    assert len(lives[0]) == 14 * MANY
    assert lives[0] == lives[1] == lives[2]
    assert asked[0] == asked[2]


def test_a_full_disk_stops_the_counters_until_there_is_room(
    glue: BareGlue, config: dict[str, Any], disk: SmallDisk
) -> None:
    """And a ``kill -9`` meanwhile loses nothing, for nothing was published that is not on disk."""
    with live_on(disk.path, config, disk.command) as program:
        program.await_view("orders")
        disk.fill()
        glue.records.put_run(view_run(1))
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="a write fails")
        assert not scraped.counted
        assert (scraped.value(FAILURES) or 0) >= 1, "each page and the end of the poll are written"
        assert scraped.value(f"{VIEW}last_run_status", status="SUCCEEDED") == 1
        assert scraped.up() == 1
        program.await_log("the state cannot be written; counters stand still until it can")

        disk.free()
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 1, what="a write succeeds")
        assert scraped.counted == {"SUCCEEDED": 1}
        program.await_log("the state can be written again")

        disk.fill()
        for number in (2, 3):
            glue.records.put_run(view_run(number))
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="a write fails again")
        assert scraped.counted == {"SUCCEEDED": 1}
        program.crash()
    disk.free()
    with live_on(disk.path, config, disk.command) as program:
        program.scrape_until(lambda now: now.counted == {"SUCCEEDED": 3}, what="all are counted")


def test_a_disk_that_cannot_be_written_is_told_at_the_start(config: dict[str, Any], disk: SmallDisk) -> None:
    """It is full, a file is read-only, all of it is. Mounted so: no permission keeps root from writing."""
    disk.fill()
    assert "cannot be written: is the disk full or broken?" in refusal(disk.path, config, disk.command)
    disk.free()
    with live_on(disk.path, config, disk.command) as program:
        program.await_view("orders")
    file = disk.path / FILE
    disk.mount("--bind", file, file)
    disk.mount("-o", "remount,bind,ro", file)
    told = refusal(disk.path, config, disk.command)
    assert f"{file} cannot be written: make the folder of --storage.path writable" in told
    disk.mount("-o", "remount,ro", disk.path)
    told = refusal(disk.path, config, disk.command)
    assert "of --storage.path cannot be written: Read-only file system" in told


def test_a_damaged_or_newer_file_is_told_at_the_start_and_left_alone(
    config: dict[str, Any], state: Path
) -> None:
    with live_on(state, config) as program:
        program.await_view("orders")
    with (state / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    damaged = (state / FILE).read_bytes()
    told = refusal(state, config)
    assert "is damaged" in told
    assert "move it away to start with an empty state; counters then begin at 0" in told
    assert (state / FILE).read_bytes() == damaged
    (state / FILE).rename(state / "aside")

    with live_on(state, config) as program:
        program.await_view("orders")
    with closing(sqlite3.connect(state / FILE)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
    newer = (state / FILE).read_bytes()
    told = refusal(state, config)
    assert f"written by another version of the exporter (state version {version + 1}," in told
    assert (state / FILE).read_bytes() == newer


def test_a_second_exporter_on_a_folder_is_turned_away(
    glue: BareGlue, config: dict[str, Any], state: Path
) -> None:
    with live_on(state, config) as program:
        program.await_view("orders")
        told = refusal(state, config)
        assert f"another exporter uses {state}: two on one folder would count every run twice" in told
        glue.records.put_run(view_run(1))
        program.scrape_until(lambda now: now.counted == {"SUCCEEDED": 1}, what="the first one goes on")
        program.crash()
    with live_on(state, config) as program:
        program.await_view("orders")


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_after_the_first_page(file: Path) -> None:
    os.truncate(file, 4096)


def replace_by_a_copy(file: Path) -> None:
    """Put a backup back, as someone would who does not know that the exporter runs."""
    copy = shutil.copy(file, file.with_name("backup"))
    Path(copy).replace(file)


@pytest.mark.parametrize("damage", [cut_in_half, cut_after_the_first_page, Path.unlink, replace_by_a_copy])
def test_a_file_that_is_damaged_or_gone_is_noticed_and_after_a_crash_refused_or_has_lost_nothing(
    glue: BareGlue, config: dict[str, Any], state: Path, damage: Callable[[Path], None]
) -> None:
    """Nothing is published that was not saved, and no start on it begins at 0 without a word."""
    with live_on(state, config) as program:
        program.await_up()
    with live_on(state, config) as program:
        program.await_up()
        glue.records.put_run(view_run(1))
        program.scrape_until(lambda now: now.counted == {"SUCCEEDED": 1}, what="the first is counted")
        damage(state / FILE)
        glue.records.put_run(view_run(2))
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="the damage is noticed")
        assert (scraped.value(FAILURES) or 0) >= 1
        program.await_log("level=error")
        scraped = program.await_polls(2)
        assert scraped.counted == {"SUCCEEDED": 1}
        assert scraped.value(WRITTEN) == 0
        program.crash()
    if damage is Path.unlink:
        return
    left = (state / FILE).read_bytes()
    file = write_config(state.parent, config)
    outcome = run(state.parent, "once", f"--config.file={file}", f"--storage.path={state}")
    if outcome.status == 1:
        assert "is damaged" in outcome.err
        assert (state / FILE).read_bytes() == left, "it is left as it was found"
    else:
        assert Exposition(outcome.out).counted == {"SUCCEEDED": 2}, outcome.err
