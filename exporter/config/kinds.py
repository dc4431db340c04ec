"""The kinds of values in a file. Each one validates a value and describes it for the JSON Schema.

``read`` returns the value as the program uses it, or reports to the document what is wrong and returns None.
So everything that is wrong is reported at once, and what is right can be checked further.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, cached_property
from math import isfinite
from typing import Any, ClassVar, Final, Protocol, Self

from exporter.config.durations import PATTERN, format_duration, parse_duration, quoted
from exporter.config.yaml_lines import Document, Location, Unusable, YamlList, YamlMapping, kind

JsonSchema = dict[str, Any]


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: object, at: Location, document: Document) -> Any:
        """Return the value, or None after a report."""

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
        return kind_.read(value, at, document)
    return None


def not_text(value: object) -> str:
    """Return how to turn a value into the text that it should be."""
    match value:
        case bool():
            return 'YAML reads this as true or false (as it does yes, no, on and off): put it in "quotes"'
        case int() | float():
            return 'YAML reads this as a number (and drops leading zeros): put it in "quotes"'
        case _:
            return f"must be text, not {kind(value)}"


class _Scalar(ABC):
    @abstractmethod
    def parse(self, value: object) -> Any:
        """Return the value. Raises ValueError with a sentence that says what is wrong."""

    def read(self, value: object, at: Location, document: Document) -> Any:
        """Return the value, or None after a report."""
        try:
            return self.parse(value)
        except ValueError as error:
            document.report(at, str(error))
            return None


@dataclass(frozen=True)
class Text(_Scalar):
    """Text that a pattern matches and a check accepts."""

    expected: str = ""
    """What to say where the pattern does not match; ``{}`` stands for the value, where that is shown."""
    pattern: str | None = None
    """In a syntax that Python and JSON Schema share."""
    shortest: int = 0
    longest: int | None = None
    check: Callable[[str], None] = lambda _text: None
    """Raises ValueError where something else is wrong with the text."""

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\$$", r"\\Z", self.pattern or ""))

    def parse(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError(not_text(value))  # noqa: TRY004 (as all that is wrong in a file)
        if len(value) < self.shortest:
            raise ValueError(f"is too short: at least {self.shortest} characters" if value else "is empty")
        if self.longest is not None and len(value) > self.longest:
            raise ValueError(f"is too long: at most {self.longest} characters")
        self.check(value)
        if not self._compiled.match(value):
            raise ValueError(self.expected.format(quoted(value)))
        return value

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe pattern and lengths; a check is beyond JSON Schema."""
        schema: JsonSchema = {} if self.longest is None else {"maxLength": self.longest}
        schema |= {"minLength": self.shortest} if self.shortest else {}
        schema |= {"pattern": self.pattern} if self.pattern else {}
        return {**schema, "type": "string"}


@dataclass(frozen=True)
class Choice(_Scalar):
    """One of a few words."""

    words: type[StrEnum]
    refused: Mapping[str, str]
    """Known words that are not accepted, each with its reason."""

    def parse(self, value: object) -> StrEnum:
        """Return the word."""
        if not isinstance(value, str):
            raise ValueError(not_text(value))  # noqa: TRY004 (as all that is wrong in a file)
        if value not in list(self.words):
            raise ValueError(self.refused.get(value, f"must be one of {', '.join(self.words)}"))
        return self.words(value)

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """List the words."""
        return {"enum": [str(word) for word in self.words]}


