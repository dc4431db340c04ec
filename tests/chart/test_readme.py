"""The chart's README: its tables are those of values.yaml, and every value is explained there."""

import re
from pathlib import Path

import pytest

from tests.chart.charts import CHART, SETS
from tests.chart.readme import UndocumentedError, generated

README = CHART / "README.md"
VALUES = CHART / "values.yaml"


def test_its_tables_are_those_of_the_values() -> None:
    """`make chart-readme` writes them."""
    assert generated(VALUES, README) == README.read_text()


def test_a_value_without_an_explanation_is_an_error(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(VALUES.read_text() + "undocumented: 1\n")
    with pytest.raises(UndocumentedError, match="undocumented"):
        generated(values, README)


def test_an_explanation_without_a_value_is_an_error(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(VALUES.read_text() + "## @param gone No longer there\n")
    with pytest.raises(UndocumentedError, match="gone"):
        generated(values, README)


def test_every_value_set_is_named_and_no_other() -> None:
    assert set(re.findall(r"`([a-z-]+)-values\.yaml`", README.read_text())) == set(SETS)
