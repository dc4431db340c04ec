"""The kinds of values in a file. Each one validates a value and describes it for the JSON Schema.

:func:`read` returns the value as the program uses it, or reports what is wrong and returns None. So
everything wrong is reported at once, and what is right can be checked further.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, partial
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

from exporter.config.durations import PATTERN, format_duration, parse_duration, quoted
from exporter.config.yaml_lines import Document, Location, Unusable, kind

JsonSchema = dict[str, Any]


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: object, at: Location, document: Document) -> Any:
        """Return the value; raises ValueError with a sentence. What is wrong in its parts is reported."""

    def json_schema(self, definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Return the schema; those that it refers to are added to the definitions."""


def read(kind_: Kind, value: object, at: Location, document: Document) -> Any:
    """Return a value of this kind, or None after a report."""
    if isinstance(value, Unusable):
        document.report(at, value.message)
    elif value is None and isinstance(at[-1], int):
        document.report(at, "an empty item: write something after the dash, or remove it")
    elif value is None:
        document.report(at, "has no value: write one, or remove the key")
    else:
        try:
            return kind_.read(value, at, document)
        except ValueError as error:
            document.report(at, str(error))
    return None


T = TypeVar("T")


def must_be(wanted: type[T], words: str, value: object) -> T:
    """Return a value of the wanted type. Raises ValueError for any other."""
    if isinstance(value, wanted):
        return value
    raise ValueError(f"must be {words}, not {kind(value)}")


@dataclass(frozen=True)
class Scalar:
    """A single value."""

    parse: Callable[[object], Any]
    """Returns the value. Raises ValueError with a sentence that says what is wrong."""
    schema: JsonSchema

    def read(self, value: object, _at: Location, _document: Document) -> Any:
        """Return the value."""
        return self.parse(value)

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Return the schema."""
        return self.schema


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
) -> Scalar:
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
    return Scalar(parse, {name: one for name, one in schema.items() if one is not None})


def choice(words: type[StrEnum], refused: Mapping[str, str]) -> Scalar:
    """Return the kind of one of a few words. ``refused``: known ones that are not accepted, and why not."""

    def parse(value: object) -> StrEnum:
        found = as_text(value)
        if found not in list(words):
            raise ValueError(refused.get(found, f"must be one of {', '.join(words)}"))
        return words(found)

    return Scalar(parse, {"enum": [str(word) for word in words]})


BOOLEAN: Final = Scalar(partial(must_be, bool, "true or false"), {"type": "boolean"})


def number(least: float, most: float, *, whole: bool = False) -> Scalar:
    """Return the kind of a whole number, or of any finite one, within limits."""

    def parse(value: object) -> float:
        if isinstance(value, int if whole else int | float) and not isinstance(value, bool):
            if not least <= value <= most:
                raise ValueError(f"must be from {least} to {most}")
            return value if whole else float(value)
        raise ValueError(f"must be {'a whole number' if whole else 'a number'}, not {kind(value)}")

    return Scalar(parse, {"maximum": most, "minimum": least, "type": "integer" if whole else "number"})


def duration(shortest: str, longest: str) -> Scalar:
    """Return the kind of a duration, written ``1h30m``, within limits; its value is in seconds."""

    def parse(value: object) -> float:
        if type(value) not in {int, str}:
            raise ValueError(f"must be a duration such as 30s, not {kind(value)}")
        seconds = parse_duration(str(value))
        if not parse_duration(shortest) <= seconds <= parse_duration(longest):
            raise ValueError(f"is {format_duration(seconds)}: must be from {shortest} to {longest}")
        return seconds

    return Scalar(parse, {"pattern": PATTERN, "type": "string"})


@dataclass(frozen=True)
class MappingOf:
    """A mapping whose keys are the user's own."""

    hint: str
    """What must stand here."""
    kind_of: Callable[[str], Kind]
    """Returns the kind of a key's value. Raises ValueError for a key that cannot be."""

    def read(self, value: object, at: Location, document: Document) -> dict[str, Any]:
        """Return the values by key."""
        found = {}
        for name, inner in must_be(dict, self.hint, value).items():
            try:
                found[name] = read(self.kind_of(name), inner, (*at, name), document)
            except ValueError as error:
                document.report((*at, name), str(error))
        return found

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the type; only the web configuration, which has no schema, holds one."""
        return {"type": "object"}


@dataclass(frozen=True)
class ListOf:
    """A list. What is read keeps None in the place of each wrong item, so that positions stay."""

    items: Kind
    may_be_empty: bool = True

    def read(self, value: object, at: Location, document: Document) -> list[Any]:
        """Return the items."""
        items = must_be(list, "a list (each item on its own line, after a dash)", value)
        if not items and not self.may_be_empty:
            raise ValueError("is an empty list: write at least one item, or remove the key")
        return [read(self.items, item, (*at, index), document) for index, item in enumerate(items)]

    def json_schema(self, definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the items."""
        schema: JsonSchema = {"items": self.items.json_schema(definitions)}
        return {**schema, **({} if self.may_be_empty else {"minItems": 1}), "type": "array"}


