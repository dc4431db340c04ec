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


def encode(families: Sequence[Family[T]], item: T) -> Encoded:
    """Encode the samples that the families read from the item."""
    texts: list[str] = []
    growing: list[Growing] = []
    labelled: Any = item  # has labels, where a family reads one value or state of it
    for place, family in enumerate(families):
        samples = family.samples
        if isinstance(samples, OneValue):
            value = samples.value(item)
            if value is None:
                texts.append("")
                continue
            if not isinstance(value, Elapsed):
                texts.append(f"{family.name}{{{labelled.labels}}} {value!r}\n")
                continue
        elif isinstance(samples, OneState):
            states = samples.states(item)
            texts.append(f"{family.name}{{{labelled.labels}".join(states.rests) if states else "")
            continue
        elif isinstance(samples, SomeValues):
            values = samples.values(item)
            texts.append("" if values is None else _table(family.name, labelled.labels, samples.rows, values))
            continue
        text = ""
        for labels, value, suffix in samples(item):
            prefix = f"{family.name}{suffix}{{{labels}}} " if labels else f"{family.name}{suffix} "
            if isinstance(value, Elapsed):
                growing.append(Growing(place, _utf8(prefix), value))
            else:
                text += f"{prefix}{value!r}\n"
        texts.append(text)
    try:
        lines = tuple(map(str.encode, texts))
    except UnicodeEncodeError:
        lines = tuple(map(_utf8, texts))
    return Encoded(lines, tuple(growing))


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
