"""An exporter with an error put into it: ``python -m tests.support.unexpected_error PLACE FILE ARGUMENT…``.

While ``FILE`` exists, every call of the place raises MemoryError, which nothing in the program expects, and
leaves a line in the file. The arguments are those of the program.
"""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporter.cli.main import run

PLACES: Mapping[str, tuple[str, str, str]] = {
    # The last step of a poll's reading: module, class and method.
    "poll": ("exporter.poller.poll", "TargetPoll", "_read_one_by_one"),
    # Where what has changed is published.
    "publish": ("exporter.metrics", "Exposition", "apply"),
}
"""The only names of the program's inside that these tests know."""


def break_down(place: str, file: Path) -> None:
    """Let the place raise while the file exists."""
    module, owner, method = PLACES[place]
    cls = getattr(importlib.import_module(module), owner)
    works = getattr(cls, method)

    def maybe(*arguments: Any, **named: Any) -> Any:
        if file.exists():
            with file.open("a") as lines:
                lines.write("raised\n")
            raise MemoryError
        return works(*arguments, **named)

    setattr(cls, method, maybe)


if __name__ == "__main__":
    break_down(sys.argv[1], Path(sys.argv[2]))
    sys.exit(run(sys.argv[3:]))
