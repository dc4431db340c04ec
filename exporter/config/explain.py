"""What pydantic finds, said to the person who wrote the file. Never repeats a value."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from exporter.config import wording
from exporter.config.definition import AssumeRole, Configuration, Defaults, TargetEntry, ViewName, WatchedView
from exporter.config.document import Location
from exporter.config.values import EXPECTED, REGION_PATTERN

_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "": Configuration,
    "defaults": Defaults,
    "targets": TargetEntry,
    "assume_role": AssumeRole,
    "views": WatchedView,
    "exclude_views": ViewName,
}
"""By the key that they stand under."""
_HOMES: Final = {
    "": "at the top of the file",
    "targets": "in a target",
    "assume_role": "in assume_role",
    "views": "in an entry of views",
}
_SECRET: Final = re.compile(r"accesskey|secret|password|passwd|passphrase|token|credential|apikey|privatekey")
_ZONE: Final = re.compile(r"([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2})[a-z]\Z")


def explain(error: ErrorDetails) -> str:
    """Return a sentence for one validation error."""
    if error["type"] == "extra_forbidden":
        return unknown_key(error["loc"]) or error["msg"]
    say = _SENTENCES.get(error["type"])
    return say(error["input"], error.get("ctx", {})) if say else error["msg"]


def _number_kind(value: object) -> str:
    if isinstance(value, str):
        return 'text (numbers are written without "quotes")'
    return "a fraction" if isinstance(value, float) else wording.kind(value)


def _mismatch(value: object, context: Mapping[str, Any]) -> str:
    pattern: str = context["pattern"]
    zone = _ZONE.match(value) if pattern == REGION_PATTERN and isinstance(value, str) else None
    if zone:
        return f"is an availability zone: write its region, {zone.group(1)}"
    return EXPECTED[pattern]


_SENTENCES: Final[Mapping[str, Callable[[object, Mapping[str, Any]], str]]] = {
    "missing": lambda _value, _context: "is missing",
    "string_type": lambda value, _context: wording.not_text(value),
    "string_pattern_mismatch": _mismatch,
    "string_too_short": lambda value, context: (
        f"is too short: at least {context['min_length']} characters" if value else "is empty"
    ),
    "string_too_long": lambda _value, context: f"is too long: at most {context['max_length']} characters",
    "list_type": lambda value, _context: (
        f"must be a list, not {wording.kind(value)}: write each item on its own line, after a dash"
    ),
    "too_short": lambda _value, _context: "is an empty list: write at least one item, or remove the key",
    "dict_type": lambda value, _context: f"must be a mapping of keys to values, not {wording.kind(value)}",
    "model_type": lambda value, _context: f"must be a mapping of keys to values, not {wording.kind(value)}",
    "int_type": lambda value, _context: f"must be a whole number, not {_number_kind(value)}",
    "float_type": lambda value, _context: f"must be a number, not {_number_kind(value)}",
    "finite_number": lambda _value, _context: "must be a finite number",
    "greater_than_equal": lambda _value, context: f"must be {context['ge']:g} or more",
    "less_than_equal": lambda _value, context: f"must be {context['le']:g} or less",
}
"""By pydantic's type of the error, from the wrong value and the error's context. They show no value."""


def unknown_key(location: Location) -> str | None:
    """Return what to do about a key that the file's definition does not know; None if it does."""
    key = str(location[-1])
    parents = [step for step in location[:-1] if isinstance(step, str)]
    parent = parents[-1] if parents else ""
    if parent not in _MODELS or key in _MODELS[parent].model_fields:
        return None
    if _SECRET.search(re.sub(r"[^a-z]", "", key.partition(":")[0].lower())):
        return wording.CREDENTIALS
    if parent == "defaults" and key in TargetEntry.model_fields:
        return "cannot have a default: write it in each target"
    for home, place in _HOMES.items():
        if key in _MODELS[home].model_fields:
            return f"unknown key here; it belongs {place}"
    return nearest(key, list(_MODELS[parent].model_fields))


def nearest(key: str, known: list[str]) -> str:
    """Return what to do about an unknown key where these are known."""
    word, colon, _ = key.partition(":")
    if colon and word in known:
        return f"unknown key; a colon needs a blank after it: {word}: …"
    near = get_close_matches(word.strip().lower().replace("-", "_"), known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
