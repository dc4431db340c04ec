"""How a daemon ends once everything is closed and written."""

import contextlib
import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End the process with this exit status, without taking it apart first.

    The interpreter would free every object and module one by one: that takes most of a second, on a busy
    machine several, and whoever waits for the program's end would kill it.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as for a program that was started without it
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
    os._exit(status)
