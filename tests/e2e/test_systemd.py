"""systemd accepts the unit, finds little that the service could do to its host, and learns its state."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.program import broken, serve, target
from tests.support.bare_faults import HANG
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "glue-mv-exporter.service"
MOST_EXPOSED = 15
"""Tenths of systemd's measure, from 0 to 100; what is left is the network, which an exporter is for."""
WATCHDOG = 0.4
"""Seconds."""


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_systemd_understands_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    """With the program where it is installed here: systemd looks whether it is there."""
    text = UNIT.read_text().replace("/opt/glue-mv-exporter/bin", str(Path(sys.executable).parent))
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    verified = analyze("verify", "--man=no", unit)
    assert verified.returncode == 0, verified.stderr
    assert [line for line in verified.stderr.splitlines() if UNIT.stem in line] == []
    judged = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit)
    assert judged.returncode == 0, judged.stdout
    assert "Overall exposure level" in judged.stdout
    unit.write_text(text.replace("ProtectSystem=", "ProtectSytem="))
    assert "ProtectSytem" in analyze("verify", "--man=no", unit).stderr, "else its silence proves nothing"


# What the running program says: here the test is systemd.


class Systemd:
    """A socket for notifications, and what has come there."""

    def __init__(self, address: str) -> None:
        """``address``: a path, or ``@`` and the name of an abstract socket."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.close = self._socket.close
        self.env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": f"{WATCHDOG * 1e6:.0f}"}

    def heard(self, seconds: float) -> list[str]:
        """Return the notifications that come within so many seconds."""
        until = time.monotonic() + seconds
        found = []
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                found.append(self._socket.recv(4096).decode())
            except TimeoutError:
                break
        return found

    def await_states(self, *states: str) -> None:
        """Wait until these notifications have come, in this order, whatever comes between them."""
        for state in states:
            self._socket.settimeout(60)
            while not self._socket.recv(4096).decode().startswith(state):
                pass


@pytest.fixture(params=["path"])
def systemd(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Systemd]:
    """Listen, on an abstract socket where a test asks for that."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@glue-mv-exporter-{tmp_path}"
    with contextlib.closing(Systemd(address)) as listening:
        yield listening


@pytest.fixture
def config(glue: BareGlue) -> Mapping[str, object]:
    return {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}


@pytest.mark.parametrize("systemd", ["path", "abstract"], indirect=True)
def test_systemd_learns_of_start_reload_and_stop(
    config: Mapping[str, object], systemd: Systemd, tmp_path: Path
) -> None:
    with serve(tmp_path, config, env=systemd.env) as program:
        systemd.await_states("READY=1", "WATCHDOG=1")
        program.process.send_signal(signal.SIGHUP)
        systemd.await_states("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
        (program.folder / "config.yaml").write_text("targets: {")
        program.process.send_signal(signal.SIGHUP)
        systemd.await_states("RELOADING=1", "READY=1", "WATCHDOG=1")
        program.stop()
        systemd.await_states("STOPPING=1")


def test_without_a_watchdog_there_are_no_pings(
    config: Mapping[str, object], systemd: Systemd, tmp_path: Path
) -> None:
    for env in ({"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_PID": "1"}):
        with serve(tmp_path, config, env=systemd.env | env):
            systemd.await_states("READY=1")
            assert systemd.heard(1) == []


def test_a_socket_that_is_gone_stops_nothing(config: Mapping[str, object], tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "gone")}
    with serve(tmp_path, config, env=env) as program:
        program.scrape_until(lambda now: now.status(sample_run_id(1)) == "SUCCEEDED")
        program.await_log("systemd was not notified")


def test_a_glue_that_never_answers_does_not_stop_the_watchdogs_pings(
    glue: BareGlue, config: Mapping[str, object], systemd: Systemd, tmp_path: Path
) -> None:
    """A restart would not help. A ping comes half of the watchdog's time after the one before it, mostly."""
    glue.misbehave(HANG)
    with serve(tmp_path, config, env=systemd.env):
        systemd.await_states("READY=1")
        times = []
        for _ in range(12):
            systemd.await_states("WATCHDOG=1")
            times.append(time.monotonic())
        apart = median(later - earlier for earlier, later in pairwise(times))
        assert WATCHDOG / 4 < apart < WATCHDOG, times


def test_a_poll_loop_that_hangs_stops_the_watchdogs_pings(
    config: Mapping[str, object], systemd: Systemd, tmp_path: Path
) -> None:
    """The program is the true one, but for the commit that never returns."""
    with serve(tmp_path, config, **broken("stuck", tmp_path, **systemd.env)) as program:
        program.await_log("held up")
        reason = "the poll loop of target test has been stuck for 60 s"
        program.await_log(reason)
        systemd.await_states("READY=1")
        systemd.heard(0.1)  # what came before it hung
        assert systemd.heard(2) == []
        assert program.log.count(reason) == 1
        program.stop()
        systemd.await_states("STOPPING=1")
