"""Runs that begin by request, by schedule and by hand, and the catalogs that hold them."""

from collections.abc import Callable
from typing import Any

import pytest

from exporter.simulated_glue import (
    ListingOrder,
    ManualClock,
    RunScript,
    RunStatus,
    Schedule,
    SimulatedGlue,
    always,
)

ACCOUNT = "123456789012"
GetRun = Callable[[str], dict[str, Any]]


def listed(client: Any, **parameters: Any) -> list[str]:
    answer = client.list_materialized_view_refresh_task_runs(**{"CatalogId": ACCOUNT, **parameters})
    return [run["MaterializedViewRefreshTaskRunId"] for run in answer["MaterializedViewRefreshTaskRuns"]]


def test_a_run_is_unknown_before_it_is_created(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun
) -> None:
    run_id = glue.runs().add_run("sales", "daily", created=clock.time() + 20)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        get_run(run_id)
    assert listed(client) == []
    clock.advance(20)
    assert get_run(run_id)["Status"] == "STARTING"
    assert listed(client) == [run_id]


def test_a_forgotten_run_is_unknown(glue: SimulatedGlue, client: Any, get_run: GetRun) -> None:
    run_id = glue.runs().add_run("sales", "daily")
    glue.runs().forget_run(run_id)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        get_run(run_id)


def test_members_of_a_record_can_be_set_later(glue: SimulatedGlue, get_run: GetRun) -> None:
    """Glue may report more DPU seconds long after the end."""
    run_id = glue.runs().add_run("sales", "daily", RunScript(start_delay=0, duration=0))
    glue.runs().set_members(run_id, {"DPUSeconds": 7.5})
    assert get_run(run_id)["DPUSeconds"] == 7.5


def test_one_run_id_cannot_be_used_twice(glue: SimulatedGlue) -> None:
    run_id = glue.runs().add_run("sales", "daily")
    with pytest.raises(ValueError, match="there is a run"):
        glue.runs().add_run("sales", "daily", run_id=run_id)


def test_a_listing_can_be_narrowed_to_a_database_and_a_table(glue: SimulatedGlue, client: Any) -> None:
    daily = glue.runs().add_run("sales", "daily")
    weekly = glue.runs().add_run("sales", "weekly")
    other = glue.runs().add_run("finance", "daily")
    assert set(listed(client)) == {daily, weekly, other}
    assert set(listed(client, DatabaseName="sales")) == {daily, weekly}
    assert listed(client, DatabaseName="sales", TableName="daily") == [daily]
    assert listed(client, DatabaseName="nowhere") == []


def test_a_table_without_its_database_is_refused(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidInputException):
        listed(client, TableName="daily")


