"""The demo shows every status within a minute, and the same in every start."""

from collections.abc import Callable
from fnmatch import fnmatch
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulated_glue import DemoScenario, RunStatus, SimulatedGlue, demo_scenario
from tests.support.clock import ManualClock

ALL = {status.value for status in RunStatus}
HOUR = 3600


@pytest.fixture
def demo(glue: SimulatedGlue) -> DemoScenario:
    return demo_scenario(glue)


def all_runs(client: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_materialized_view_refresh_task_runs").paginate(
        CatalogId="123456789012", PaginationConfig={"PageSize": 1000}
    )
    return [run for page in pages for run in page["MaterializedViewRefreshTaskRuns"]]


def newest_run(client: Any, database: str, table: str) -> dict[str, Any]:
    runs = [run for run in all_runs(client) if (run["DatabaseName"], run["TableName"]) == (database, table)]
    return max(runs, key=lambda run: run["CreationTime"])


def test_runs_pass_through_all_five_statuses_within_45_seconds(
    clock: ManualClock, demo: DemoScenario, client: Any, get_run: Callable[[str], dict[str, Any]]
) -> None:
    """Read one by one, as an exporter does that was given the run IDs; long ended runs do not count."""
    passed: dict[str, list[str]] = {}
    for _ in range(10):
        for run_id in demo.run_ids:
            try:
                status = get_run(run_id)["Status"]
            except client.exceptions.EntityNotFoundException:
                continue  # not yet created
            if passed.setdefault(run_id, [status])[-1] != status:
                passed[run_id].append(status)
        clock.advance(5)
    ways = {tuple(way) for way in passed.values()}
    for end in ("SUCCEEDED", "FAILED", "STOPPED"):
        assert ("STARTING", "RUNNING", end) in ways


def test_at_any_time_the_given_runs_are_in_all_five_statuses(
    clock: ManualClock, demo: DemoScenario, client: Any
) -> None:
    for _ in range(60):
        given = [run for run in all_runs(client) if run["MaterializedViewRefreshTaskRunId"] in demo.run_ids]
        assert {run["Status"] for run in given} == ALL
        clock.advance(7)


@pytest.mark.usefixtures("demo")
def test_no_view_is_younger_than_its_runs(client: Any) -> None:
    for run in all_runs(client):
        view = client.get_table(DatabaseName=run["DatabaseName"], Name=run["TableName"])["Table"]
        assert view["CreateTime"] < run["CreationTime"], view["Name"]


@pytest.mark.parametrize("hours", [0, 8])
@pytest.mark.usefixtures("demo")
def test_at_any_time_the_newest_runs_of_the_views_are_in_all_five_statuses(
    clock: ManualClock, client: Any, hours: int
) -> None:
    """Hours later too: runs keep coming, and the oldest of them are forgotten."""
    clock.advance(hours * HOUR + 1)
    for _ in range(13):
        runs = sorted(all_runs(client), key=lambda run: run["CreationTime"])
        newest = {(run["DatabaseName"], run["TableName"]): run["Status"] for run in runs}
        assert set(newest.values()) == ALL
        assert len(runs) < 1000
        clock.advance(5)


def test_the_patterns_cover_every_view_in_several_databases(demo: DemoScenario, client: Any) -> None:
    databases = [database["Name"] for database in client.get_databases()["DatabaseList"]]
    tables = [table for name in databases for table in client.get_tables(DatabaseName=name)["TableList"]]
    views = [table for table in tables if table["IsMaterializedView"]]
    assert len({view["DatabaseName"] for view in views}) == 4
    assert 10 <= len(views) < len(tables)
    for view in views:
        name = f"{view['DatabaseName']}.{view['Name']}"
        assert any(fnmatch(name, pattern) for pattern in demo.view_patterns)
    schedules = {table["ViewDefinition"].get("RefreshSeconds") for table in views}
    assert schedules == {None, 600, HOUR}


def lags(client: Any, now: float) -> dict[str, float]:
    """Return how long each scheduled view has lacked what its sources have, in intervals of its own."""
    tables = {
        f"{table['DatabaseName']}.{table['Name']}": table
        for database in client.get_databases()["DatabaseList"]
        for table in client.get_tables(DatabaseName=database["Name"])["TableList"]
    }
    found = {}
    for name, table in tables.items():
        definition = table.get("ViewDefinition", {})
        if "RefreshSeconds" in definition:
            sources = [tables[arn.split(":table/")[1].replace("/", ".")] for arn in definition["SubObjects"]]
            assert all(source["Parameters"]["table_type"] == "ICEBERG" for source in sources)
            stale = any(source["UpdateTime"] > table["UpdateTime"] for source in sources)
            age = now - table["UpdateTime"].timestamp()
            found[name] = age / definition["RefreshSeconds"] if stale else 0.0
    return found


