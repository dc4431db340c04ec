"""SIGTERM ends the program within 5 seconds, even where a part of it will never end by itself."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import (
    COMMAND,
    Program,
    assert_no_secret,
    environment,
    run,
    target,
    wait_until,
    write_config,
)
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

ROOT = Path(__file__).parents[2]


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        bare.records.put_run(sample_run(1))
        yield bare


def held_up(folder: Path, glue: BareGlue, what: str) -> Program:
    """Return a program that is held up by this, to be started with ``with``."""
    config = write_config(folder, {"targets": [target(glue.url, sample_run_id(1))]})
    command = (sys.executable, "-m", "tests.support.held_up", what, str(config))
    return Program(folder, command=command, listen=None, env={"PYTHONPATH": str(ROOT)})


def ended_in_order(program: Program) -> bool:
    return (program.folder / "ended-in-order").exists()


def test_ends_in_order_where_nothing_hangs(glue: BareGlue, tmp_path: Path) -> None:
    """The program of these tests is the true one, but for what holds it up."""
    with held_up(tmp_path, glue, "nothing") as program:
        program.scrape_until(lambda e: e.status(sample_run_id(1)) == "SUCCEEDED")
        program.stop()
        assert "without waiting" not in program.log
    assert ended_in_order(program)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_while_a_commit_holds_the_store(glue: BareGlue, tmp_path: Path, number: signal.Signals) -> None:
    with held_up(tmp_path, glue, "commit") as program:
        wait_until(lambda: "held up" in program.log, 20, "the commit hangs")
        program.stop(number)
        assert "stopped without waiting for what still hangs" in program.log
    assert not ended_in_order(program)


def test_ends_while_a_reload_by_signal_is_under_way(glue: BareGlue, tmp_path: Path) -> None:
    with held_up(tmp_path, glue, "reload") as program:
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "held up" in program.log, 20, "the reload hangs")
        program.stop()


@pytest.fixture
def starting(glue: BareGlue, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a program that has just begun to run code of its own."""
    config = write_config(tmp_path, {"targets": [target(glue.url, sample_run_id(1))]})
    command = [*COMMAND, f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
    with (tmp_path / "stderr").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stderr=log)
    try:
        wait_until(lambda: handles_hangups(process.pid), 30, "its own code runs")
        yield process
    finally:
        process.kill()
        process.wait()
        assert_no_secret((tmp_path / "stderr").read_text())


def test_hangups_while_it_starts_end_nothing(starting: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """Their default is to end the process. One that comes too early is heeded later."""
    while "reloaded" not in (tmp_path / "stderr").read_text():
        starting.send_signal(signal.SIGHUP)
        time.sleep(0.01)
        assert starting.poll() is None, f"{starting.returncode}: {(tmp_path / 'stderr').read_text()}"
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(5) == 0


def test_ends_while_it_starts(starting: "subprocess.Popen[bytes]") -> None:
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_modules_are_imported_is_handled(
    glue: BareGlue, tmp_path: Path, number: signal.Signals
) -> None:
    """A service manager may send one at any moment. SIGHUP ends nothing; the others leave no traceback."""
    config = write_config(tmp_path, {"targets": [target(glue.url, sample_run_id(1))]})
    command = [sys.executable, "-X", "importtime", "-m", "exporter", f"--config.file={config}"]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        printed = process.stderr
        assert printed is not None
        lines: list[str] = []

        def read_until(words: str) -> None:
            while words not in (line := printed.readline()):
                assert line, lines
                lines.append(line)

        read_until("click.globals")  # the first of many modules
        process.send_signal(number)
        if number is signal.SIGHUP:
            read_until("msg=listening")
            process.terminate()
        rest = printed.read()
        assert process.wait(10) == 0, rest
        assert "Traceback" not in rest


def handles_hangups(pid: int) -> bool:
    """Tell whether the process has a handler for SIGHUP: before that there is only the interpreter."""
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGHUP - 1) & 1)


def test_ends_while_a_reload_over_http_is_under_way(glue: BareGlue, tmp_path: Path) -> None:
    """Its thread is the web server's, which waits for its threads."""
    with (
        held_up(tmp_path, glue, "reload") as program,
        socket.create_connection(("127.0.0.1", program.port), timeout=10) as connection,
    ):
        connection.sendall(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: "held up" in program.log, 20, "the reload hangs")
        program.stop()


def test_a_second_signal_ends_at_once(glue: BareGlue, tmp_path: Path) -> None:
    with held_up(tmp_path, glue, "commit") as program:
        wait_until(lambda: "held up" in program.log, 20, "the commit hangs")
        program.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in program.log, 5, "it is stopping")
        started = time.monotonic()
        program.stop()
        assert time.monotonic() - started < 3


def test_ends_while_a_slow_client_is_served(glue: BareGlue, tmp_path: Path) -> None:
    """A client that asks and never reads."""
    with (
        held_up(tmp_path, glue, "nothing") as program,
        socket.create_connection(("127.0.0.1", program.port)) as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
        program.stop()


def test_ends_while_a_page_waits_for_the_store(glue: BareGlue, tmp_path: Path) -> None:
    """The thread that waits is one that the interpreter itself would wait for."""
    with (
        held_up(tmp_path, glue, "commit") as program,
        socket.create_connection(("127.0.0.1", program.port)) as connection,
    ):
        wait_until(lambda: "held up" in program.log, 20, "the commit hangs")
        connection.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        assert program.get("/-/healthy").status == 200, "so the other request is under way, too"
        program.stop()


def test_turns_unhealthy_once_polling_is_stuck(glue: BareGlue, tmp_path: Path) -> None:
    """A poll that gives no sign of life for a minute: this time the exporter itself is at fault."""
    with held_up(tmp_path, glue, "commit") as program:
        wait_until(lambda: "held up" in program.log, 20, "the commit hangs")
        assert program.get("/-/healthy").status == 200
        wait_until(lambda: program.get("/-/healthy").status == 503, 75, "polling counts as stuck")
        reason = program.get("/-/healthy").text
        assert reason.startswith("the poll loop of target test has been stuck for 6")
        address = f"--web.listen-address=127.0.0.1:{program.port}"
        checked = run(tmp_path, "healthcheck", address)
        assert checked.status == 1
        assert "the poll loop of target test has been stuck" in checked.err
