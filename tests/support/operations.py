"""Counts what a piece of work does: figures that are the same on every machine, however busy it is."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from exporter.metrics import blocks, text


@dataclass(slots=True)
class Operations:
    """What was done meanwhile, on this thread."""

    calls: int = 0
    """Of any function, of Python's own ones, too."""
    items_encoded: int = 0
    """Runs, views and targets whose lines were written."""
    bytes_encoded: int = 0
    bytes_compressed: int = 0
    """Of plain text."""


@contextmanager
def counted() -> Iterator[Operations]:
    found = Operations()
    render, deflate = text.render.__code__, blocks.deflate.__code__

    def note(frame: FrameType, event: str, result: Any) -> None:
        if event in {"call", "c_call"}:
            found.calls += 1
        elif event == "return" and result is not None:
            if frame.f_code is render:
                found.items_encoded += 1
                found.bytes_encoded += sum(map(len, result.lines))
            elif frame.f_code is deflate:
                found.bytes_compressed += result.length

    # What earlier tests have left would be finalized meanwhile, by calls that count.
    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        gc.enable()
