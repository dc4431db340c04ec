"""Databases and tables are moto's; what is told of materialized views is added to them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.simulated_glue import ManualClock, RunScript, SimulatedGlue

ACCOUNT = "123456789012"


def get_table(client: Any, name: str, database: str = "sales") -> dict[str, Any]:
    table: dict[str, Any] = client.get_table(DatabaseName=database, Name=name)["Table"]
    return table


def test_a_view_tells_that_it_is_one_and_how_often_it_refreshes(glue: SimulatedGlue, client: Any) -> None:
    glue.add_view("sales", "daily", refresh_seconds=3600)
    table = get_table(client, "daily")
    assert table["IsMaterializedView"] is True
    assert table["ViewDefinition"]["RefreshSeconds"] == 3600
    assert table["ViewDefinition"]["Definer"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")
    assert client.get_tables(DatabaseName="sales")["TableList"] == [table]


def test_a_view_without_a_schedule_does_not_tell_one(glue: SimulatedGlue, client: Any) -> None:
    glue.add_view("sales", "daily")
    table = get_table(client, "daily")
    assert table["IsMaterializedView"] is True
    assert "RefreshSeconds" not in table["ViewDefinition"]


def test_a_table_is_no_materialized_view(glue: SimulatedGlue, client: Any) -> None:
    glue.add_table("sales", "raw")
    table = get_table(client, "raw")
    assert table["IsMaterializedView"] is False
    assert "ViewDefinition" not in table


def test_a_view_of_several_dialects_is_no_materialized_view(glue: SimulatedGlue, client: Any) -> None:
    representation = {"Dialect": "ATHENA", "DialectVersion": "3", "ViewOriginalText": "SELECT 1"}
    glue.add_table("sales", "dialects", view_definition={"Representations": [representation]})
    table = get_table(client, "dialects")
    assert table["IsMaterializedView"] is False
    assert table["ViewDefinition"]["Representations"] == [representation]


def test_a_view_created_by_request_can_be_refreshed(glue: SimulatedGlue, client: Any) -> None:
    client.create_database(DatabaseInput={"Name": "sales"})
    definition = {"RefreshSeconds": 7200, "SubObjectVersionIds": [5], "ViewVersionToken": "v1"}
    client.create_table(DatabaseName="sales", TableInput={"Name": "daily", "ViewDefinition": definition})
    table = get_table(client, "daily")
    assert (table["IsMaterializedView"], table["ViewDefinition"]) == (True, definition)
    started = client.start_materialized_view_refresh_task_run(
        CatalogId=ACCOUNT, DatabaseName="sales", TableName="daily"
    )
    assert [run.run_id for run in glue.runs().runs()] == [started["MaterializedViewRefreshTaskRunId"]]


def test_an_updated_view_tells_its_new_schedule(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
    glue.add_view("sales", "daily", refresh_seconds=3600)
    clock.advance(60)
    client.update_table(
        DatabaseName="sales", TableInput={"Name": "daily", "ViewDefinition": {"RefreshSeconds": 86400}}
    )
    table = get_table(client, "daily")
    assert table["ViewDefinition"]["RefreshSeconds"] == 86400
    assert table["UpdateTime"] == datetime.fromtimestamp(clock.time(), UTC)


def test_a_view_tells_how_it_was_last_refreshed(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
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


def test_tables_can_be_asked_for_by_an_expression(glue: SimulatedGlue, client: Any) -> None:
    for name in ("daily_orders", "daily_items", "weekly"):
        glue.add_view("sales", name)
    found = client.get_tables(DatabaseName="sales", Expression="daily.*")["TableList"]
    assert [table["Name"] for table in found] == ["daily_orders", "daily_items"]


def test_tables_need_a_database(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidInputException):
        client.get_tables()
