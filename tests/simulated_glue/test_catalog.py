"""What a catalog reports as time goes by: runs, schedules, commits to sources, refreshes."""

import json
import math
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto.glue.exceptions import EntityNotFoundException

from exporter.simulated_glue.catalog import KEPT_RUNS, Catalog
from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.runs import RunScript, RunStatus, Schedule
from tests.support.clock import START, ManualClock

MODEL: Any = botocore.session.get_session().get_service_model("glue")
ACCOUNT = "123456789012"
QUICK = RunScript(start_delay=5, duration=5)


def begun(catalog: Catalog) -> list[float]:
    """Return when each run began, in seconds since the start, the newest first."""
    return [float(str(record["CreationTime"])) - START for record in catalog.records().values()]


def daily(catalog: Catalog) -> dict[str, Any]:
    return catalog.get_table("sales", "daily").as_dict()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (4.9, {"Status": "STARTING", "LastUpdated": START}),
        (5, {"Status": "RUNNING", "LastUpdated": START + 5, "DPUSeconds": 0.0}),
        (
            15.5,
            {"Status": "RUNNING", "LastUpdated": START + 15.5, "StartTime": START + 5, "DPUSeconds": 42.0},
        ),
        (65, {"Status": "FAILED", "LastUpdated": START + 65, "EndTime": START + 65, "ErrorMessage": "why"}),
        (9999, {"Status": "FAILED", "LastUpdated": START + 65, "EndTime": START + 65, "DPUSeconds": 240.0}),
    ],
)
def test_a_run_starts_runs_and_ends(
    catalog: Catalog, clock: ManualClock, seconds: float, expected: dict[str, object]
) -> None:
    catalog.add_view("sales.daily")
    run_id = catalog.add_run("sales.daily", RunScript(outcome=RunStatus.FAILED, error_message="why"))
    clock.advance(seconds)
    record = catalog.record(run_id)
    assert record.items() >= expected.items()
    assert ("StartTime" in record, "EndTime" in record) == (seconds >= 5, seconds >= 65)


def test_a_run_is_unknown_before_it_is_created_and_can_hang(catalog: Catalog, clock: ManualClock) -> None:
    catalog.add_view("sales.daily")
    run_id = catalog.add_run("sales.daily", RunScript(duration=math.inf), created=START + 20)
    with pytest.raises(EntityNotFoundException):
        catalog.record(run_id)
    clock.advance(1e9)
    assert catalog.record(run_id)["Status"] == "RUNNING"


def test_a_scheduled_view_gets_runs_by_itself(catalog: Catalog, clock: ManualClock) -> None:
    """It misses a turn while a run is in progress."""
    schedule = Schedule(first=START + 60, every=60)
    catalog.add_view("sales.daily", plan=lambda n: RunScript(duration=70 if n == 1 else 5), schedule=schedule)
    assert begun(catalog) == []
    clock.advance(360)
    assert begun(catalog) == [360, 300, 240, 120, 60]


def test_of_scheduled_runs_only_the_newest_are_kept(catalog: Catalog, clock: ManualClock) -> None:
    """Whether Glue is asked at each of them, or only long afterwards."""
    schedule = Schedule(first=START, every=60)
    catalog.add_view("sales.daily", plan=lambda _: QUICK, schedule=schedule)
    catalog.add_run("sales.daily", QUICK, created=START - 60)
    for asked in (*range(2 * KEPT_RUNS), 1_000_000):
        clock.advance(START + 60 * asked - clock.time())
        found = begun(catalog)
    newest = [60 * (1_000_000 - ago) for ago in range(KEPT_RUNS)]
    assert found == [*newest, -60]


def test_a_scheduled_refresh_is_skipped_while_no_source_has_changed(
    catalog: Catalog, clock: ManualClock
) -> None:
    """A commit while a refresh runs is for the next one."""
    for source, commit in (("orders", 2030), ("customers", 5000)):
        catalog.add_source(f"raw.{source}", commits=Schedule(first=START + commit, every=1e9))
    schedule = Schedule(first=START, every=600)
    catalog.add_view("sales.daily", sources=("raw.orders", "raw.customers"), schedule=schedule)
    clock.advance(2000)
    catalog.add_run("sales.daily", created=START + 2000)
    clock.advance(8000)
    assert begun(catalog) == [5400, 2400, 2000, 0]


