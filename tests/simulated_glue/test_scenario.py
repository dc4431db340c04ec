"""The demo shows every status within a minute, and the same in every start."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulated_glue.catalog import Catalog
from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.runs import RunStatus
from exporter.simulated_glue.scenario import demo_scenario
from tests.support.clock import ManualClock

ALL = {status.value for status in RunStatus}
HOUR = 3600


@pytest.fixture(autouse=True)
def run_ids(catalog: Catalog) -> tuple[str, ...]:
    return demo_scenario(catalog)


def all_runs(catalog: Catalog) -> list[dict[str, Any]]:
    """Return all runs, the newest first. More than a page of Glue's would not be lifelike."""
    runs = list(catalog.records().values())
    assert len(runs) < 1000
    return runs


def runs_of(catalog: Catalog, table: str) -> list[dict[str, Any]]:
    return [run for run in all_runs(catalog) if run["TableName"] == table]


def tables(catalog: Catalog) -> dict[str, dict[str, Any]]:
    return {
        f"{database.name}.{table.name}": table.as_dict()
        for database in catalog.get_databases()
        for table in database.tables.values()
    }


def view(catalog: Catalog, name: str) -> dict[str, Any]:
    return tables(catalog)[name]


def test_runs_pass_through_all_five_statuses_within_a_minute(catalog: Catalog, clock: ManualClock) -> None:
    passed: defaultdict[str, list[str]] = defaultdict(list)
    for _ in range(13):
        for run_id, run in catalog.records().items():
            if run["Status"] not in passed[run_id]:
                passed[run_id].append(str(run["Status"]))
        clock.advance(5)
    for end in ("SUCCEEDED", "FAILED", "STOPPED"):
        assert ["STARTING", "RUNNING", end] in passed.values()


@pytest.mark.parametrize("hours", [0, 8])
def test_at_any_time_the_newest_runs_of_the_views_are_in_all_five_statuses(
    catalog: Catalog, clock: ManualClock, hours: int
) -> None:
    """Hours later too: runs keep coming, and the oldest of them are forgotten."""
    clock.advance(hours * HOUR + 1)
    for _ in range(13):
        newest = {run["TableName"]: run["Status"] for run in reversed(all_runs(catalog))}
        assert set(newest.values()) == ALL
        clock.advance(5)


def test_the_runs_to_watch_are_known_from_the_beginning(catalog: Catalog, run_ids: tuple[str, ...]) -> None:
    """No view is younger than its runs."""
    assert catalog.records().keys() > set(run_ids)
    for run in all_runs(catalog):
        created = view(catalog, f"{run['DatabaseName']}.{run['TableName']}")["CreateTime"]
        assert created.timestamp() < run["CreationTime"]


def test_one_view_is_refreshed_without_a_run(catalog: Catalog, clock: ManualClock) -> None:
    seen = []
    for _ in range(2):
        version = view(catalog, "marketing.audience_overlap")["ViewDefinition"]["ViewVersionId"]
        seen.append((version, runs_of(catalog, "audience_overlap")))
        clock.advance(300)
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] == seen[1][1]


def test_one_view_is_managed_and_refreshed_every_ten_minutes(catalog: Catalog, clock: ManualClock) -> None:
    assert view(catalog, "ops.error_budget")["ViewDefinition"]["IsManaged"] is True
    clock.advance(HOUR)
    newest = [run["CreationTime"] for run in runs_of(catalog, "error_budget")][:6]
    assert {later - earlier for later, earlier in pairwise(newest)} == {600.0}


def test_everybody_sees_the_same_demo(catalog: Catalog, run_ids: tuple[str, ...]) -> None:
    again = SimulatedGlue(catalog.now).catalog()
    assert demo_scenario(again) == run_ids
    assert again.records() == catalog.records()
