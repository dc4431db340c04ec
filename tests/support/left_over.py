"""What a test may leave behind in its own process: nothing."""

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clock import eventually


def open_sockets() -> int:
    held = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            held += os.readlink(link).startswith("socket:")  # noqa: PTH115 (no path: socket:[1])
        except FileNotFoundError:  # that of the listing itself
            continue
    return held


@contextmanager
def nothing_left_over(*, threads: int = 0, sockets: int = 0) -> Iterator[None]:
    """Wait until the threads and sockets of the block are gone, but for so many; TimeoutError if not."""
    threads += threading.active_count()
    sockets += open_sockets()
    yield
    eventually(lambda: threading.active_count() <= threads)
    gc.collect()  # what an exception's traceback still holds
    eventually(lambda: open_sockets() <= sockets)
