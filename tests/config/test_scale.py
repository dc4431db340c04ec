"""Thousands of views by their names: what a check costs grows with their number, not with its square."""

import json
from typing import Any

import pytest

from exporter.config.load import LoadedConfiguration, parse
from exporter.errors import ConfigurationError
from tests.support.operations import counted

VIEWS = 5000
PLACE = {"aws_region": "eu-west-1", "catalog_id": "123456789012"}


def names(count: int, table: str = "view") -> list[str]:
    """Return so many names, in a hundred databases."""
    return [f"db_{number % 100}.{table}_{number}" for number in range(count)]


def load(*targets: dict[str, Any]) -> LoadedConfiguration:
    """Load a configuration of these targets, all of one catalog, with an item on each line."""
    entries = [{"name": f"target {number}", **PLACE, **target} for number, target in enumerate(targets)]
    return parse(json.dumps({"targets": entries}, indent=1).encode(), "config.yaml")


def others(count: int) -> dict[str, dict[str, Any]]:
    """Return targets that share no view with one of so many names."""
    return {
        "other names": {"views": names(count, "other")},
        "all but these names": {"views": ["*.*"], "exclude_views": names(count)},
        "other databases": {"views": [f"team_{number}_*.*" for number in range(count // 20)]},
        "other tables": {"views": [f"db_{number % 100}.tmp_{number}_*" for number in range(count // 20)]},
    }


@pytest.mark.parametrize("other", others(VIEWS))
@pytest.mark.parametrize("first", [True, False])
def test_every_overlap_of_five_thousand_names_is_looked_for(other: str, first: bool) -> None:  # noqa: FBT001 (a parameter)
    targets = [{"views": names(VIEWS)}, others(VIEWS)[other]]
    assert load(*(targets if first else reversed(targets))).warnings == ()


@pytest.mark.parametrize("other", others(VIEWS))
def test_four_times_as_many_names_are_four_times_the_work(other: str) -> None:
    calls = []
    for count in (1000, 4000):
        with counted() as done:
            load({"views": names(count)}, others(count)[other] | {"views": others(1000)[other]["views"]})
        calls.append(done.calls)
    assert calls[1] < 4.5 * calls[0]


def test_a_database_for_each_view_is_no_more_work() -> None:
    calls = []
    for databases in (10, 4000):
        views = [[f"{own}_{number % databases}.view_{number}" for number in range(4000)] for own in "ab"]
        with counted() as done:
            assert load({"views": views[0]}, {"views": [*views[1], "c_*.*"]}).warnings == ()
        calls.append(done.calls)
    assert calls[1] < 1.5 * calls[0]


def test_the_one_name_that_two_targets_share_is_found_among_thousands() -> None:
    shared = names(VIEWS)[-1]
    (warning,) = load({"views": names(VIEWS)}, {"views": [*names(VIEWS, "other"), shared]}).warnings
    assert warning.key_path == f"targets[1].views[{VIEWS}]"
    assert f"overlaps targets[0].views[{VIEWS - 1}]" in warning.message


def test_a_name_that_the_other_target_excludes_by_a_glob_is_no_overlap() -> None:
    targets = {"views": ["sales.orders"]}, {"views": ["sales.*"], "exclude_views": ["sales.o*", "sales.x"]}
    assert load(*targets).warnings == ()
    assert len(load({"views": ["sales.y"]}, targets[1]).warnings) == 1


RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
"""Glue does not tell its upper case from its lower case."""


@pytest.mark.parametrize(("one", "other"), [(RUN_ID, RUN_ID.upper()), (RUN_ID.upper(), RUN_ID)])
def test_a_run_id_in_two_cases_is_one_run(one: str, other: str) -> None:
    loaded = load({"runs": [one, other]})
    assert loaded.settings.targets[0].run_ids == (one,)
    (warning,) = loaded.warnings
    assert warning.key_path == "targets[0].runs[1]"
    assert "watched once" in warning.message
    with pytest.raises(ConfigurationError, match=r"targets\[1\]\.runs\[0\]: .*watches this run already"):
        load({"runs": [one]}, {"runs": [other]})
