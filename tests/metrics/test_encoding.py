"""Text that both reference parsers read back as it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import Metric

from exporter.metrics.encoding import Format, Growing, Grown, encode, encode_resting, metadata
from exporter.metrics.family import Elapsed, Family, OneState, OneValue, Row, Sample, SomeValues, States
from exporter.metrics.labels import NO_LABELS, Labels, labels
from tests.support.run_series import read_openmetrics, read_text

VALUE_FAMILY: Family[float] = Family(
    name="some_value",
    type="gauge",
    help="A value.",
    labels=(),
    samples=lambda value: [Sample(NO_LABELS, value)],
)
LABEL_FAMILY: Family[str] = Family(
    name="some_info",
    type="gauge",
    help="A label.",
    labels=("first", "second"),
    samples=lambda value: [Sample(labels(first=value, second="x"), 1)],
)


def parsed(text: str) -> list[list[Metric]]:
    """Return the families that each of the parsers reads."""
    return [read_text(text), read_openmetrics(f"{text}# EOF\n")]


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('back\\slash, "quote", line\nfeed')
@example("\\n")
@example("\\")
@example("\r")
@example("a\r\nb")
@example("\x00\x01\x1f\x7f\x85\u2028\u2029\ufeff\ufffe")
@example('}{,=" # {a="b"} 1')
@example(" leading and trailing ")
def test_any_label_value_reads_back_as_it_was(value: str) -> None:
    """Both formats allow every character: three are escaped, the others stand for themselves."""
    text = metadata(LABEL_FAMILY, Format.TEXT) + encode([LABEL_FAMILY], value).lines[0]
    for families in parsed(text.decode()):
        assert [(s.name, s.labels, s.value) for family in families for s in family.samples] == [
            ("some_info", {"first": value, "second": "x"}, 1)
        ]


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_half_a_surrogate_pair_becomes_the_replacement_character(value: str) -> None:
    """JSON can spell it, UTF-8 cannot."""
    expected = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in value)
    line = f'some_info{{first="{expected}",second="x"}} 1\n'
    assert encode([LABEL_FAMILY], value).lines[0].decode() == line


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
@example(0)
@example(0.0)
@example(1e-7)
@example(1.7e308)
@example(5e-324)
@example(2**63)
def test_any_number_reads_back_as_it_was(value: float) -> None:
    """Whole numbers stay whole, others are as short as they can be without loss."""
    text = metadata(VALUE_FAMILY, Format.TEXT) + encode([VALUE_FAMILY], value).lines[0]
    for families in parsed(text.decode()):
        assert [sample.value for family in families for sample in family.samples] == [value]


class Lamp(NamedTuple):
    """An item with labels of its own, and perhaps a state."""

    labels: Labels
    states: States | None


def states_of(lamp: Lamp) -> States | None:
    """Return what its series say."""
    return lamp.states


def test_an_items_states_are_encoded_as_their_samples_are() -> None:
    """At once, from what is the same for all items."""
    at_once: Family[Lamp] = Family(
        name="lamp", type="gauge", help="Lamp.", labels=("a", "state"), samples=OneState(states_of)
    )
    one_by_one = replace(at_once, samples=OneState(states_of).__call__)
    states = States.of((labels(state=state), int(state == "on")) for state in ("off", "on"))
    lit, unknown = Lamp(labels(a="b"), states), Lamp(labels(a="b"), None)
    for family in (at_once, one_by_one):
        assert encode([family], lit).lines == (b'lamp{a="b",state="off"} 0\nlamp{a="b",state="on"} 1\n',)
        assert encode([family], unknown).lines == (b"",)


class Purse(NamedTuple):
    """An item with labels of its own, and perhaps some values."""

    labels: Labels
    coins: Sequence[float] | None


def coins_of(purse: Purse) -> Sequence[float] | None:
    """Return the values of its series."""
    return purse.coins


def test_an_items_values_are_encoded_as_their_samples_are() -> None:
    """At once, in lines whose labels are the same for all items."""
    rows = [Row.of(labels(coin="%d")), Row.of(labels(coin='"'), "_bucket"), Row.of(suffix="_sum")]
    at_once: Family[Purse] = Family(
        name="purse",
        type="gauge",
        help="Purse.",
        labels=("a", "coin"),
        samples=SomeValues(rows, coins_of),
    )
    one_by_one = replace(at_once, samples=SomeValues(rows, coins_of).__call__)
    full, unknown = Purse(labels(a="b"), [2, 0.5, 1e20]), Purse(labels(a="b"), None)
    text = b'purse{a="b",coin="%d"} 2\npurse_bucket{a="b",coin="\\""} 0.5\npurse_sum{a="b"} 1e+20\n'
    for family in (at_once, one_by_one):
        assert encode([family], full).lines == (text,)
        assert encode([family], unknown).lines == (b"",)
        with pytest.raises(ValueError, match="zip"):
            encode([family], Purse(labels(a="b"), [1]))


def test_an_elapsed_time_is_encoded_up_to_its_value() -> None:
    """The value follows at the scrape."""
    family: Family[float] = Family(
        name="age_seconds",
        type="gauge",
        help="Age.",
        labels=("a",),
        samples=lambda since: [Sample(labels(a="b"), Elapsed(since))],
    )
    encoded = encode([VALUE_FAMILY, family], 7.5)
    assert encoded.lines == (b"some_value 7.5\n", b"")
    assert encoded.growing == ((1, b'age_seconds{a="b"} ', Elapsed(7.5)),)


def test_elapsed_times_are_written_one_a_line_and_are_never_negative() -> None:
    growing = [Growing(0, b'age{a="1 %"} ', Elapsed(1.5)), Growing(0, b'age{a="2"} ', Elapsed(9.0))]
    assert Grown.of(growing).at(5.0) == b'age{a="1 %"} 3.500\nage{a="2"} 0.000\n'


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            Format.TEXT,
            '# HELP runs_total A \\\\ and a "quote",\\nin two lines.\n# TYPE runs_total counter\n',
        ),
        (
            Format.OPENMETRICS,
            '# HELP runs A \\\\ and a \\"quote\\",\\nin two lines.\n# TYPE runs counter\n',
        ),
    ],
)
def test_metadata_are_what_the_formats_differ_in(form: Format, expected: str) -> None:
    """OpenMetrics names a counter without its suffix, and escapes quotes in HELP."""
    counter: Family[int] = Family(
        name="runs_total",
        type="counter",
        help='A \\ and a "quote",\nin two lines.',
        labels=(),
        samples=lambda count: [Sample(NO_LABELS, count)],
    )
    assert metadata(counter, form).decode() == expected
    text = expected + encode([counter], 3).lines[0].decode()
    (family,) = read_text(text) if form is Format.TEXT else read_openmetrics(f"{text}# EOF\n")
    assert (family.name, family.type, family.documentation) == ("runs", "counter", counter.help)
    assert [(sample.name, sample.value) for sample in family.samples] == [("runs_total", 3)]


class Scale(NamedTuple):
    """An item that may have a value."""

    labels: Labels
    value: float | None


def value_of(scale: Scale) -> float | None:
    """Return what it shows."""
    return scale.value


SCALE: Family[Scale] = Family(
    name="weight",
    type="gauge",
    help="A value.",
    labels=("a",),
    samples=OneValue(value_of),
)


@given(st.lists(st.text(), min_size=1))
@example(["plain"])
@example(["plain", "\xe4", "\ud800", ""])
def test_items_that_rest_are_the_same_together_as_one_by_one(values: list[str]) -> None:
    scales = [Scale(labels(a=value), len(value) or None) for value in values]
    families = [SCALE, replace(SCALE, samples=lambda scale: [Sample(scale.labels, 1)])]
    one_by_one = zip(*(encode(families, scale).lines for scale in scales), strict=True)
    for column, lines in zip(encode_resting(families, scales), one_by_one, strict=True):
        assert column.text == b"".join(lines)
        assert list(column.lengths) == list(map(len, lines))


def test_an_item_without_a_value_has_no_line_among_others() -> None:
    own = labels(a="b")
    (column,) = encode_resting([SCALE], [Scale(own, 1.5), Scale(own, None), Scale(own, 2)])
    assert column.text == b'weight{a="b"} 1.5\nweight{a="b"} 2\n'
    assert list(column.lengths) == [18, 0, 16]