_KEY: Final = "key"


@dataclass(frozen=True)
class _Key:
    kind: Kind
    schema: JsonSchema
    required: bool


def key(
    kind_: Kind, description: str = "", *, default: Any = None, required: bool = False, secret: bool = False
) -> Any:
    """Return a field of a :class:`Section`: one key of a mapping.

    ``default``: of a scalar, as the file would write it; of a list or a section, an empty one.
    """
    schema: JsonSchema = {"description": description}
    if isinstance(kind_, Scalar) and default is not None:
        schema["default"], default = default, kind_.parse(default)
    elif default is not None:
        schema["default"] = {} if isinstance(default, Section) else list(default)
    return field(default=default, repr=not secret, metadata={_KEY: _Key(kind_, schema, required)})


@dataclass(frozen=True, kw_only=True)
class Section:
    """A mapping with known keys; a subclass has one field for each, made by :func:`key`."""

    json_schema_extra: ClassVar[JsonSchema] = {}
    hint: ClassVar[str] = "a mapping of keys to values"
    """What must stand here."""

    written: frozenset[str] = frozenset()
    """The keys that the file has."""
    wrong: frozenset[str] = frozenset()
    """Those in whose values something is wrong."""

    @classmethod
    @cache
    def known(cls) -> Mapping[str, _Key]:
        """Return the known keys, in the order in which they are defined."""
        return {one.name: one.metadata[_KEY] for one in fields(cls) if _KEY in one.metadata}

    @classmethod
    def unknown_key(cls, name: str) -> str:
        """Return what to do about a key that is not known."""
        known = list(cls.known())
        near = get_close_matches(name.strip().lower().replace("-", "_"), known, n=1)
        return "unknown key; " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}")

    @classmethod
    def read(cls, value: object, at: Location, document: Document) -> Self | None:
        """Return the section; None if a required key is missing or wrong."""
        mapping = must_be(dict, cls.hint, value)
        known = cls.known()
        values: dict[str, Any] = {}
        wrong_keys = {name for name, one in known.items() if one.required and name not in mapping}
        for name in wrong_keys:
            document.report((*at, name), "is missing")
        for name, inner in mapping.items():
            before = len(document.problems)
            if name not in known:
                document.report((*at, name), cls.unknown_key(name))
            else:
                values[name] = read(known[name].kind, inner, (*at, name), document)
            if len(document.problems) > before:
                wrong_keys.add(name)
        if any(known[name].required and values.get(name) is None for name in known):
            return None
        right = {name: one for name, one in values.items() if one is not None}
        return cls(**right, written=frozenset(mapping), wrong=frozenset(wrong_keys))

    @classmethod
    def json_schema(cls, definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the section among the definitions, and refer to it."""
        required = [name for name, one in cls.known().items() if one.required]
        definitions[cls.__name__] = {
            "additionalProperties": False,
            **cls.json_schema_extra,
            "description": cls.__doc__,
            "properties": {
                name: {**one.schema, **one.kind.json_schema(definitions)} for name, one in cls.known().items()
            },
            **({"required": required} if required else {}),
            "type": "object",
        }
        return {"$ref": f"#/$defs/{cls.__name__}"}
