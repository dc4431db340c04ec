"""Metric families as values, and their samples as lines of text.

A sample's line is the same in both formats; only the metadata differ.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from typing import Any, Generic, Literal, NamedTuple, NewType, TypeAlias, TypeVar

T = TypeVar("T")

Labels = NewType("Labels", str)
"""Label pairs without the braces around them, such as ``aws_region="eu-west-1",run_id="0f8f…"``."""

NO_LABELS = Labels("")


class Format(Enum):
    """The text formats, by their content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Elapsed(NamedTuple):
    """A value that grows with the clock: the seconds since a Unix time, at the moment of the scrape.

    0 where the clocks disagree. Only the last family of a table may have such values.
    """

    since: float


class Sample(NamedTuple):
    """One series and its value."""

    labels: Labels
    value: float | Elapsed
    suffix: str = ""
    """What follows the family's name: ``_bucket``, ``_count`` and ``_sum`` of a histogram."""


Samples: TypeAlias = Callable[[T, Labels], Iterable[Sample]]
"""Pure, of an item and the labels that its series have. A value that is not known yields no sample."""


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """One metric, defined once: the exposition and the reference page are both made from it."""

    name: str
    """As the samples have it: a counter's ends in ``_total``."""
    help: str
    """One line, with the unit."""
    labels: tuple[str, ...]
    """Label names, for the reference."""
    samples: Samples[T]
    type: Literal["gauge", "counter", "histogram"] = "gauge"


class LiveLine(NamedTuple):
    """A line whose value is only known at the scrape."""

    prefix: bytes
    """The line up to its value."""
    since: float


Lines: TypeAlias = tuple[bytes, ...]
"""An item's text: for each family of its table the item's lines, empty where it has no such series."""


class Rendered(NamedTuple):
    """One item (a run, a view, a target) as text."""

    lines: Lines
    live: tuple[LiveLine, ...] = ()
    """More lines of the table's last family."""


def labels(**values: str) -> Labels:
    """Write these labels, in this order."""
    return Labels(",".join([_pair(name, value) for name, value in values.items()]))


def joined(before: Labels, after: Labels) -> Labels:
    """Write some labels after others."""
    return Labels(f"{before},{after}" if before and after else before or after)


def escape(value: str) -> str:
    """Escape backslash, quote and line feed. Every other character stands for itself, control ones too."""
    return _escape_newlines(value).replace('"', '\\"')


def info(own: Labels, **values: str) -> Sequence[Sample]:
    """Return one sample of value 1 that says these things in further labels."""
    return (Sample(joined(own, labels(**values)), 1),)


def optional(own: Labels, value: float | None) -> Sequence[Sample]:
    """Return one sample, or none where the value is not known."""
    return () if value is None else (Sample(own, +value),)  # + makes 1 of true, and 0 of false


def histogram(own: Labels, bounds: Sequence[float], counts: Sequence[int], total: float) -> Iterator[Sample]:
    """Yield the samples of a histogram.

    ``counts`` are per bucket, not cumulative; the last is for all above the bounds. ``total`` is the sum of
    what was observed.
    """
    cumulative = list(accumulate(counts))
    for bound, count in zip((*map(float, bounds), "+Inf"), cumulative, strict=True):
        yield Sample(joined(own, labels(le=str(bound))), count, "_bucket")
    yield Sample(own, cumulative[-1], "_count")
    yield Sample(own, total, "_sum")


def render(families: Sequence[Family[T]], item: T, item_labels: Labels) -> Rendered:
    """Write the samples that the families read from the item."""
    lines: list[bytes] = []
    live: tuple[LiveLine, ...] = ()
    for family in families:
        if live:
            raise TypeError(f"{family.name} follows a family with values that grow with the clock")
        name, text = family.name, ""
        for own, value, suffix in family.samples(item, item_labels):
            series = f"{name}{suffix}{{{own}}}" if own else f"{name}{suffix}"
            if isinstance(value, Elapsed):
                live += (LiveLine(f"{series} ".encode(), value.since),)
            else:
                text += f"{series} {value!r}\n"
        lines.append(text.encode())
    return Rendered(tuple(lines), live)


def live_text(lines: Iterable[LiveLine], now: float) -> bytes:
    """Write the lines as they are ``now`` (Unix time), in whole milliseconds."""
    return b"".join([b"%b%.3f\n" % (prefix, max(0.0, now - since)) for prefix, since in lines])


def metadata(family: Family[Any], form: Format) -> bytes:
    """Return the HELP and TYPE lines of a family."""
    if form is Format.TEXT:
        name, text = family.name, _escape_newlines(family.help)
    else:
        name, text = family.name.removesuffix("_total"), escape(family.help)
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n".encode()


def exposition(families: Sequence[Family[Any]], items: Sequence[Rendered], form: Format) -> bytes:
    """Return all lines of some items, family by family; no family without a sample."""
    columns = zip(families, zip(*(item.lines for item in items), strict=True), strict=True) if items else ()
    return b"".join(
        [b"".join((metadata(family, form), *column)) for family, column in columns if any(column)]
    )


def _escape_newlines(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


@lru_cache(maxsize=1024)
def _pair(name: str, value: str) -> str:
    return f'{name}="{escape(value)}"'
