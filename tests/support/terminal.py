"""The program on a terminal: what a user sees, escape sequences included."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest


class OnTerminal:
    """The program on a terminal of its own."""

    def __init__(self, *args: str, columns: int = 100) -> None:
        self._terminal, child = pty.openpty()
        environment = {**os.environ, "COLUMNS": str(columns), "LINES": "20", "TERM": "xterm"}
        command = [sys.executable, "-m", "exporter", *args]
        source = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env={**environment, "PYTHONPATH": source}
        )
        os.close(child)
        self.screen = ""

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read what is shown until it holds the text."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            if time.monotonic() > deadline:
                self.process.kill()
                pytest.fail(self.screen)
            self._read(0.1)

    def end(self, seconds: float = 60.0) -> int:
        """Return the exit status, once all that was shown has been read."""
        deadline = time.monotonic() + seconds
        while self._read(0.1) and time.monotonic() < deadline:
            pass
        status = self.process.wait(seconds)
        os.close(self._terminal)
        return status

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:
            return False  # how Linux says that nobody holds the other end
        self.screen += data.decode(errors="replace")
        return bool(data)
