"""Runs that begin by request, by schedule and by hand, and the catalogs that hold them."""

from collections.abc import Callable
from typing import Any

import pytest

from exporter.simulated_glue import RunScript, RunStatus, Schedule, SimulatedGlue
from tests.support.clock import ManualClock

ACCOUNT = "123456789012"
VIEW = {"CatalogId": ACCOUNT, "DatabaseName": "sales", "TableName": "daily"}
GetRun = Callable[[str], dict[str, Any]]
Listed = Callable[..., list[str]]


def start(client: Any, **parameters: object) -> str:
    answer = client.start_materialized_view_refresh_task_run(**VIEW, **parameters)
    return str(answer["MaterializedViewRefreshTaskRunId"])


def test_a_run_is_unknown_before_it_is_created(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun, listed: Listed
) -> None:
    run_id = glue.runs().add_run("sales", "daily", created=clock.time() + 20)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        get_run(run_id)
    assert listed() == []
    clock.advance(20)
    assert get_run(run_id)["Status"] == "STARTING"
    assert listed() == [run_id]


def test_a_listing_can_be_narrowed_to_a_database_and_a_table(
    glue: SimulatedGlue, client: Any, listed: Listed
) -> None:
    daily = glue.runs().add_run("sales", "daily")
    weekly = glue.runs().add_run("sales", "weekly")
    other = glue.runs().add_run("finance", "daily")
    assert set(listed()) == {daily, weekly, other}
    assert set(listed(DatabaseName="sales")) == {daily, weekly}
    assert listed(DatabaseName="sales", TableName="daily") == [daily]
    assert listed(DatabaseName="nowhere") == []
    with pytest.raises(client.exceptions.InvalidInputException):
        listed(TableName="daily")


def test_a_run_is_found_in_its_own_region_and_catalog_alone(
    glue: SimulatedGlue, make_client: Callable[..., Any], listed: Listed
) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/bucket"
    places = [("eu-west-1", ACCOUNT), ("eu-west-1", bucket), ("us-gov-west-1", ACCOUNT)]
    run_ids = [
        glue.runs(region=region, catalog_id=catalog_id).add_run("sales", "daily")
        for region, catalog_id in places
    ]
    found = [listed(make_client(region=region), CatalogId=catalog_id) for region, catalog_id in places]
    assert found == [[run_id] for run_id in run_ids]
    get = make_client().get_materialized_view_refresh_task_run
    record = get(CatalogId=bucket, MaterializedViewRefreshTaskRunId=run_ids[1])
    assert record["MaterializedViewRefreshTaskRun"]["CatalogId"] == bucket
    with pytest.raises(make_client().exceptions.EntityNotFoundException):
        get(CatalogId=bucket, MaterializedViewRefreshTaskRunId=run_ids[0])


@pytest.mark.parametrize("refresh_type", ["FULL", "INCREMENTAL"])
def test_a_run_can_be_started_by_request(
    glue: SimulatedGlue, client: Any, get_run: GetRun, refresh_type: str
) -> None:
    glue.add_view("sales", "daily")
    run = get_run(start(client, FullRefresh=refresh_type == "FULL"))
    assert (run["Status"], run["RefreshType"], run["TableName"]) == ("STARTING", refresh_type, "daily")


def test_a_started_run_goes_by_the_plan_of_its_view(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun
) -> None:
    outcomes = [RunStatus.FAILED, RunStatus.SUCCEEDED]
    glue.add_view("sales", "daily", plan=lambda ordinal: RunScript(outcome=outcomes[ordinal]))
    for outcome in outcomes:
        run_id = start(client)
        clock.advance(100)
        assert get_run(run_id)["Status"] == outcome


def test_a_run_can_be_stopped_by_request(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun
) -> None:
    """It goes on for a second."""
    glue.add_view("sales", "daily")
    run_id = start(client)
    clock.advance(10)
    client.stop_materialized_view_refresh_task_run(**VIEW)
    assert get_run(run_id)["Status"] == "RUNNING"
    clock.advance(1)
    assert get_run(run_id)["Status"] == "STOPPED"


def test_a_scheduled_view_gets_runs_by_itself_under_known_ids(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    """Until the end of its schedule."""
    begin = clock.time() + 100
    schedule = Schedule(first=begin, every=3600, until=begin + 2 * 3600)
    glue.add_view("sales", "daily", refresh_seconds=3600, schedule=schedule)
    known = [glue.runs().scheduled_run_id("sales", "daily", ordinal) for ordinal in range(3)]
    assert listed() == []
    clock.advance(100)
    assert listed() == known[:1]
    clock.advance(10 * 3600)
    assert listed() == known[::-1]


def test_a_view_that_is_still_refreshing_skips_its_turn(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    schedule = Schedule(first=clock.time(), every=60)
    glue.add_view("sales", "daily", plan=lambda _: RunScript(duration=70), schedule=schedule)
    clock.advance(180)
    assert listed() == [glue.runs().scheduled_run_id("sales", "daily", number) for number in (2, 0)]


def test_of_scheduled_runs_only_the_newest_are_kept(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    """Whether Glue is asked at each of them, or only long afterwards: a demo may run for weeks."""
    schedule = Schedule(first=clock.time(), every=60, keep=3)
    for view in ("asked", "slept"):
        glue.add_view("sales", view, plan=lambda _: RunScript(duration=1), schedule=schedule)
    for _ in range(10):
        listed(DatabaseName="sales", TableName="asked")
        clock.advance(60)
    clock.advance(60_000_000)
    for view in ("asked", "slept"):
        newest = [glue.runs().scheduled_run_id("sales", view, 1_000_010 - age) for age in range(3)]
        assert listed(DatabaseName="sales", TableName=view) == newest


def test_a_removed_view_keeps_its_runs_and_gets_no_more(
    glue: SimulatedGlue, clock: ManualClock, client: Any, listed: Listed
) -> None:
    glue.add_view("sales", "daily", schedule=Schedule(first=clock.time(), every=3600))
    before = listed()
    client.delete_table(DatabaseName="sales", Name="daily")
    clock.advance(7200)
    assert len(before) == 1
    assert listed() == before
