"""Thousands of views by their names: what a check costs grows with their number, not with its square."""

import json
import time
from typing import Any

import pytest

from exporter import config
from exporter.config.checks import MOST_COMPARISONS
from exporter.config.yaml_lines import MOST_VALUES
from exporter.errors import ConfigurationError
from tests.support.operations import counted

PLACE = {"aws_region": "eu-west-1", "catalog_id": "123456789012"}


def names(count: int, table: str = "view") -> list[str]:
    """Return so many names, in a hundred databases."""
    return [f"db_{number % 100}.{table}_{number}" for number in range(count)]


def load(*targets: dict[str, Any]) -> config.LoadedConfiguration:
    """Load a configuration of these targets, all of one catalog."""
    entries = [{"name": f"target {number}", **PLACE, **target} for number, target in enumerate(targets)]
    return config.parse(json.dumps({"targets": entries}, indent=1).encode(), "config.yaml")


OTHERS: dict[str, dict[str, Any]] = {
    "other names": {"views": names(5000, "other")},
    "all but these names": {"views": ["*.*"], "exclude_views": names(5000)},
    "other databases": {"views": [f"team_{number}_*.*" for number in range(250)]},
    "other tables": {"views": [f"db_{number % 100}.tmp_{number}_*" for number in range(250)]},
}


@pytest.mark.parametrize("other", OTHERS)
def test_twice_as_many_names_are_twice_the_work(other: str) -> None:
    calls = []
    for count in (1000, 2000):
        targets = {"views": names(count)}, OTHERS[other]
        with counted() as done:
            assert load(*targets).warnings == load(*reversed(targets)).warnings == ()
        calls.append(done.calls)
    assert calls[1] < 2.2 * calls[0]


def test_the_one_name_that_two_targets_share_is_found_among_thousands() -> None:
    shared = names(5000)[-1]
    (warning,) = load({"views": names(5000)}, {"views": [*names(5000, "other"), shared]}).warnings
    assert warning.key_path == "targets[1].views[5000]"
    assert "overlaps targets[0].views[4999]" in warning.message


@pytest.mark.parametrize("pattern", ["{}_{}*.x*", "*a" * 60 + "{}_{}.x*", "[a-z]" * 40 + "{}{}*.*"])
def test_too_many_globs_are_not_compared_and_a_warning_says_so(pattern: str) -> None:
    count = round(MOST_COMPARISONS**0.5 / 2) + 1
    began = time.monotonic()
    loaded = load(*({"views": [pattern.format(one, number) for number in range(count)]} for one in "ab"))
    assert [one.message for one in loaded.warnings] == [
        "too many view patterns to check all of them for overlaps"
    ]
    assert time.monotonic() - began < 30


def test_a_file_of_too_many_values_is_refused_before_they_are_made() -> None:
    with pytest.raises(ConfigurationError) as raised:
        config.parse(b"targets: [" + b"a," * MOST_VALUES + b"]", "config.yaml")
    assert raised.value.lines() == ("config.yaml:1: holds more than 500,000 values, aliases expanded",)
