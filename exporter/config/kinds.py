"""The kinds of values in a file. Each one validates a value and describes it for the JSON Schema."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar

from exporter.config.yaml_lines import Document, Location, Unusable

JsonSchema = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """What a value may be."""

    parse: Callable[..., Any]
    """Returns the value as the program uses it, or raises ValueError with a sentence.

    Where it has parts it is given its location and the document, too: what is wrong in a part is reported,
    and leaves None in its place.
    """
    schema: JsonSchema


def read(kind: Kind, value: object, at: Location, document: Document) -> Any:
    """Return a value of this kind, or None after a report: so everything wrong is reported at once."""
    if isinstance(value, Unusable):
        document.report(at, value.message)
    elif value is None and isinstance(at[-1], int):
        document.report(at, "an empty item: write something after the dash, or remove it")
    elif value is None:
        document.report(at, "has no value: write one, or remove the key")
    else:
        try:
            return kind.parse(value, at, document)
        except ValueError as error:
            document.report(at, str(error))
    return None


def must_be(wanted: type[T], words: str, value: object) -> T:
    """Return a value of the wanted type. Raises ValueError for any other."""
    if isinstance(value, wanted):
        return value
    raise ValueError(f"must be {words}, not {_type_of(value)}")


def _type_of(value: object) -> str:
    words = {bool: "true or false", int: "a number", float: "a fraction", str: "text", list: "a list"}
    return words.get(type(value), "a mapping")


def quoted(text: str) -> str:
    """Return a value that is not a secret for a message: printable, cut at 60 characters."""
    start = text[:60]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return f'"{shown}"' if start == text else f'"{shown}…"'


# Single values


def scalar(parse: Callable[[object], Any], schema: JsonSchema) -> Kind:
    """Return the kind of a single value; ``parse`` raises ValueError with what is wrong."""
    return Kind(lambda value, *_: parse(value), schema)


def as_text(value: object) -> str:
    """Return a value that is text. Raises ValueError with how to turn another one into text."""
    if value is True or value is False:
        raise ValueError(
            'YAML reads this as true or false (as it does yes, no, on and off): put it in "quotes"'
        )
    if type(value) in {int, float}:
        raise ValueError('YAML reads this as a number (and drops leading zeros): put it in "quotes"')
    return must_be(str, "text", value)


def text(
    expected: str = "",
    pattern: str | None = None,
    *,
    shortest: int = 0,
    longest: int | None = None,
    check: Callable[[str], None] = lambda _text: None,
) -> Kind:
    """Return the kind of text that a pattern matches and a check, which may raise ValueError, accepts.

    ``pattern``: in a syntax that Python and JSON Schema share. ``expected``: what to say where it does not
    match; ``{}`` stands for the value, where that is shown.
    """
    compiled = re.compile(re.sub(r"\$$", r"\\Z", pattern or ""))

    def parse(value: object) -> str:
        found = as_text(value)
        if len(found) < shortest:
            raise ValueError(f"is too short: at least {shortest} characters" if found else "is empty")
        if longest is not None and len(found) > longest:
            raise ValueError(f"is too long: at most {longest} characters")
        check(found)
        if not compiled.match(found):
            raise ValueError(expected.replace("{}", quoted(found)))
        return found

    schema = {"maxLength": longest, "minLength": shortest or None, "pattern": pattern, "type": "string"}
    return scalar(parse, {name: one for name, one in schema.items() if one is not None})


def choice(words: type[StrEnum]) -> Kind:
    """Return the kind of one of a few words."""

    def parse(value: object) -> StrEnum:
        found = as_text(value)
        if found not in list(words):
            raise ValueError(f"must be one of {', '.join(words)}")
        return words(found)

    return scalar(parse, {"enum": [str(word) for word in words]})


BOOLEAN: Final = scalar(lambda value: must_be(bool, "true or false", value), {"type": "boolean"})


def number(least: float, most: float, *, whole: bool = False) -> Kind:
    """Return the kind of a whole number, or of any finite one, within limits."""

    def parse(value: object) -> float:
        if isinstance(value, int if whole else int | float) and not isinstance(value, bool):
            if not least <= value <= most:
                raise ValueError(f"must be from {least} to {most}")
            return value if whole else float(value)
        raise ValueError(f"must be {'a whole number' if whole else 'a number'}, not {_type_of(value)}")

    return scalar(parse, {"maximum": most, "minimum": least, "type": "integer" if whole else "number"})


_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = r"^(?=[0-9])([0-9]{1,9}w)?([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration as Prometheus writes them. Raises ValueError with what to write."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"a duration needs its unit: write {text}s for seconds, or use m and h")
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise ValueError(
            f"not a valid duration: {quoted(text)}; write 30s, 5m or 1h30m "
            "(units w, d, h, m and s, the longest first)"
        )
    return float(sum(int(part[:-1]) * _SECONDS[part[-1]] for part in match.groups() if part))


def format_duration(seconds: float) -> str:
    """Return the shortest way to write whole seconds, in units up to days."""
    rest = int(seconds)
    written = ""
    for unit, size in _SECONDS.items():
        if unit != "w" and rest >= size:
            written += f"{rest // size}{unit}"
            rest %= size
    return written or "0s"


def duration(shortest: str, longest: str) -> Kind:
    """Return the kind of a duration, written ``1h30m``, within limits; its value is in seconds."""

    def parse(value: object) -> float:
        if type(value) not in {int, str}:
            raise ValueError(f"must be a duration such as 30s, not {_type_of(value)}")
        seconds = parse_duration(str(value))
        if not parse_duration(shortest) <= seconds <= parse_duration(longest):
            raise ValueError(f"is {value}: must be from {shortest} to {longest}")
        return seconds

    return scalar(parse, {"pattern": _DURATION, "type": "string"})


# Lists and mappings


def list_of(items: Kind, *, may_be_empty: bool = True) -> Kind:
    """Return the kind of a list. None in the place of each wrong item keeps the positions of the others."""

    def parse(value: object, at: Location, document: Document) -> list[Any]:
        found = must_be(list, "a list (each item on its own line, after a dash)", value)
        if not found and not may_be_empty:
            raise ValueError("is an empty list: write at least one item, or remove the key")
        return [read(items, item, (*at, index), document) for index, item in enumerate(found)]

    return Kind(parse, {"items": items.schema, **({} if may_be_empty else {"minItems": 1}), "type": "array"})


@dataclass(frozen=True)
class Key:
    """A known key of a mapping."""

    kind: Kind
    description: str = ""
    default: Any = None
    """As the file would write it, for the schema; None: there is none, or the description says it."""
    required: bool = False

    def schema(self) -> JsonSchema:
        """Describe the value."""
        default = {} if self.default is None else {"default": self.default}
        return {**self.kind.schema, "description": self.description, **default}


def section(
    keys: Mapping[str, Key],
    *,
    make: Callable[..., Any] = dict,
    description: str = "",
    hint: str = "a mapping of keys to values",
    explain: Callable[[str], str | None] = lambda _name: None,
    **schema: Any,
) -> Kind:
    """Return the kind of a mapping with known keys; it is None if a required one is missing or wrong.

    ``make``: is called with the values of the keys that are written. ``hint``: what must stand there.
    ``explain``: says of an unknown key what to do about it, if there is more to say than its name.
    ``schema``: what else the JSON Schema says.
    """
    required = [name for name, key in keys.items() if key.required]

    def parse(value: object, at: Location, document: Document) -> Any:
        written = must_be(dict, hint, value)
        values = {}
        meant: set[str] = set()
        for name, inner in written.items():
            if name in keys:
                values[name] = read(keys[name].kind, inner, (*at, name), document)
            else:
                near = get_close_matches(name.strip().lower().replace("-", "_"), keys, n=1)
                meant.update(near)
                guess = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
                document.report((*at, name), explain(name) or f"unknown key; {guess}")
        for name in required:
            if name not in written and name not in meant:
                document.report((*at, name), "is missing")
        return None if any(values.get(name) is None for name in required) else make(**values)

    schema |= {"additionalProperties": False, "description": description, "type": "object"}
    schema["properties"] = {name: key.schema() for name, key in keys.items()}
    if required:
        schema["required"] = required
    return Kind(parse, schema)
