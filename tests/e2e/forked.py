"""Many lives of the exporter in little time: ``serve``, forked from a process that has loaded everything.

A hundred starts of Python with all that the exporter imports would take a minute of two cores. Here one
process imports it once, and forks a child for each life that is asked for on standard input. The child runs
the program's own ``main``: nothing in it is different from a start by hand but the imports.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.e2e.program import assert_no_secret, environment

ROOT = Path(__file__).parents[2]


class Life:
    """One running exporter, which its test ends."""

    def __init__(self, pid: int, log: Path) -> None:
        self._handle = os.pidfd_open(pid)
        self._log = log

    def end(self, number: signal.Signals) -> None:
        """Send a signal, and return once the process is gone."""
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)
            gone, _, _ = select.select([self._handle], [], [], 60.0)
            assert gone, f"still there after {number.name}:\n{self._log.read_text()}"
        finally:
            os.close(self._handle)
        log = self._log.read_text()
        assert_no_secret(log)
        assert "Traceback" not in log, log


class ForkServer:
    """Starts exporters. Safe to use from several threads."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def start(self, log: Path, *arguments: str) -> Life:
        """Start ``glue-mv-exporter`` with these arguments; what it prints goes to ``log``."""
        log.touch(0o600)  # it may be killed before it opens that
        request = json.dumps([str(log), arguments]).encode() + b"\n"
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            return Life(int(self._process.stdout.readline()), log)


@contextlib.contextmanager
def fork_server(folder: Path) -> Iterator[ForkServer]:
    """Load the exporter; on leaving, all that still runs of it is ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.forked"],
        cwd=ROOT,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield ForkServer(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def fork(log: str, arguments: Sequence[str]) -> int:
    """Fork a child that is the exporter, and return its process ID."""
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, number in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(source, number)
        from exporter.cli.main import run  # noqa: PLC0415 (loaded already)

        os._exit(run(arguments))
    finally:
        os._exit(70)


def main() -> None:
    """Answer each request with the process ID of the child that it started."""
    # What every life needs; not the test that starts this.
    for module in ("cli.serve", "cli.daemon", "cli.reloading", "web.server", "web.pages"):
        importlib.import_module(f"exporter.{module}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    for line in sys.stdin:
        print(fork(*json.loads(line)), flush=True)  # noqa: T201 (its answer)


if __name__ == "__main__":
    main()
