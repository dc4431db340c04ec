"""What Glue reports of a run, moment by moment."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.simulated_glue import ManualClock, RunScript, RunStatus, SimulatedGlue
from exporter.simulated_glue.script import DEFAULT_ERROR_MESSAGE, ScriptedRun

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def run(**script: Any) -> ScriptedRun:
    """Return a run created at 1000 that by default starts at 1005 and ends at 1065."""
    return ScriptedRun(
        run_id=RUN_ID,
        catalog_id="123456789012",
        database="sales",
        table="daily",
        role="arn:aws:iam::123456789012:role/R",
        created=1000.0,
        script=RunScript(**script),
    )


def test_a_starting_run_has_no_times_but_its_creation() -> None:
    assert run().record(1004.9) == {
        "CustomerId": "123456789012",
        "MaterializedViewRefreshTaskRunId": RUN_ID,
        "DatabaseName": "sales",
        "TableName": "daily",
        "CatalogId": "123456789012",
        "Role": "arn:aws:iam::123456789012:role/R",
        "Status": "STARTING",
        "CreationTime": 1000.0,
        "LastUpdated": 1000.0,
        "RefreshType": "INCREMENTAL",
    }


def test_the_figures_of_a_running_run_grow() -> None:
    running = run(dpu_rate=4.0, bytes_rate=100.0)
    first, later = running.record(1005.0), running.record(1015.5)
    assert (first["Status"], first["DPUSeconds"], first["ProcessedBytes"]) == ("RUNNING", 0.0, 0)
    assert (later["DPUSeconds"], later["ProcessedBytes"]) == (42.0, 1050)
    assert (later["StartTime"], later["LastUpdated"]) == (1005.0, 1015.5)
    assert "EndTime" not in later


def test_an_ended_run_stays_as_it_is() -> None:
    succeeded = run().record(1065.0)
    assert (succeeded["Status"], succeeded["EndTime"], succeeded["LastUpdated"]) == (
        "SUCCEEDED",
        1065.0,
        1065.0,
    )
    assert succeeded["DPUSeconds"] == 240.0
    assert "ErrorMessage" not in succeeded
    assert run().record(99_999.0) == succeeded


def test_a_failed_run_tells_a_cause() -> None:
    assert run(outcome=RunStatus.FAILED).record(1065.0)["ErrorMessage"] == DEFAULT_ERROR_MESSAGE
    told = run(outcome=RunStatus.FAILED, error_message="line 1\nline 2")
    assert told.record(1065.0)["ErrorMessage"] == "line 1\nline 2"
    assert "ErrorMessage" not in told.record(1064.0)


def test_figures_and_end_time_can_come_late() -> None:
    late = run(figures_delay=30.0, end_time_delay=60.0)
    assert late.record(1064.0).keys().isdisjoint({"DPUSeconds", "ProcessedBytes", "EndTime"})
    assert late.record(1094.0).keys().isdisjoint({"DPUSeconds", "ProcessedBytes", "EndTime"})
    with_figures = late.record(1095.0)
    assert (with_figures["DPUSeconds"], with_figures["LastUpdated"]) == (240.0, 1095.0)
    assert "EndTime" not in with_figures
    complete = late.record(1125.0)
    assert (complete["EndTime"], complete["LastUpdated"]) == (1065.0, 1125.0)


def test_raw_members_replace_those_of_the_script() -> None:
    odd = run(members={"Status": "QUEUED", "DPUSeconds": "many"}, missing=frozenset({"CreationTime"}))
    record = odd.record(1020.0)
    assert (record["Status"], record["DPUSeconds"]) == ("QUEUED", "many")
    assert "CreationTime" not in record


def test_a_run_without_a_refresh_type_does_not_report_one() -> None:
    assert "RefreshType" not in run(refresh_type=None).record(1020.0)


def test_a_run_can_hang() -> None:
    assert run(duration=math.inf).record(1e9)["Status"] == "RUNNING"


def test_a_stopped_run_goes_on_a_little() -> None:
    stopped = run()
    stopped.stop_requested = 1030.0
    assert stopped.record(1030.9)["Status"] == "RUNNING"
    record = stopped.record(1031.0)
    assert (record["Status"], record["EndTime"], record["DPUSeconds"]) == ("STOPPED", 1031.0, 104.0)


def test_a_run_that_is_stopped_before_it_starts_never_started() -> None:
    stopped = run(start_delay=100.0)
    stopped.stop_requested = 1010.0
    record = stopped.record(1011.0)
    assert (record["Status"], record["LastUpdated"]) == ("STOPPED", 1011.0)
    assert record.keys().isdisjoint({"StartTime", "DPUSeconds", "ProcessedBytes"})


def test_a_stop_that_comes_after_the_end_changes_nothing() -> None:
    ended = run()
    ended.stop_requested = 1064.5
    assert ended.record(1100.0)["Status"] == "SUCCEEDED"


@pytest.mark.parametrize("outcome", [RunStatus.STARTING, RunStatus.RUNNING])
def test_a_run_cannot_end_in_a_status_that_is_no_end(outcome: RunStatus) -> None:
    with pytest.raises(ValueError, match=f"a run cannot end as {outcome}"):
        RunScript(outcome=outcome)


def test_boto3_reads_the_states_as_the_clock_moves(
    glue: SimulatedGlue, clock: ManualClock, get_run: Callable[[str], dict[str, Any]]
) -> None:
    run_id = glue.runs().add_run("sales", "daily", RunScript(start_delay=5, duration=10))
    created = clock.time()
    assert get_run(run_id)["Status"] == "STARTING"
    clock.advance(5)
    assert get_run(run_id)["Status"] == "RUNNING"
    clock.advance(10)
    ended = get_run(run_id)
    assert ended["Status"] == "SUCCEEDED"
    assert ended["EndTime"] == datetime.fromtimestamp(created + 15, UTC)
    assert ended["DPUSeconds"] == 40.0
