"""Families and samples as the lines of the two text formats.

A sample's line is the same in both formats; only the metadata differ.
"""

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

from exporter.metrics.family import Elapsed, Family, Labels

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


class Encoded(NamedTuple):
    """One item (a run, a target) as text."""

    lines: Lines
    growing: tuple[Growing, ...]


def encode(families: Sequence[Family[T]], item: T) -> Encoded:
    """Encode the samples that the families read from the item."""
    lines: list[bytes] = []
    growing: list[Growing] = []
    for place, family in enumerate(families):
        fixed: list[str] = []
        for labels, value, suffix in family.samples(item):
            prefix = f"{family.name}{suffix}{_braces(labels)} "
            if isinstance(value, Elapsed):
                growing.append(Growing(place, _utf8(prefix), value))
            else:
                fixed.append(f"{prefix}{value!r}\n")
        lines.append(_utf8("".join(fixed)))
    return Encoded(tuple(lines), tuple(growing))


def growing_lines(growing: Sequence[Growing], now: float) -> bytes:
    """Render lines whose values depend on the clock."""
    return b"".join(b"%b%a\n" % (prefix, value.at(now)) for _, prefix, value in growing)


def metadata(family: Family[Any], form: Format) -> bytes:
    """Return the HELP and TYPE lines of a family."""
    if form is Format.TEXT:
        name, text = family.name, _escape_newlines(family.help)
    else:
        name, text = family.name.removesuffix("_total"), escape_label_value(family.help)
    return _utf8(f"# HELP {name} {text}\n# TYPE {name} {family.type}\n")


def escape_label_value(value: str) -> str:
    """Escape backslash, quote and line feed. Every other character stands for itself, control ones too."""
    return _escape_newlines(value).replace('"', '\\"')


def _escape_newlines(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join([_label(name, value) for name, value in labels]) + "}"


# An item's labels come again in every one of its samples, and most of them in the next item.
@lru_cache(maxsize=1024)
def _label(name: str, value: str) -> str:
    return f'{name}="{escape_label_value(value)}"'


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # JSON may spell half a surrogate pair, UTF-8 may not
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode()
