"""Text that both reference parsers read back as it was."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import Metric

from exporter.metrics.text import (
    NO_LABELS,
    Elapsed,
    Family,
    Format,
    LiveLine,
    Sample,
    info,
    labels,
    live_text,
    metadata,
    render,
)
from tests.support.run_series import read_openmetrics, read_text

VALUE_FAMILY: Family[float] = Family("some_value", "A value.", (), lambda value, own: [Sample(own, value)])
LABEL_FAMILY: Family[str] = Family(
    "some_info", "A label.", ("first", "second"), lambda value, own: info(own, first=value, second="x")
)
AGE_FAMILY: Family[float] = Family(
    "age_seconds", "Age.", ("a",), lambda since, _: [Sample(labels(a="b"), Elapsed(since))]
)


def parsed(text: str) -> list[list[Metric]]:
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
    text = metadata(LABEL_FAMILY, Format.TEXT) + render([LABEL_FAMILY], value, NO_LABELS).lines[0]
    for families in parsed(text.decode()):
        assert [(s.name, s.labels, s.value) for family in families for s in family.samples] == [
            ("some_info", {"first": value, "second": "x"}, 1)
        ]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
@example(0)
@example(0.0)
@example(1e-7)
@example(1.7e308)
@example(5e-324)
@example(2**63)
def test_any_number_reads_back_as_it_was(value: float) -> None:
    text = metadata(VALUE_FAMILY, Format.TEXT) + render([VALUE_FAMILY], value, NO_LABELS).lines[0]
    for families in parsed(text.decode()):
        assert [sample.value for family in families for sample in family.samples] == [value]


def test_an_elapsed_time_is_rendered_up_to_its_value() -> None:
    assert render([VALUE_FAMILY, AGE_FAMILY], 7.5, NO_LABELS) == (
        (b"some_value 7.5\n", b""),
        ((b'age_seconds{a="b"} ', 7.5),),
    )


def test_only_the_last_family_may_have_elapsed_times() -> None:
    """Their lines are sent after everything else, and a family's lines must stand together."""
    with pytest.raises(TypeError, match="some_value follows"):
        render([AGE_FAMILY, VALUE_FAMILY], 7.5, NO_LABELS)


def test_elapsed_times_are_written_one_a_line_and_are_never_negative() -> None:
    lines = [LiveLine(b'age{a="1 %"} ', 1.5), LiveLine(b'age{a="2"} ', 9.0)]
    assert live_text(lines, 5.0) == b'age{a="1 %"} 3.500\nage{a="2"} 0.000\n'


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
        samples=lambda count, _: [Sample(NO_LABELS, count)],
    )
    assert metadata(counter, form).decode() == expected
    text = expected + render([counter], 3, NO_LABELS).lines[0].decode()
    (family,) = read_text(text) if form is Format.TEXT else read_openmetrics(f"{text}# EOF\n")
    assert (family.name, family.type, family.documentation) == ("runs", "counter", counter.help)
    assert [(sample.name, sample.value) for sample in family.samples] == [("runs_total", 3)]
