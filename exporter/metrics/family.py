"""A metric family as a value: what it is called, what it means, and how to read it from a state."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import attrgetter
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from exporter.metrics.labels import NO_LABELS, Labels, joined, labels

T = TypeVar("T")

MetricType = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A value that grows with the clock: the seconds since a Unix time, at the moment of the scrape.

    0 where the clocks disagree.
    """

    since: float


class Sample(NamedTuple):
    """One series and its value."""

    labels: Labels
    value: float | Elapsed
    suffix: str = ""
    """What follows the family's name: ``_bucket``, ``_count`` and ``_sum`` of a histogram."""


class Labelled(Protocol):
    """An item that has labels of its own."""

    @property
    def labels(self) -> Labels:
        """What most of its series carry, and nothing else."""


I_contra = TypeVar("I_contra", bound=Labelled, contravariant=True)


@dataclass(frozen=True, slots=True)
class OneValue(Generic[I_contra]):
    """The samples of a family that has one series per item, by default under the item's own labels.

    Most are; encoding them by way of a sample takes three times as long.
    """

    value: Callable[[I_contra], float | Elapsed | None]
    """None where the item has no such series."""
    labels: Callable[[I_contra], Labels] = attrgetter("labels")

    def __call__(self, item: I_contra) -> Sequence[Sample]:
        """Return the sample, if there is one."""
        value = self.value(item)
        return () if value is None else (Sample(self.labels(item), value),)


class States(NamedTuple):
    """What some series of an item say, when it is the same for many items: which of some states one is in."""

    pairs: tuple[tuple[Labels, int], ...]
    """Labels after the item's own, and the value."""
    rests: tuple[str, ...]
    """What follows the item's own labels in each line; before the first line, nothing."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[Labels, int]]) -> "States":
        """Write what is the same for all items."""
        pairs = tuple(pairs)
        return cls(pairs, ("", *(f",{labels}}} {value}\n" for labels, value in pairs)))


@dataclass(frozen=True, slots=True)
class OneState(Generic[I_contra]):
    """The samples of a family that says in which of some states an item is."""

    states: Callable[[I_contra], States | None]
    """None where the item has no such series."""

    def __call__(self, item: I_contra) -> Sequence[Sample]:
        """Return the samples, one for each state."""
        states = self.states(item)
        return [Sample(joined(item.labels, state), value) for state, value in states.pairs] if states else ()


class Row(NamedTuple):
    """One of the series that every item has: what tells it from the others of its family."""

    labels: Labels
    """After the item's own; perhaps none."""
    suffix: str
    end: str
    """What follows the item's own labels, up to the value."""

    @classmethod
    def of(cls, more: Labels = NO_LABELS, suffix: str = "") -> "Row":
        """Write what is the same for all items."""
        return cls(more, suffix, f",{more}}} " if more else "} ")


@cache
def histogram_rows(bounds: tuple[float, ...]) -> tuple[Row, ...]:
    """Return the series of a histogram with these upper bounds."""
    buckets = [*(repr(float(bound)) for bound in bounds), "+Inf"]
    return (
        *(Row.of(labels(le=bucket), "_bucket") for bucket in buckets),
        Row.of(suffix="_count"),
        Row.of(suffix="_sum"),
    )


def histogram_values(counts: Sequence[int], total: float) -> Sequence[float]:
    """Return the values of these series.

    ``counts`` are per bucket, not cumulative; the last is for all above the bounds. ``total`` is the sum of
    what was observed.
    """
    cumulative = list(accumulate(counts))
    return [*cumulative, cumulative[-1], total]


@dataclass(frozen=True, slots=True)
class SomeValues(Generic[I_contra]):
    """The samples of a family that has the same series for every item, each with a value of its own."""

    rows: Sequence[Row]
    values: Callable[[I_contra], Sequence[float] | None]
    """One for each row; None where the item has no such series."""

    def __call__(self, item: I_contra) -> Sequence[Sample]:
        """Return the samples, one for each row."""
        values = self.values(item)
        if values is None:
            return ()
        return [
            Sample(joined(item.labels, row.labels), value, row.suffix)
            for row, value in zip(self.rows, values, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Generic[T]):
    """One metric, defined once: the exposition and the reference page are both made from it."""

    name: str
    """As the samples carry it: a counter's ends in ``_total``."""
    type: MetricType
    help: str
    """One line, with the unit."""
    labels: tuple[str, ...]
    """Label names, for the reference."""
    samples: Callable[[T], Iterable[Sample]]
    """Pure. A value that is not known yields no sample."""
    unit: str = ""
    """For the reference; empty for a count, a state or an info."""


def histogram_samples(
    own: Labels, bounds: tuple[float, ...], counts: Sequence[int], total: float
) -> Iterator[Sample]:
    """Yield the samples of one of several histograms that an item has."""
    for row, value in zip(histogram_rows(bounds), histogram_values(counts, total), strict=True):
        yield Sample(joined(own, row.labels), value, row.suffix)