def test_a_failed_refresh_is_tried_again_and_leaves_no_snapshot(catalog: Catalog, clock: ManualClock) -> None:
    catalog.add_source("raw.orders")
    failing = RunScript(outcome=RunStatus.FAILED)
    schedule = Schedule(first=START, every=600)
    catalog.add_view("sales.daily", sources=("raw.orders",), plan=lambda _: failing, schedule=schedule)
    made = daily(catalog)
    clock.advance(3 * 600)
    assert begun(catalog) == [1800, 1200, 600, 0]
    assert daily(catalog) == made


def test_a_refresh_leaves_its_snapshot_and_those_that_it_read(catalog: Catalog, clock: ManualClock) -> None:
    """One elsewhere, too, which leaves no run."""
    catalog.add_source("raw.orders", commits=Schedule(first=START + 107, every=1e9))
    catalog.add_view("sales.daily", sources=("raw.orders",), elsewhere=Schedule(first=START + 200, every=100))
    catalog.add_run("sales.daily", QUICK, created=START + 100)
    assert daily(catalog)["ViewDefinition"]["ViewVersionId"] == -1
    seen = []
    for seconds in (110, 90, 110):
        clock.advance(seconds)
        definition = daily(catalog)["ViewDefinition"]
        updated = (
            daily(catalog)["UpdateTime"].timestamp()
            - catalog.get_table("raw", "orders").as_dict()["CreateTime"].timestamp()
        )
        seen.append((updated, definition["ViewVersionId"], definition["SubObjectVersionIds"]))
    assert [updated for updated, _, _ in seen] == [110, 200, 300]
    assert len({version for _, version, _ in seen}) == 3
    (before,), (after,), (still,) = (read for _, _, read in seen)
    assert before != after == still
    assert len(begun(catalog)) == 1
    assert definition["SubObjectsStatistics"] == [{"SourceType": "ICEBERG"}]


def test_answers_hold_what_the_service_model_knows_and_nothing_besides(
    catalog: Catalog, clock: ManualClock, client: Any
) -> None:
    """A run's record has every member at some time. The answer's date is the simulation's."""
    catalog.add_source("sales.orders")
    catalog.add_view("sales.daily", refresh_seconds=600, sources=("sales.orders",), owner="x", managed=True)
    for outcome in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.STOPPED):
        catalog.add_run("sales.daily", RunScript(outcome=outcome, error_message="x", refresh_type="FULL"))
    seen: Counter[str] = Counter()

    def check(operation_model: Any, response_dict: Any, **_: Any) -> None:
        body = json.loads(response_dict["body"])
        report = ParamValidator().validate(body, operation_model.output_shape)
        assert not report.has_errors(), report.generate_report()
        assert parsedate_to_datetime(response_dict["headers"]["Date"]).timestamp() == clock.time()
        seen.update(member for record in body.get("MaterializedViewRefreshTaskRuns", ()) for member in record)

    client.meta.events.register("before-parse.glue", check)
    for _ in range(8):
        runs = client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
        for run in runs["MaterializedViewRefreshTaskRuns"]:
            run_id = run["MaterializedViewRefreshTaskRunId"]
            one = client.get_materialized_view_refresh_task_run(
                CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id
            )
            assert one["MaterializedViewRefreshTaskRun"] == run
        client.get_tables(DatabaseName="sales")
        clock.advance(10)
    assert seen.keys() == MODEL.shape_for("MaterializedViewRefreshTaskRun").members.keys()


def test_regions_and_catalogs_hold_their_own(glue: SimulatedGlue, client: Any) -> None:
    bucket = f"{ACCOUNT}:s3tablescatalog/bucket"
    for catalog in (glue.catalog(), glue.catalog("us-gov-west-1"), glue.catalog(catalog_id=bucket)):
        catalog.add_view("sales.daily")
        catalog.add_run("sales.daily")
    for catalog_id in (ACCOUNT, bucket):
        answer = client.list_materialized_view_refresh_task_runs(CatalogId=catalog_id)
        (run,) = answer["MaterializedViewRefreshTaskRuns"]
        (table,) = client.get_tables(CatalogId=catalog_id, DatabaseName="sales")["TableList"]
        assert (run["CatalogId"], table["CatalogId"]) == (catalog_id, catalog_id)
    assert SimulatedGlue(glue.now).catalog().get_databases() == []
