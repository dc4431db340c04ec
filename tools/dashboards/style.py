"""Colours, thresholds and words: the same thing looks the same on every panel."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

GREEN, RED, ORANGE, YELLOW, BLUE = "green", "red", "orange", "yellow", "blue"
LIGHT_BLUE, PURPLE, GREY = "light-blue", "purple", "#8e8e8e"
NEUTRAL = "text"

STATUSES: Mapping[str, tuple[int, str]] = {
    "STARTING": (1, LIGHT_BLUE),
    "RUNNING": (2, BLUE),
    "SUCCEEDED": (3, GREEN),
    "FAILED": (4, RED),
    "STOPPED": (5, PURPLE),
    "UNKNOWN": (6, GREY),
}
"""A run's statuses: the number that stands for each in a query, and its colour."""
REFRESH_TYPES: Mapping[str, tuple[int, str]] = {
    "FULL": (1, ORANGE),
    "INCREMENTAL": (2, BLUE),
    "UNKNOWN": (3, GREY),
}
REASONS: Mapping[str, str] = {
    "access_denied": RED,
    "credentials": "dark-red",
    "throttled": ORANGE,
    "timeout": YELLOW,
    "unavailable": PURPLE,
    "not_found": LIGHT_BLUE,
    "invalid_input": BLUE,
    "unexpected": GREY,
}
"""Why requests to AWS fail."""
YES_NO: Mapping[str, tuple[int, str]] = {"no": (0, RED), "yes": (1, GREEN)}

PROBLEMS = ("not read", "overdue", "stuck", "failing")
"""What can be wrong with a view, the worst last; the n-th of them is bit n of the problem's number."""


def words(meanings: Mapping[str, tuple[int, str]]) -> list[Json]:
    """Return the mappings that show numbers as these words, in these colours."""
    options = {
        str(number): {"text": word, "color": colour, "index": index}
        for index, (word, (number, colour)) in enumerate(meanings.items())
    }
    return [{"type": "value", "options": options}]


def problem_words() -> Mapping[str, tuple[int, str]]:
    """Return what every sum of problems is called; whatever fails or is stuck is red, the rest is orange."""
    named = {}
    for number in range(1, 2 ** len(PROBLEMS)):
        parts = [name for bit, name in enumerate(PROBLEMS) if number >> bit & 1][::-1]
        colour = RED if {"failing", "stuck"} & set(parts) else ORANGE
        named[", ".join(parts)] = (number, colour)
    return named


def thresholds(first: str, *steps: tuple[float, str]) -> Json:
    """Return thresholds: the first colour, and from each value on another one."""
    return {
        "mode": "absolute",
        "steps": [
            {"color": first, "value": None},
            *({"color": colour, "value": value} for value, colour in steps),
        ],
    }


GOOD_AT_ZERO = thresholds(GREEN, (1, RED))
"""For counts that should be 0."""
PLAIN = thresholds(NEUTRAL)
"""For numbers that are neither good nor bad."""


def colour_of_series(colours: Mapping[str, str]) -> list[Json]:
    """Return the overrides that give series of these names their colours."""
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in colours.items()
    ]


def colours(meanings: Mapping[str, tuple[int, str]]) -> Mapping[str, str]:
    """Return the colours alone."""
    return {word: colour for word, (_, colour) in meanings.items()}


def override(name: str, **properties: Any) -> Json:
    """Return what is different about the field of this name; two underscores stand for a dot."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }
