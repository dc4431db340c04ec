"""Standard error is full, has no reader, or is closed: work goes on, and errors are still shown."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import EXPORTER
from tests.e2e.program import COMMAND, Outcome, Program, run, wait_until, write_config
from tests.e2e.small_disk import SmallDisk
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id, view_run
from tests.support.ports import held_port

RELOADED = f"{EXPORTER}config_last_reload_success_timestamp_seconds"
NEVER = pytest.mark.parametrize("place", ["2>/dev/full", "2>&-"])
"""Where no line is ever taken."""


def with_stderr(place: str, command: tuple[str, ...] = COMMAND) -> tuple[str, ...]:
    """Return the command with its standard error there, as a shell writes it: ``2>/dev/full``, ``2>&-``."""
    return (*command[: -len(COMMAND)], "sh", "-c", f'exec "$@" {place}', "sh", *COMMAND)


@dataclass
class Mute(Program):
    """An exporter that may not be able to say its port: it is given one."""

    def _listening_port(self) -> int | None:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log}"
        host, _, port = (self.listen or "").rpartition(":")
        with socket.socket() as client:
            return int(port) if client.connect_ex((host, int(port))) == 0 else None


@contextlib.contextmanager
def mute(
    folder: Path, config: dict[str, Any], command: tuple[str, ...], *arguments: str
) -> Iterator[Program]:
    file = write_config(folder, config)
    with (
        held_port() as port,
        Mute(
            folder, (f"--config.file={file}", *arguments), command=command, listen=f"127.0.0.1:{port}"
        ) as program,
    ):
        yield program


def end(glue: BareGlue, program: Program, number: int) -> None:
    """Let a run end, which is worth a line in the log, and wait until it is counted."""
    glue.records.put_run(view_run(number))
    program.scrape_until(lambda now: now.counted == {"SUCCEEDED": number}, what=f"run {number} is counted")


def check_that_work_goes_on(glue: BareGlue, program: Program) -> None:
    """Have it poll, and log that runs have ended, answer scrapes and reload."""
    end(glue, program, 1)
    end(glue, program, 2)
    before = program.scrape().value(RELOADED) or 0.0
    program.process.send_signal(signal.SIGHUP)
    program.scrape_until(lambda now: (now.value(RELOADED) or 0) > before > 0, what="it is reloaded")
    assert program.get("/-/healthy").status == 200


@pytest.mark.parametrize("full", ["at the start", "later"])
def test_a_full_disk_takes_the_log_and_nothing_else(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path, full: str
) -> None:
    with SmallDisk(tmp_path / "disk") as disk:
        seen = disk.seen_from_outside / "log"
        seen.touch()
        if full == "at the start":
            disk.fill()
        with mute(tmp_path, config, with_stderr(f"2>>{disk.path / 'log'}", disk.command)) as program:
            program.await_view("orders")
            if full == "later":
                disk.fill()
                with contextlib.suppress(OSError), seen.open("ab", buffering=0) as file:
                    while True:  # the last page of the log
                        file.write(b"x")
            check_that_work_goes_on(glue, program)
            assert "run ended" not in seen.read_text()
            disk.free()
            end(glue, program, 3)
            wait_until(lambda: "run ended" in seen.read_text(), 60, "lines are written again")
        lost, ended, *_ = seen.read_text().rpartition("xx")[2].splitlines()
        assert 'level=warning msg="log lines were dropped: standard error did not take them" lines=' in lost
        assert f"run_id={sample_run_id(3)}" in ended


@NEVER
def test_standard_error_that_never_takes_a_line_stops_nothing(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path, place: str
) -> None:
    state = f"--storage.path={tmp_path / 'state'}"
    with mute(tmp_path, config, with_stderr(place), state) as program:
        program.await_view("orders")
        check_that_work_goes_on(glue, program)
        # What is closed may not become the state's file, or a connection: libraries write to 2, too.
        assert str(Path(f"/proc/{program.process.pid}/fd/2").readlink()) in {"/dev/full", "/dev/null"}
    with mute(tmp_path, config, COMMAND, state) as program:
        program.scrape_until(lambda now: now.counted == {"SUCCEEDED": 2}, what="the state is whole")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Give what reads the log from a pipe."""
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.DEVNULL)
    yield reader
    reader.kill()
    reader.wait()


def hang(reader: "subprocess.Popen[bytes]", pipe: Path) -> None:
    """Have the reader read no more, and fill the pipe."""
    reader.send_signal(signal.SIGSTOP)
    state = Path(f"/proc/{reader.pid}/stat")
    wait_until(lambda: state.read_text().split()[2] == "T", 60, "the reader hangs")
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * size)
    os.close(writer)


@pytest.mark.parametrize("what", ["is gone", "hangs"])
def test_a_reader_that_does_not_read_stops_nothing(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path, reader: "subprocess.Popen[bytes]", what: str
) -> None:
    pipe = tmp_path / "pipe"
    with mute(tmp_path, config, with_stderr(f"2>{pipe}")) as program:
        program.await_view("orders")
        if what == "hangs":
            hang(reader, pipe)
        else:
            reader.kill()
            reader.wait()
        check_that_work_goes_on(glue, program)


def shown(outcome: Outcome, status: int) -> str:
    """Return what a command has shown where standard error takes nothing."""
    assert outcome.status == status
    assert outcome.err == ""
    assert "Traceback" not in outcome.out
    return outcome.out


@NEVER
def test_errors_that_end_the_program_are_shown_on_standard_output(tmp_path: Path, place: str) -> None:
    command = with_stderr(place)
    config = tmp_path / "config.yaml"
    config.write_text("targets:\n  - {name: x, aws_region: eu-west-1, views: [a.b], nmae: y}\n")
    for arguments in (["check-config", str(config)], [f"--config.file={config}"]):
        said = shown(run(tmp_path, *arguments, command=command), 2)
        assert f"{config}:2: targets[0].nmae: unknown key" in said
    assert "No such option" in shown(run(tmp_path, "once", "--wrong", command=command), 2)
    write_config(tmp_path, {"targets": [{"name": "x", "aws_region": "eu-west-1", "views": ["a.b"]}]})
    (tmp_path / "file").touch()
    said = shown(run(tmp_path, "serve", f"--storage.path={tmp_path / 'file'}", command=command), 1)
    assert "it is a file" in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = shown(run(tmp_path, f"--web.listen-address={address}", command=command), 1)
    assert address in said
    assert "is another exporter running?" in said
