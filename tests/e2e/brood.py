"""Many lives of the exporter in little time: ``serve``, forked from a process that has loaded everything.

A start of Python with all that the exporter imports takes most of a second; a hundred of them would take
a minute of two cores. Here one process imports it once, and forks a child for each life that is asked for on
standard input. The child runs the program's own ``main`` with the arguments given: nothing in it is
different from a start by hand but the imports.
"""

import contextlib
import importlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.e2e.program import assert_no_secret, environment
from tests.state.watched_disk import Step, WatchedDisk

ROOT = Path(__file__).parents[2]


class Life:
    """One running exporter, which its test ends."""

    def __init__(self, pid: int, log: Path) -> None:
        self._pid = pid
        self._handle = os.pidfd_open(pid)
        self._log = log

    def ended(self, seconds: float) -> bool:
        """Wait for it to end by itself, and tell whether it has."""
        return bool(select.select([self._handle], [], [], seconds)[0])

    def end(self, number: signal.Signals, seconds: float = 10.0) -> None:
        """Send a signal, and return once the process is gone."""
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)
            assert self.ended(seconds), f"still there after {number.name}:\n{self._log.read_text()}"
        finally:
            os.close(self._handle)
        log = self._log.read_text()
        assert_no_secret(log)
        assert "Traceback" not in log, log


class Brood:
    """Starts exporters. Safe to use from several threads."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def start(self, log: Path, *arguments: str, fatal_write: int | None = None) -> Life:
        """Start ``glue-mv-exporter`` with these arguments; what it prints goes to ``log``.

        ``fatal_write``: it is killed right before its SQLite makes the write of this number, from 0.
        """
        log.touch(0o600)  # it may be killed before it opens that
        asked = {"log": str(log), "arguments": arguments, "fatal_write": fatal_write}
        request = json.dumps(asked).encode() + b"\n"
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            return Life(int(self._process.stdout.readline()), log)


@contextlib.contextmanager
def brood(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Brood]:
    """Load the exporter; on leaving, all that still runs of it is ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.brood"],
        cwd=ROOT,
        env=environment(folder, env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield Brood(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def die_at(fatal_write: int) -> None:
    """Kill this process right before its SQLite makes the write of this number."""
    numbers = itertools.count()

    def look(_step: Step) -> None:
        if next(numbers) == fatal_write:
            os.kill(os.getpid(), signal.SIGKILL)

    WatchedDisk(look)


def hatch(log: str, arguments: Sequence[str], fatal_write: int | None) -> int:
    """Fork a child that is the exporter, and return its process ID."""
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, number in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, number)
        if fatal_write is not None:
            die_at(fatal_write)
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
        print(hatch(**json.loads(line)), flush=True)  # noqa: T201 (its answer)


if __name__ == "__main__":
    main()
