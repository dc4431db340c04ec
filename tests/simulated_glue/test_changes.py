"""What the catalog shows of data that changes: commits to sources, and refreshes of the views on them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from exporter.simulated_glue import RunScript, RunStatus, Schedule, SimulatedGlue
from tests.support.clock import START, ManualClock

MODEL: Any = botocore.session.get_session().get_service_model("glue")
ACCOUNT = "123456789012"
ORDERS = f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/sales/orders"
QUICK = RunScript(start_delay=5, duration=5)
Listed = Callable[..., list[str]]


@pytest.fixture
def table(client: Any) -> Callable[[str], dict[str, Any]]:
    """Return a table of the database ``sales`` as boto3 parses it."""

    def get(name: str) -> dict[str, Any]:
        found: dict[str, Any] = client.get_table(DatabaseName="sales", Name=name)["Table"]
        return found

    return get


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def test_a_commit_changes_a_source_in_the_catalog(
    glue: SimulatedGlue, clock: ManualClock, table: Callable[[str], dict[str, Any]]
) -> None:
    orders = glue.add_source("sales", "orders", commits=Schedule(first=START + 60, every=60))
    made = table("orders")
    assert (made["UpdateTime"], made["VersionId"], made["IsMaterializedView"]) == (at(0), "1", False)
    assert made["Parameters"]["table_type"] == "ICEBERG"
    assert made["IcebergTableMetadata"]["FormatVersion"] == "2"
    clock.advance(150)
    assert (table("orders")["UpdateTime"], table("orders")["VersionId"]) == (at(120), "3")
    orders.commits.append(clock.time())
    assert (table("orders")["UpdateTime"], table("orders")["VersionId"]) == (at(150), "4")


def test_new_files_of_a_hive_table_change_nothing_in_the_catalog(
    glue: SimulatedGlue, clock: ManualClock, table: Callable[[str], dict[str, Any]]
) -> None:
    glue.add_source(
        "sales", "orders", source_type="HIVE_PARQUET", commits=Schedule(first=START + 60, every=60)
    )
    made = table("orders")
    clock.advance(600)
    assert table("orders") == made
    assert "IcebergTableMetadata" not in made


def test_a_view_names_its_sources_and_after_a_refresh_their_snapshots(
    glue: SimulatedGlue, clock: ManualClock, table: Callable[[str], dict[str, Any]]
) -> None:
    """Those that it read as it began: a commit during the refresh is not in it."""
    orders = glue.add_source("sales", "orders")
    glue.add_source("sales", "files", source_type="PLAIN_PARQUET")
    glue.add_view("sales", "daily", sources=("sales.orders", "sales.files"), owner="retail", managed=True)
    made = table("daily")
    definition = made["ViewDefinition"]
    assert (made["Owner"], definition["IsManaged"], definition["ViewVersionId"]) == ("retail", True, -1)
    assert definition["SubObjects"] == [ORDERS, ORDERS.replace("orders", "files")]
    assert "SubObjectVersionIds" not in definition

    glue.runs().add_run("sales", "daily", QUICK)
    clock.advance(7)
    orders.commits.append(clock.time())
    clock.advance(3)
    refreshed = table("daily")
    definition = refreshed["ViewDefinition"]
    assert refreshed["UpdateTime"] == at(10)
    assert definition["ViewVersionId"] > 0
    assert [entry["SourceType"] for entry in definition["SubObjectsStatistics"]] == [
        "ICEBERG",
        "PLAIN_PARQUET",
    ]
    (read,) = definition["SubObjectVersionIds"]

    glue.runs().add_run("sales", "daily", QUICK)
    clock.advance(10)
    later = table("daily")["ViewDefinition"]
    assert later["SubObjectVersionIds"] != [read]
    assert later["ViewVersionId"] != definition["ViewVersionId"]


def test_a_failed_refresh_makes_no_snapshot(
    glue: SimulatedGlue, clock: ManualClock, table: Callable[[str], dict[str, Any]]
) -> None:
    glue.add_view("sales", "daily")
    made = table("daily")
    glue.runs().add_run("sales", "daily", RunScript(outcome=RunStatus.FAILED))
    clock.advance(100)
    assert table("daily") == made


def test_a_scheduled_refresh_is_skipped_while_no_source_has_changed(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    orders = glue.add_source("sales", "orders")
    glue.add_view(
        "sales",
        "daily",
        sources=("sales.orders",),
        plan=lambda _: QUICK,
        schedule=Schedule(first=START, every=600),
    )
    assert len(listed()) == 1  # it was never refreshed
    clock.advance(100 * 600)
    assert len(listed()) == 1
    orders.commits.append(clock.time() + 1)
    clock.advance(10 * 600)
    assert listed() == [glue.runs().scheduled_run_id("sales", "daily", number) for number in (101, 0)]


def test_a_commit_while_a_refresh_runs_is_for_the_next_one(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    orders = glue.add_source("sales", "orders")
    schedule = Schedule(first=START, every=600)
    glue.add_view("sales", "daily", sources=("sales.orders",), plan=lambda _: RunScript(), schedule=schedule)
    orders.commits.append(START + 30)
    clock.advance(3 * 600)
    assert listed() == [glue.runs().scheduled_run_id("sales", "daily", number) for number in (1, 0)]


def test_a_failed_refresh_is_tried_again_with_the_next_turn(
    glue: SimulatedGlue, clock: ManualClock, listed: Listed
) -> None:
    glue.add_source("sales", "orders")
    glue.add_view(
        "sales",
        "daily",
        sources=("sales.orders",),
        plan=lambda _: RunScript(outcome=RunStatus.FAILED),
        schedule=Schedule(first=START, every=600),
    )
    clock.advance(3 * 600)
    assert len(listed()) == 4


def test_a_refresh_elsewhere_leaves_a_snapshot_and_no_run(
    glue: SimulatedGlue, clock: ManualClock, table: Callable[[str], dict[str, Any]], listed: Listed
) -> None:
    """Nor does the schedule run for what it has done."""
    glue.add_source("sales", "orders")
    glue.add_view(
        "sales",
        "daily",
        sources=("sales.orders",),
        schedule=Schedule(first=START + 1000, every=600),
        elsewhere=Schedule(first=START + 300, every=300),
    )
    clock.advance(300)
    first = table("daily")
    clock.advance(10 * 300)
    second = table("daily")
    assert (first["UpdateTime"], second["UpdateTime"]) == (at(300), at(3300))
    assert first["ViewDefinition"]["ViewVersionId"] != second["ViewDefinition"]["ViewVersionId"]
    assert first["ViewDefinition"]["SubObjectVersionIds"] == second["ViewDefinition"]["SubObjectVersionIds"]
    assert listed() == []


def test_a_source_may_be_in_a_table_bucket(glue: SimulatedGlue, client: Any) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/lake"
    glue.add_source("sales", "orders", catalog_id=bucket)
    glue.add_view("sales", "daily", sources=("sales.orders",), catalog_id=bucket)
    view = client.get_table(CatalogId=bucket, DatabaseName="sales", Name="daily")["Table"]
    arn = f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/s3tablescatalog/lake/sales/orders"
    assert view["ViewDefinition"]["SubObjects"] == [arn]


def test_tables_hold_nothing_that_the_model_does_not_know(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    """Limits included, over a source and a view with all that there is of them."""
    glue.add_source("sales", "orders")
    glue.add_source("sales", "files", source_type="HIVE_CSV")
    glue.add_view(
        "sales",
        "daily",
        refresh_seconds=600,
        sources=("sales.orders", "sales.files"),
        owner="retail",
        elsewhere=Schedule(first=START, every=600),
    )
    clock.advance(1000)
    bodies: list[dict[str, Any]] = []
    client.meta.events.register(
        "before-parse.glue", lambda response_dict, **_: bodies.append(json.loads(response_dict["body"]))
    )
    client.get_tables(DatabaseName="sales")
    (answer,) = bodies
    report = ParamValidator().validate(answer, MODEL.operation_model("GetTables").output_shape)
    assert not report.has_errors(), report.generate_report()
    (view,) = (table for table in answer["TableList"] if table["IsMaterializedView"])
    assert MODEL.shape_for("ViewDefinition").members.keys() - view["ViewDefinition"].keys() == {
        "ViewVersionToken",
        "SparkPipelineInfo",
    }
