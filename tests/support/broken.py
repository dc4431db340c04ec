"""The program, broken on purpose: ``python -m tests.support.broken WHAT FILE ARGUMENT…``.

While ``FILE`` exists, these raise MemoryError, which nothing in the program expects, and leave a line in it:
``poll``, where a poll reads listings, and ``publish``, where what has changed is published. And these
print ``held up`` and never return: ``commit``, which gets the first poll's outcome into the store, and so
leaves the store locked; ``stuck``, the same, when so much time seems to have passed that the poll loop
counts as stuck; ``load``, which reads the configuration. The arguments are those of the program.
"""

import importlib
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporter.cli.main import run
from exporter.clock import Clock
from exporter.poller.scheduler import STUCK_AFTER
from tests.support.clock import SteppedClock

PLACES: Mapping[str, tuple[str, str | None, str]] = {
    "poll": ("exporter.poller.poll", "TargetPoll", "_read_listings"),
    "publish": ("exporter.metrics.exposition", "Exposition", "apply"),
    "commit": ("exporter.metrics.exposition", "Exposition", "apply"),
    "stuck": ("exporter.metrics.exposition", "Exposition", "apply"),
    "load": ("exporter.config", None, "load"),
}
"""Module, class and function: the only names of the program's inside that these tests know."""


def fail(what: str, file: Path) -> None:
    if what in {"poll", "publish"}:
        with file.open("a") as lines:
            lines.write("raised\n")
        raise MemoryError
    if what == "stuck":
        clock = SteppedClock()
        clock.advance(STUCK_AFTER)
        setattr(Clock, "monotonic", lambda _: clock.monotonic())  # noqa: B010 (a method)
    print("held up", flush=True)  # noqa: T201 (the parent process waits for it)
    threading.Event().wait()


def is_polled(changes: Any) -> bool:
    return any(series and series.up is not None for series in changes.targets.values())


def break_down(what: str, file: Path) -> None:
    module, owner, name = PLACES[what]
    holder = importlib.import_module(module)
    if owner:
        holder = getattr(holder, owner)
    works = getattr(holder, name)

    def maybe(*arguments: Any, **named: Any) -> Any:
        if file.exists() and (what not in {"commit", "stuck"} or is_polled(arguments[1])):
            fail(what, file)
        return works(*arguments, **named)

    setattr(holder, name, maybe)


if __name__ == "__main__":
    break_down(sys.argv[1], Path(sys.argv[2]))
    sys.exit(run(sys.argv[3:]))
