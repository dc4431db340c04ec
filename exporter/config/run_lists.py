"""Long lists of run IDs, taken out of a file's text before YAML is parsed.

PyYAML makes an event with two marks for each item: of 100,000 runs that is most of what it takes to load a
configuration. In the text that is parsed, one item stands for all that follow each other line by line; the
other lines are empty, so that all others keep their number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.config.values import RUN_ID_PATTERN

LEAST: Final = 1000
"""Runs. Of fewer, YAML itself is quick enough."""
MARK: Final = "run-list-"
"""What every item begins with that stands for others."""

_ID: Final = RUN_ID_PATTERN.strip("^$")
_LIST: Final = re.compile(f"^( *- )([\"']?){_ID}\\2\n(?:\\1\\2{_ID}\\2\n)*+", re.MULTILINE)
_ID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True)
class Shortened:
    """A text with items in the place of lists."""

    text: str
    lists: Mapping[str, list[str]]
    """The run IDs that each of the items stands for, one on each line from its own on."""


def shortened(text: str, *, least: int = LEAST) -> Shortened | None:
    """Return the text without lists of so many runs; None where there is nothing to gain.

    What looks like a list may be part of a longer text, or be wrong where it stands. Then an item comes back
    from YAML in another place than that of an item, or not as it was put in, or not at all.
    """
    if MARK in text:
        return None
    pieces: list[str] = []
    lists: dict[str, list[str]] = {}
    end = 0
    for found in _LIST.finditer(text):
        lines, before, quote = found[0], found[1], found[2]
        first = len(before + quote)
        width = first + _ID_LENGTH + len(quote) + 1
        count = len(lines) // width
        if count >= least:
            item = f"{MARK}{len(lists)}"
            lists[item] = [lines[at : at + _ID_LENGTH] for at in range(first, len(lines), width)]
            pieces += (text[end : found.start()], before, item, "\n" * count)
            end = found.end()
    return Shortened("".join((*pieces, text[end:])), lists) if lists else None
