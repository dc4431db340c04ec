"""SIGTERM ends the program within 5 seconds, even where a part of it will never end by itself.

And health tells whether the exporter polls, never whether AWS answers; readiness, whether it has polled.
"""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.program import Program, broken, environment, run, serve, target, wait_until, write_config
from tests.support.bare_faults import HANG
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run, sample_run_id

LONGER_THAN_A_POLL = 40
"""Seconds: a poll that finds nobody there gives up after 30."""


@pytest.fixture
def glue(glue: BareGlue) -> BareGlue:
    glue.records.put_run(sample_run(1))
    return glue


def watching(glue: BareGlue) -> dict[str, object]:
    return {"poll_interval": "5s", "targets": [target(glue.url, sample_run_id(1))]}


def held_up(folder: Path, glue: BareGlue, what: str, file: Path) -> Program:
    """Return the program, which this holds up while the file exists, to be started with ``with``."""
    return serve(folder, watching(glue), "--web.enable-lifecycle", **broken(what, file))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_while_glue_hangs(glue: BareGlue, tmp_path: Path, number: signal.Signals) -> None:
    glue.misbehave(HANG)
    runs = [sample_run_id(n) for n in range(20)]
    with serve(tmp_path, {"targets": [target(glue.url, *runs)]}) as program:
        glue.wait_for_calls(2, GET_RUN)
        program.stop(number)


def test_stops_while_sts_hangs(glue: BareGlue, tmp_path: Path) -> None:
    glue.misbehave(HANG, operation="GetCallerIdentity")
    watched = target(glue.url, sample_run_id(1), catalog_id=None)
    with serve(tmp_path, {"targets": [watched]}, env={"AWS_ENDPOINT_URL_STS": glue.url}) as program:
        glue.wait_for_calls(1, "GetCallerIdentity")
        program.stop()


def test_ends_in_order_where_nothing_hangs_whatever_a_client_does(glue: BareGlue, tmp_path: Path) -> None:
    """One that asks and never reads, here."""
    with serve(tmp_path, watching(glue)) as program:
        program.scrape_until(lambda e: e.status(sample_run_id(1)) == "SUCCEEDED")
        with socket.create_connection(("127.0.0.1", program.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
            program.stop()
        assert "without waiting" not in program.log
        assert "msg=stopped\n" in program.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_while_a_commit_holds_the_store(glue: BareGlue, tmp_path: Path, number: signal.Signals) -> None:
    """And a page waits for it, in a thread that the interpreter itself would wait for."""
    with held_up(tmp_path, glue, "commit", tmp_path) as program:
        program.await_log("held up")
        with socket.create_connection(("127.0.0.1", program.port)) as connection:
            connection.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert program.get("/-/healthy").status == 200, "so the other request is under way, too"
            program.stop(number)
        assert "stopped without waiting for what still hangs" in program.log
        assert "msg=stopped\n" not in program.log


@pytest.mark.parametrize("way", ["signal", "HTTP"])
def test_ends_while_a_reload_is_under_way(glue: BareGlue, tmp_path: Path, way: str) -> None:
    """Over HTTP its thread is the web server's, which waits for its threads."""
    with (
        held_up(tmp_path, glue, "load", tmp_path / "held-up") as program,
        socket.create_connection(("127.0.0.1", program.port), timeout=10) as connection,
    ):
        (tmp_path / "held-up").touch()
        if way == "signal":
            program.process.send_signal(signal.SIGHUP)
        else:
            connection.sendall(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        program.await_log("held up")
        program.stop()


def test_a_second_signal_ends_at_once(glue: BareGlue, tmp_path: Path) -> None:
    with held_up(tmp_path, glue, "commit", tmp_path) as program:
        program.await_log("held up")
        program.process.send_signal(signal.SIGTERM)
        program.await_log("stopping")
        program.stop()
    assert "without waiting" not in program.log, "that is what it does in time, by itself"


@pytest.mark.parametrize("module", ["click.globals", "botocore.session"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_starts_is_handled(
    glue: BareGlue, tmp_path: Path, number: signal.Signals, module: str
) -> None:
    """A service manager may send one at any moment, here while modules are imported.

    SIGHUP ends nothing, and is heeded later; the others leave no traceback.
    """
    config = write_config(tmp_path, watching(glue))
    command = [sys.executable, "-X", "importtime", "-m", "exporter", f"--config.file={config}"]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        printed = process.stderr
        assert printed is not None
        assert any(module in line for line in printed)
        process.send_signal(number)
        if number is signal.SIGHUP:
            assert any("configuration reloaded" in line for line in printed)
            process.terminate()
        rest = printed.read()
        assert process.wait(60) == 0, rest
        assert "Traceback" not in rest


# Health and readiness.


def test_stays_healthy_while_glue_hangs_for_long(glue: BareGlue, tmp_path: Path) -> None:
    """Not ready, and then ready: the first poll has ended, although it failed."""
    glue.misbehave(HANG)
    with serve(tmp_path, watching(glue)) as program:
        assert program.get("/-/ready").status == 503
        was_ready = False
        until = time.monotonic() + LONGER_THAN_A_POLL
        while time.monotonic() < until or not was_ready:
            assert time.monotonic() < until + 60
            healthy = program.get("/-/healthy")
            assert (healthy.status, healthy.text) == (200, "healthy\n")
            ready = program.get("/-/ready").status == 200
            assert ready >= was_ready, "once ready, always ready"
            was_ready = ready
            time.sleep(0.5)
        assert program.scrape().up() == 0
        assert program.log.count("target is down") == 1, "once, not at every poll"
        checked = run(tmp_path, "healthcheck", f"--web.listen-address=127.0.0.1:{program.port}")
        assert checked.status == 0


def test_turns_unhealthy_once_polling_is_stuck(glue: BareGlue, tmp_path: Path) -> None:
    """A poll that gives no sign of life for a minute, by a clock that jumps: this time we are at fault."""
    with held_up(tmp_path, glue, "stuck", tmp_path / "held-up") as program:
        program.await_up()
        assert program.get("/-/healthy").status == 200
        (tmp_path / "held-up").touch()
        wait_until(lambda: program.get("/-/healthy").status == 503, 60, "polling counts as stuck")
        reason = "the poll loop of target test has been stuck"
        assert program.get("/-/healthy").text.startswith(f"{reason} for 6")
        checked = run(tmp_path, "healthcheck", f"--web.listen-address=127.0.0.1:{program.port}")
        assert checked.status == 1
        assert reason in checked.err
