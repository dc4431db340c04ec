"""Keeps a library that makes tables for people out of a program that runs for months."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without_rich() -> Iterator[None]:
    """Hide rich from structlog, which loads it for colours that no log line has: a tenth of all imports.

    Who imports rich after the block gets it.
    """
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # what the import system takes for "is not there"
    try:
        yield
    finally:
        del sys.modules["rich"]