@pytest.mark.usefixtures("demo")
def test_one_view_is_late_because_its_source_changed(clock: ManualClock, client: Any) -> None:
    """Its owner is named."""
    view = client.get_table(DatabaseName="finance", Name="ledger_snapshot")["Table"]
    assert (view["ViewDefinition"]["RefreshSeconds"], view["Owner"]) == (HOUR, "ledger-team")
    clock.advance(600)
    last = newest_run(client, "finance", "ledger_snapshot")
    assert last["Status"] == "SUCCEEDED"
    assert clock.time() - last["EndTime"].timestamp() > 6 * HOUR
    assert lags(client, clock.time())["finance.ledger_snapshot"] > 6


@pytest.mark.parametrize("hours", [0, 5])
@pytest.mark.usefixtures("demo")
def test_no_other_view_is_late(clock: ManualClock, client: Any, hours: int) -> None:
    """But, later, that which keeps failing."""
    clock.advance(hours * HOUR)
    late = {name for name, intervals in lags(client, clock.time()).items() if intervals > 1.5}
    assert late == {"finance.ledger_snapshot", *(["ops.failed_logins"] if hours else [])}


@pytest.mark.usefixtures("demo")
def test_one_view_is_old_and_fine(clock: ManualClock, client: Any) -> None:
    """Its source rests, and so Glue skips its refreshes."""
    clock.advance(3 * HOUR)
    last = newest_run(client, "finance", "tax_codes")
    assert clock.time() - last["EndTime"].timestamp() > 4 * 24 * HOUR
    assert lags(client, clock.time())["finance.tax_codes"] == 0.0


@pytest.mark.usefixtures("demo")
def test_one_view_is_refreshed_without_a_run(clock: ManualClock, client: Any) -> None:
    def snapshot() -> int:
        table = client.get_table(DatabaseName="marketing", Name="audience_overlap")["Table"]
        return int(table["ViewDefinition"]["ViewVersionId"])

    before, last = snapshot(), newest_run(client, "marketing", "audience_overlap")
    clock.advance(300)
    assert snapshot() != before
    assert newest_run(client, "marketing", "audience_overlap") == last


@pytest.mark.usefixtures("demo")
def test_one_view_is_managed_and_refreshed_every_ten_minutes(clock: ManualClock, client: Any) -> None:
    table = client.get_table(DatabaseName="ops", Name="error_budget")["Table"]
    assert (table["ViewDefinition"]["RefreshSeconds"], table["ViewDefinition"]["IsManaged"]) == (600, True)
    clock.advance(HOUR)
    runs = [run["CreationTime"] for run in all_runs(client) if run["TableName"] == "error_budget"]
    newest = sorted(runs)[-6:]
    assert {(b - a).total_seconds() for a, b in pairwise(newest)} == {600.0}


@pytest.mark.usefixtures("demo")
def test_one_view_keeps_failing(clock: ManualClock, client: Any) -> None:
    clock.advance(5 * 60)
    runs = [run for run in all_runs(client) if run["TableName"] == "failed_logins" and "EndTime" in run]
    recent = [run for run in runs if clock.time() - run["CreationTime"].timestamp() < 5 * 60]
    assert len(recent) >= 3
    assert {run["Status"] for run in recent} == {"FAILED"}
    assert "\n" in recent[0]["ErrorMessage"]


@pytest.mark.usefixtures("demo")
def test_one_failure_has_an_awkward_message(client: Any) -> None:
    message = newest_run(client, "finance", "fx_rates")["ErrorMessage"]
    for awkward in ('"', "\\", "\n", "\r", "\t", "<b>", "日本語", "🚀", "{tasks}", "%"):
        assert awkward in message


@pytest.mark.usefixtures("demo")
def test_one_run_hangs(clock: ManualClock, client: Any) -> None:
    hanging = newest_run(client, "ops", "warehouse_audit")
    assert hanging["Status"] == "RUNNING"
    assert clock.time() - hanging["StartTime"].timestamp() > 4 * HOUR


def test_everybody_sees_the_same_demo(glue: SimulatedGlue, demo: DemoScenario) -> None:
    """Clock and seed decide everything; another seed gives other figures."""
    again, other = (SimulatedGlue(now=glue.now) for _ in range(2))
    assert demo_scenario(again) == demo
    assert demo_scenario(other, seed=1) == demo
    figures, again_figures, other_figures = (
        [record.get("DPUSeconds") for record in simulated.runs().records().values()]
        for simulated in (glue, again, other)
    )
    assert figures == again_figures
    assert figures != other_figures
