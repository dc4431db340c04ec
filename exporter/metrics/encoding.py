"""Families and samples as the lines of the two text formats.

A sample's line is the same in both formats; only the metadata differ.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias, TypeVar

from exporter.metrics.family import Elapsed, Family, OneState, OneValue, Row, SomeValues
from exporter.metrics.labels import Labels, escape, escape_newlines

T = TypeVar("T")

Lines: TypeAlias = tuple[bytes, ...]
"""An item's text: for each family of its table the item's whole lines, empty where it has no such series."""

_AS_THEY_ARE = frozenset({int, float})
"""Types of values that are written as Python writes them."""
_SURROGATES = re.compile("[\ud800-\udfff]")


class Format(Enum):
    """The text formats, by their content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Growing(NamedTuple):
    """A line whose value is only known at the scrape."""

    family: int
    """Its family's place in the table."""
    prefix: bytes
    """The line up to its value."""
    value: Elapsed


class Grown(NamedTuple):
    """Growing lines of one family, whose values are written at each scrape, all at once."""

    template: bytes
    since: Sequence[float]

    @classmethod
    def of(cls, lines: Sequence[Growing]) -> "Grown":
        """Make the text around the values; those are whole milliseconds."""
        return cls(
            b"".join([line.prefix.replace(b"%", b"%%") + b"%.3f\n" for line in lines]),
            [line.value.since for line in lines],
        )

    def at(self, now: float) -> bytes:
        """Return the lines as they are ``now`` (Unix time)."""
        return self.template % tuple([now - since if now > since else 0.0 for since in self.since])


class Encoded(NamedTuple):
    """One item (a run, a target) as text."""

    lines: Lines
    growing: tuple[Growing, ...]


class Column(NamedTuple):
    """One family's lines of several items, one after the other."""

    text: bytes
    lengths: Sequence[int]
    """How many bytes of it belong to each item."""

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Column":
        """Join each item's lines."""
        text = "".join(lines)
        if text.isascii():
            return cls(text.encode(), [len(of_item) for of_item in lines])
        encoded = [_utf8(of_item) for of_item in lines]
        return cls(b"".join(encoded), [len(of_item) for of_item in encoded])


def encode(families: Sequence[Family[T]], item: T) -> Encoded:
    """Encode the samples that the families read from the item."""
    growing: list[Growing] = []
    lines = [_lines(family, place, (item,), growing)[0] for place, family in enumerate(families)]
    try:
        return Encoded(tuple(map(str.encode, lines)), tuple(growing))
    except UnicodeEncodeError:
        return Encoded(tuple(map(_utf8, lines)), tuple(growing))


def encode_resting(families: Sequence[Family[T]], items: Sequence[T]) -> list[Column]:
    """Encode many items that have no growing lines, family by family: in half of the time of one by one."""
    return [Column.of(_lines(family, place, items, [])) for place, family in enumerate(families)]


def _lines(family: Family[T], place: int, items: Sequence[T], growing: list[Growing]) -> Sequence[str]:
    """Return each item's lines of a family, and add those to ``growing`` whose values grow."""
    name, samples = family.name, family.samples
    labelled: Sequence[Any] = items  # they have labels, where a family reads one value or state of them
    if isinstance(samples, OneValue):
        values = [samples.value(item) for item in items]
        if _AS_THEY_ARE.issuperset(map(type, values)):
            own = map(samples.labels, items)
            return [f"{name}{{{labels}}} {value!r}\n" for labels, value in zip(own, values, strict=True)]
    elif isinstance(samples, OneState):
        start = f"{name}{{"
        return [
            f"{start}{item.labels}".join(states.rests) if states else ""
            for item, states in zip(labelled, map(samples.states, items), strict=True)
        ]
    elif isinstance(samples, SomeValues):
        return [
            "" if values is None else _table(name, item.labels, samples.rows, values)
            for item, values in zip(labelled, map(samples.values, items), strict=True)
        ]
    return [_text(family, place, item, growing) for item in items]


def _text(family: Family[T], place: int, item: T, growing: list[Growing]) -> str:
    text = ""
    for labels, value, suffix in family.samples(item):
        prefix = f"{family.name}{suffix}{{{labels}}} " if labels else f"{family.name}{suffix} "
        if isinstance(value, Elapsed):
            growing.append(Growing(place, _utf8(prefix), value))
        else:
            text += f"{prefix}{value!r}\n"
    return text


def _table(name: str, own: Labels, rows: Sequence[Row], values: Sequence[float]) -> str:
    return "".join(
        [f"{name}{row.suffix}{{{own}{row.end}{value!r}\n" for row, value in zip(rows, values, strict=True)]
    )


def metadata(family: Family[Any], form: Format) -> bytes:
    """Return the HELP and TYPE lines of a family."""
    if form is Format.TEXT:
        name, text = family.name, escape_newlines(family.help)
    else:
        name, text = family.name.removesuffix("_total"), escape(family.help)
    return _utf8(f"# HELP {name} {text}\n# TYPE {name} {family.type}\n")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # JSON may spell half a surrogate pair, UTF-8 may not
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode()
