"""Colours, thresholds and words: the same thing looks the same on every panel."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
Meanings = Mapping[str, tuple[int, str]]
"""Words, the number that stands for each in a query, and its colour."""

_GREY = "#8e8e8e"
MONEY = "currencyUSD"
DASH = "\u2013"
STATUSES: Meanings = {
    "STARTING": (1, "light-blue"),
    "RUNNING": (2, "blue"),
    "SUCCEEDED": (3, "green"),
    "FAILED": (4, "red"),
    "STOPPED": (5, "purple"),
    "UNKNOWN": (6, _GREY),
}
REFRESH_TYPES: Meanings = {"FULL": (1, "orange"), "INCREMENTAL": (2, "blue"), "UNKNOWN": (3, _GREY)}
REASONS = {
    "access_denied": "red",
    "credentials": "dark-red",
    "throttled": "orange",
    "timeout": "yellow",
    "unavailable": "purple",
    "not_found": "light-blue",
    "invalid_input": "blue",
    "unexpected": _GREY,
}
"""Why requests to AWS fail."""
PROBLEMS = ("not read", "overdue", "stuck", "failing")
"""What can be wrong with a view, the worst last; the n-th of them is bit n of the problem's number."""


def words(meanings: Meanings) -> list[Json]:
    """Return the mappings that show numbers as these words, in these colours."""
    options = {
        str(number): {"text": word, "color": colour, "index": index}
        for index, (word, (number, colour)) in enumerate(meanings.items())
    }
    return [{"type": "value", "options": options}]


def yes_no(yes: str, no: str) -> list[Json]:
    """Return the mappings that show 1 and 0 as these words, in green and red."""
    return words({no: (0, "red"), yes: (1, "green")})


def problem_words() -> list[Json]:
    """Return what every sum of problems is called; whatever fails or is stuck is red, the rest is orange."""
    named = {}
    for number in range(1, 2 ** len(PROBLEMS)):
        parts = [name for bit, name in enumerate(PROBLEMS) if number >> bit & 1][::-1]
        named[", ".join(parts)] = (number, "red" if {"failing", "stuck"} & set(parts) else "orange")
    return words(named)


def thresholds(first: str, *steps: tuple[float, str]) -> Json:
    """Return thresholds: the first colour, and from each value on another one."""
    more = [{"color": colour, "value": value} for value, colour in steps]
    return {"mode": "absolute", "steps": [{"color": first, "value": None}, *more]}


GOOD_AT_ZERO = thresholds("green", (1, "red"))
"""For counts that should be 0."""
PLAIN = thresholds("text")
"""For numbers that are neither good nor bad."""


def override(name: str, **properties: Any) -> Json:
    """Return what is different about the field of this name; two underscores stand for a dot."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def in_colours(colours: Mapping[str, str] | Meanings) -> list[Json]:
    """Return the overrides that give series of these names their colours."""
    pairs = {name: value if isinstance(value, str) else value[1] for name, value in colours.items()}
    return [override(name, color={"mode": "fixed", "fixedColor": one}) for name, one in pairs.items()]
