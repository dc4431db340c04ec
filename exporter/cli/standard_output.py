"""Standard output that cannot be written, a full disk say, as an error in one line."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.errors import ExporterError


@contextmanager
def standard_output() -> Iterator[None]:
    """Write to standard output within, and flush it. Raises ExporterError where it cannot be written."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # its reader has seen enough: click leaves silently
    except OSError as error:
        # What is left in the buffer would fail again when the interpreter ends, and change the exit status.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ExporterError(f"cannot write to standard output: {error.strerror}") from error
