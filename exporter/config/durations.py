"""Durations as Prometheus writes them: ``30s``, ``5m``, ``1h30m``."""

import re
from typing import Final

UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Seconds in each, the longest first."""
PATTERN: Final = r"^(?=[0-9])([0-9]{1,9}w)?([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$"
"""Of the whole text, in a syntax that Python and JSON Schema share."""

_COMPILED: Final = re.compile(PATTERN.replace("$", r"\Z"))
_LONGEST_SHOWN: Final = 60
_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z")


def parse_duration(text: str) -> float:
    """Return the seconds that a duration stands for.

    Raises ValueError with a sentence that says what to write.
    """
    if _PLAIN_NUMBER.match(text):
        raise ValueError(f"a duration needs its unit: write {text}s for seconds, or use m and h")
    match = _COMPILED.match(text)
    if match is None:
        raise ValueError(
            f"not a valid duration: {quoted(text)}; write 30s, 5m or 1h30m "
            "(units w, d, h, m and s, the longest first)"
        )
    numbers = (int(part[:-1]) for part in match.groups("0?"))
    return float(sum(number * seconds for number, seconds in zip(numbers, UNITS.values(), strict=True)))


def format_duration(seconds: float) -> str:
    """Return the shortest way to write whole seconds."""
    rest = int(seconds)
    written = ""
    for unit, size in UNITS.items():
        if unit != "w" and rest >= size:
            written += f"{rest // size}{unit}"
            rest %= size
    return written or "0s"


def quoted(text: str) -> str:
    """Return a value that is not a secret for a message: printable, cut at 60 characters."""
    start = text[:_LONGEST_SHOWN]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return f'"{shown}"' if start == text else f'"{shown}…"'