@dataclass(frozen=True)
class Boolean(_Scalar):
    """True or false."""

    def parse(self, value: object) -> bool:
        """Return the value."""
        if not isinstance(value, bool):
            written = 'text (true and false are written without "quotes")'
            found = written if isinstance(value, str) else kind(value)
            raise ValueError(f"must be true or false, not {found}")  # noqa: TRY004 (as above)
        return value

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the type."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number(_Scalar):
    """A whole number, or any finite one, within limits."""

    least: float
    most: float
    whole: bool = False

    def parse(self, value: object) -> float:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            found = {str: 'text (numbers are written without "quotes")', float: "a fraction"}
            wanted = "a whole number" if self.whole else "a number"
            raise ValueError(f"must be {wanted}, not {found.get(type(value), kind(value))}")  # noqa: TRY004
        number = value if self.whole else float(value)
        if not isfinite(number):
            raise ValueError("must be a finite number")
        if number < self.least:
            raise ValueError(f"must be {self.least:g} or more")
        if number > self.most:
            raise ValueError(f"must be {self.most:g} or less")
        return number

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the limits."""
        return {
            "maximum": self.most,
            "minimum": self.least,
            "type": "integer" if self.whole else "number",
        }


@dataclass(frozen=True)
class Duration(_Scalar):
    """A duration, written ``1h30m``, within limits that are written the same; its value is in seconds."""

    shortest: str
    longest: str

    def parse(self, value: object) -> float:
        """Return the seconds."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError(f"must be a duration such as 30s, not {kind(value)}")  # noqa: TRY004 (as above)
        seconds = parse_duration(value)
        if not parse_duration(self.shortest) <= seconds <= parse_duration(self.longest):
            raise ValueError(f"is {format_duration(seconds)}: must be from {self.shortest} to {self.longest}")
        return seconds

    def json_schema(self, _definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the pattern; limits in seconds are beyond JSON Schema."""
        return {"pattern": PATTERN, "type": "string"}


@dataclass(frozen=True)
class ListOf:
    """A list. What is read keeps None in the place of each wrong item, so that positions stay."""

    items: Kind
    may_be_empty: bool = True

    def read(self, value: object, at: Location, document: Document) -> list[Any] | None:
        """Return the items."""
        if not isinstance(value, YamlList):
            document.report(
                at, f"must be a list, not {kind(value)}: write each item on its own line, after a dash"
            )
            return None
        if not value and not self.may_be_empty:
            document.report(at, "is an empty list: write at least one item, or remove the key")
            return None
        return [read(self.items, item, (*at, index), document) for index, item in enumerate(value)]

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
    kind_: Kind,
    description: str = "",
    *,
    default: Any = None,
    shown_default: Any = None,
    examples: Sequence[Any] = (),
    required: bool = False,
    secret: bool = False,
) -> Any:
    """Return a field of a :class:`Section`: one key of a mapping."""
    shown_default = default if shown_default is None else shown_default
    schema: JsonSchema = {} if shown_default is None else {"default": shown_default}
    schema |= {"description": description} if description else {}
    schema |= {"examples": list(examples)} if examples else {}
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
        return nearest(name, list(cls.known()))

    @classmethod
    def read(cls, value: object, at: Location, document: Document) -> Self | None:
        """Return the section; None if a required key is missing or wrong."""
        if not isinstance(value, YamlMapping):
            document.report(at, f"must be {cls.hint}, not {kind(value)}")
            return None
        known = cls.known()
        values: dict[str, Any] = {}
        wrong_keys = {name for name, one in known.items() if one.required and name not in value}
        for name in wrong_keys:
            document.report((*at, name), "is missing")
        for name, inner in value.items():
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
        return cls(**right, written=frozenset(value), wrong=frozenset(wrong_keys))

    @classmethod
    def json_schema(cls, definitions: dict[str, JsonSchema]) -> JsonSchema:
        """Describe the section among the definitions, and refer to it."""
        if cls.__name__ not in definitions:
            definitions[cls.__name__] = {}  # its place in the order
            definitions[cls.__name__] = cls.described(definitions, cls.__name__)
        return {"$ref": f"#/$defs/{cls.__name__}"}

    @classmethod
    def described(cls, definitions: dict[str, JsonSchema], title: str) -> JsonSchema:
        """Describe the keys."""
        required = [name for name, one in cls.known().items() if one.required]
        return {
            "additionalProperties": False,
            **cls.json_schema_extra,
            "description": cls.__doc__,
            "properties": {
                name: {**one.schema, **one.kind.json_schema(definitions)} for name, one in cls.known().items()
            },
            **({"required": required} if required else {}),
            "title": title,
            "type": "object",
        }


def nearest(name: str, known: Sequence[str]) -> str:
    """Return what to do about an unknown key where these are known."""
    word, colon, _ = name.partition(":")
    if colon and word in known:
        return f"unknown key; a colon needs a blank after it: {word}: …"
    near = get_close_matches(word.strip().lower().replace("-", "_"), known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
