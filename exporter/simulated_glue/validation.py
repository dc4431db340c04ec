"""Holds a request against the service model, as the service would: types, members, lengths, patterns."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from exporter.simulated_glue.errors import ServiceError, invalid_input

# The model writes the characters beyond the Basic Multilingual Plane as Java's surrogate pairs.
_SURROGATE_PAIRS = r"\uD800\uDC00-\uDBFF\uDFFF"
_BEYOND_BMP = r"\U00010000-\U0010FFFF"

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, str),
    "blob": (str,),
}


def validate(shape: Any, value: object) -> None:
    """Raise ServiceError unless the value (JSON) fits the botocore shape.

    ``SerializationException`` for a wrong JSON type, as all AWS JSON services answer;
    ``InvalidInputException`` with every broken constraint for the rest. Unknown members are ignored.
    """
    problems = list(_problems(shape, value, ""))
    if problems:
        plural = "error" if len(problems) == 1 else "errors"
        raise invalid_input(f"{len(problems)} validation {plural} detected: {'; '.join(problems)}")


def _problems(shape: Any, value: object, path: str) -> Iterator[str]:
    expected = _TYPES.get(shape.type_name, (object,))
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        found = type(value).__name__
        raise ServiceError("SerializationException", f"{path or 'Request'} cannot be a JSON {found}")
    if isinstance(value, dict):
        yield from _mapping_problems(shape, value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{index}.member")
    yield from _constraint_problems(shape, value, path)


def _mapping_problems(shape: Any, value: dict[str, object], path: str) -> Iterator[str]:
    if shape.type_name == "map":
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, item, f"{path}.{key}")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _problems(member, value[name], _join(path, name))


def _constraint_problems(shape: Any, value: object, path: str) -> Iterator[str]:
    failed = f"Value '{str(value)[:200]}' at '{path}' failed to satisfy constraint: Member must"
    size: float
    if isinstance(value, str | list | dict):
        size, quality = len(value), "have length"
    elif isinstance(value, int | float):
        size, quality = value, "have value"
    else:
        return
    metadata = shape.metadata
    if "min" in metadata and size < metadata["min"]:
        yield f"{failed} {quality} greater than or equal to {metadata['min']}"
    if "max" in metadata and size > metadata["max"]:
        yield f"{failed} {quality} less than or equal to {metadata['max']}"
    if not isinstance(value, str):
        return
    if "pattern" in metadata:
        pattern = _compiled(metadata["pattern"])
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{failed} satisfy regular expression pattern: {metadata['pattern']}"
    if shape.enum and value not in shape.enum:
        yield f"{failed} satisfy enum value set: [{', '.join(shape.enum)}]"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern for Python; None where Python cannot say it (Unicode categories)."""
    try:
        return re.compile(pattern.replace(_SURROGATE_PAIRS, _BEYOND_BMP))
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    """Write a member the way the service does: with a small first letter."""
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member
