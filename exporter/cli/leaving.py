"""How a daemon ends once everything is closed and written."""

import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End the process with this exit status, without taking it apart first.

    The interpreter would free every object and module one by one: that takes most of a second, on a busy
    machine several, and whoever waits for the program's end would kill it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
