"""The part of JSON Schema that the configuration's schema uses; a keyword beyond it is an error."""

import re
from collections.abc import Callable, Iterator
from typing import Any

_ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples"}
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def schema_errors(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Return what is wrong with a value, as ``path: keyword``."""
    for keyword in schema.keys() - _ANNOTATIONS:
        expected = schema[keyword]
        if keyword in _COMBINED:
            if not _COMBINED[keyword](value, expected, root):
                yield f"{path}: {keyword}"
        elif keyword in _SINGLE:
            applies, holds = _SINGLE[keyword]
            if applies(value) and not holds(value, expected):
                yield f"{path}: {keyword}"
        else:
            for inner, inner_schema, inner_path in _inside(value, keyword, schema, root):
                yield from schema_errors(inner, inner_schema, root, path + inner_path)


def _inside(
    value: Any, keyword: str, schema: dict[str, Any], root: dict[str, Any]
) -> Iterator[tuple[Any, dict[str, Any], str]]:
    expected = schema[keyword]
    members = value if isinstance(value, dict) else {}
    match keyword:
        case "$ref":
            yield value, root["$defs"][expected.rsplit("/", 1)[1]], ""
        case "properties":
            yield from ((members[key], expected[key], f".{key}") for key in expected.keys() & members.keys())
        case "additionalProperties" if expected is False:
            unknown = members.keys() - schema["properties"].keys()
            yield from ((members[key], {"not": {}}, f".{key}") for key in unknown)
        case "items":
            items = value if isinstance(value, list) else []
            yield from ((item, expected, f"[{index}]") for index, item in enumerate(items))
        case _:
            raise NotImplementedError(keyword)


def _valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    return not any(schema_errors(value, schema, root))


_COMBINED: dict[str, Callable[[Any, Any, dict[str, Any]], bool]] = {
    "anyOf": lambda value, schemas, root: any(_valid(value, schema, root) for schema in schemas),
    "allOf": lambda value, schemas, root: all(_valid(value, schema, root) for schema in schemas),
    "not": lambda value, schema, root: not _valid(value, schema, root),
}
_SINGLE: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Any], bool]]] = {
    "type": (lambda _: True, lambda value, name: _TYPES[name](value)),
    "required": (_TYPES["object"], lambda value, keys: set(keys) <= value.keys()),
    "pattern": (_TYPES["string"], lambda value, pattern: re.search(pattern, value) is not None),
    "minLength": (_TYPES["string"], lambda value, length: len(value) >= length),
    "maxLength": (_TYPES["string"], lambda value, length: len(value) <= length),
    "minItems": (_TYPES["array"], lambda value, length: len(value) >= length),
    "minimum": (_TYPES["number"], lambda value, limit: value >= limit),
    "maximum": (_TYPES["number"], lambda value, limit: value <= limit),
}
