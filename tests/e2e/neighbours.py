"""Starts the exporter's neighbours: Prometheus, Alertmanager and their like."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(folder: Path, *command: str) -> Iterator[None]:
    """Run a server with its ``log`` in this folder. Leaving the ``with`` block stops it.

    Raises AssertionError with the log where it has ended by itself.
    """
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(20)