def test_a_listing_comes_in_the_order_that_is_set(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    made = [glue.runs().add_run("sales", "daily", created=clock.time() - age) for age in range(20, 0, -1)]
    assert listed(client) == made[::-1]
    glue.runs().listing_order = ListingOrder.OLDEST_FIRST
    assert listed(client) == made
    glue.runs().listing_order = ListingOrder.SHUFFLED
    shuffled = listed(client)
    assert shuffled not in (made, made[::-1])
    assert sorted(shuffled) == sorted(made)


def test_a_run_is_found_in_its_own_region_and_catalog_alone(
    glue: SimulatedGlue, make_client: Callable[..., Any]
) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/bucket"
    places = [("eu-west-1", ACCOUNT), ("eu-west-1", bucket), ("us-gov-west-1", ACCOUNT)]
    run_ids = [
        glue.runs(region=region, catalog_id=catalog_id).add_run("sales", "daily")
        for region, catalog_id in places
    ]
    assert len(set(run_ids)) == 3
    found = [listed(make_client(region=region), CatalogId=catalog_id) for region, catalog_id in places]
    assert found == [[run_id] for run_id in run_ids]
    with pytest.raises(make_client().exceptions.EntityNotFoundException):
        make_client().get_materialized_view_refresh_task_run(
            CatalogId=bucket, MaterializedViewRefreshTaskRunId=run_ids[0]
        )


def test_a_record_tells_its_catalog_and_its_account(glue: SimulatedGlue, client: Any) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/bucket"
    run_id = glue.runs(catalog_id=bucket).add_run("sales", "daily")
    record = client.get_materialized_view_refresh_task_run(
        CatalogId=bucket, MaterializedViewRefreshTaskRunId=run_id
    )["MaterializedViewRefreshTaskRun"]
    assert (record["CatalogId"], record["CustomerId"]) == (bucket, ACCOUNT)


@pytest.mark.parametrize(
    ("full_refresh", "refresh_type"),
    [({"FullRefresh": True}, "FULL"), ({"FullRefresh": False}, "INCREMENTAL")],
)
def test_a_run_can_be_started_by_request(
    glue: SimulatedGlue, client: Any, get_run: GetRun, full_refresh: dict[str, bool], refresh_type: str
) -> None:
    glue.add_view("sales", "daily")
    run_id = client.start_materialized_view_refresh_task_run(
        CatalogId=ACCOUNT, DatabaseName="sales", TableName="daily", **full_refresh
    )["MaterializedViewRefreshTaskRunId"]
    run = get_run(run_id)
    assert (run["Status"], run["RefreshType"], run["TableName"]) == ("STARTING", refresh_type, "daily")


def test_a_started_run_goes_by_the_plan_of_its_view(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun
) -> None:
    outcomes = [RunStatus.FAILED, RunStatus.SUCCEEDED]
    glue.add_view("sales", "daily", plan=lambda ordinal: RunScript(outcome=outcomes[ordinal]))
    for outcome in outcomes:
        run_id = client.start_materialized_view_refresh_task_run(
            CatalogId=ACCOUNT, DatabaseName="sales", TableName="daily"
        )["MaterializedViewRefreshTaskRunId"]
        clock.advance(100)
        assert get_run(run_id)["Status"] == outcome


def test_a_run_can_be_stopped_by_request(
    glue: SimulatedGlue, clock: ManualClock, client: Any, get_run: GetRun
) -> None:
    glue.add_view("sales", "daily")
    view = {"CatalogId": ACCOUNT, "DatabaseName": "sales", "TableName": "daily"}
    run_id = client.start_materialized_view_refresh_task_run(**view)["MaterializedViewRefreshTaskRunId"]
    clock.advance(10)
    client.stop_materialized_view_refresh_task_run(**view)
    assert get_run(run_id)["Status"] == "RUNNING"
    clock.advance(1)
    assert get_run(run_id)["Status"] == "STOPPED"


def test_a_scheduled_view_gets_runs_by_itself_under_known_ids(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    schedule = Schedule(first=clock.time() + 100, every=3600)
    glue.add_view("sales", "daily", refresh_seconds=3600, schedule=schedule)
    known = [glue.runs().scheduled_run_id("sales", "daily", ordinal) for ordinal in range(3)]
    assert listed(client) == []
    clock.advance(100)
    assert listed(client) == known[:1]
    clock.advance(2 * 3600)
    assert listed(client) == known[::-1]


def test_an_overdue_view_gets_no_more_runs(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
    schedule = Schedule(first=clock.time(), every=3600, until=clock.time() + 3600)
    glue.add_view("sales", "daily", refresh_seconds=3600, schedule=schedule)
    clock.advance(10 * 3600)
    assert len(listed(client)) == 2


def test_a_view_that_is_still_refreshing_skips_its_turn(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    schedule = Schedule(first=clock.time(), every=60)
    glue.add_view("sales", "daily", plan=always(RunScript(duration=70)), schedule=schedule)
    clock.advance(180)
    ordinals = (2, 0)
    assert listed(client) == [glue.runs().scheduled_run_id("sales", "daily", n) for n in ordinals]


def test_of_scheduled_runs_only_the_newest_are_kept(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    """Whether Glue is asked at each of them, or only long afterwards: a demo may run for weeks."""
    plan = always(RunScript(duration=1))
    glue.add_view("sales", "asked", plan=plan, schedule=Schedule(first=clock.time(), every=60, keep=3))
    glue.add_view("sales", "slept", plan=plan, schedule=Schedule(first=clock.time(), every=60, keep=3))
    for _ in range(10):
        listed(client, DatabaseName="sales", TableName="asked")
        clock.advance(60)
    clock.advance(60_000_000)
    newest = [10 + 1_000_000 - n for n in range(3)]
    for view in ("asked", "slept"):
        expected = [glue.runs().scheduled_run_id("sales", view, n) for n in newest]
        assert listed(client, DatabaseName="sales", TableName=view) == expected


def test_a_removed_view_keeps_its_runs_and_gets_no_more(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    glue.add_view("sales", "daily", schedule=Schedule(first=clock.time(), every=3600))
    before = listed(client)
    client.delete_table(DatabaseName="sales", Name="daily")
    clock.advance(7200)
    assert listed(client) == before
    glue.add_view("sales", "daily")
    glue.remove_table("sales", "daily")
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_table(DatabaseName="sales", Name="daily")
