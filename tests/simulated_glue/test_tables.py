"""Databases and tables are moto's; what is reported of materialized views is added to them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.simulated_glue import RunScript, SimulatedGlue
from tests.support.clock import ManualClock

ACCOUNT = "123456789012"


def get_table(client: Any, name: str, database: str = "sales") -> dict[str, Any]:
    table: dict[str, Any] = client.get_table(DatabaseName=database, Name=name)["Table"]
    return table


def test_a_view_says_that_it_is_one_and_how_often_it_refreshes(glue: SimulatedGlue, client: Any) -> None:
    glue.add_view("sales", "daily", refresh_seconds=3600)
    glue.add_view("sales", "manual")
    daily, manual = get_table(client, "daily"), get_table(client, "manual")
    assert daily["IsMaterializedView"] is manual["IsMaterializedView"] is True
    assert daily["ViewDefinition"]["RefreshSeconds"] == 3600
    assert daily["ViewDefinition"]["Definer"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")
    assert "RefreshSeconds" not in manual["ViewDefinition"]
    assert client.get_tables(DatabaseName="sales")["TableList"] == [daily, manual]


def test_other_tables_are_not_materialized_views(glue: SimulatedGlue, client: Any) -> None:
    """Nor is a view of several dialects."""
    representation = {"Dialect": "ATHENA", "DialectVersion": "3", "ViewOriginalText": "SELECT 1"}
    glue.add_table("sales", "raw")
    glue.add_table("sales", "dialects", members={"ViewDefinition": {"Representations": [representation]}})
    assert get_table(client, "raw")["IsMaterializedView"] is False
    assert get_table(client, "dialects")["IsMaterializedView"] is False
    assert get_table(client, "dialects")["ViewDefinition"]["Representations"] == [representation]


def test_a_view_created_by_request_can_be_refreshed(glue: SimulatedGlue, client: Any) -> None:
    client.create_database(DatabaseInput={"Name": "sales"})
    definition = {"RefreshSeconds": 7200, "SubObjectVersionIds": [5], "ViewVersionToken": "v1"}
    client.create_table(DatabaseName="sales", TableInput={"Name": "daily", "ViewDefinition": definition})
    table = get_table(client, "daily")
    assert (table["IsMaterializedView"], table["ViewDefinition"]) == (True, definition)
    started = client.start_materialized_view_refresh_task_run(
        CatalogId=ACCOUNT, DatabaseName="sales", TableName="daily"
    )
    assert list(glue.runs().records()) == [started["MaterializedViewRefreshTaskRunId"]]


def test_a_view_says_how_it_was_last_refreshed(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
    glue.add_view("sales", "daily")
    glue.runs().add_run("sales", "daily", RunScript(refresh_type="FULL"))
    assert "LastRefreshType" not in get_table(client, "daily")["ViewDefinition"]
    clock.advance(100)
    assert get_table(client, "daily")["ViewDefinition"]["LastRefreshType"] == "FULL"


def test_tables_are_created_by_the_clock(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
    clock.advance(1000)
    glue.add_view("sales", "daily")
    now = datetime.fromtimestamp(clock.time(), UTC)
    assert get_table(client, "daily")["CreateTime"] == now
    assert client.get_database(Name="sales")["Database"]["CreateTime"] == now


def test_tables_are_found_in_their_own_catalog_alone(glue: SimulatedGlue, client: Any) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/bucket"
    glue.add_view("sales", "daily", catalog_id=bucket)
    tables = client.get_tables(CatalogId=bucket, DatabaseName="sales")["TableList"]
    assert [(table["Name"], table["CatalogId"]) for table in tables] == [("daily", bucket)]
    assert client.get_databases()["DatabaseList"] == []
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_tables(CatalogId=ACCOUNT, DatabaseName="sales")
