"""What Glue reports of a run, moment by moment: by default it starts after 5 s and ends after 65."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.simulated_glue import RunScript, RunStatus, SimulatedGlue
from exporter.simulated_glue.script import DEFAULT_ERROR_MESSAGE
from tests.support.clock import START, ManualClock

ACCOUNT = "123456789012"
After = Callable[[float], dict[str, Any]]


@pytest.fixture
def run(
    glue: SimulatedGlue, clock: ManualClock, get_run: Callable[[str], dict[str, Any]]
) -> Callable[..., After]:
    """Add a run; then return its record so many seconds after its creation."""

    def add(**script: Any) -> After:
        run_id = glue.runs().add_run("sales", "daily", RunScript(**script))

        def after(seconds: float) -> dict[str, Any]:
            clock.advance(START + seconds - clock.time())
            return get_run(run_id)

        return after

    return add


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def test_a_starting_run_has_no_times_but_its_creation(run: Callable[..., After]) -> None:
    record = run()(4.9)
    assert record.pop("MaterializedViewRefreshTaskRunId")
    assert record == {
        "CustomerId": ACCOUNT,
        "DatabaseName": "sales",
        "TableName": "daily",
        "CatalogId": ACCOUNT,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/MaterializedViewDefiner",
        "Status": "STARTING",
        "CreationTime": at(0),
        "LastUpdated": at(0),
        "RefreshType": "INCREMENTAL",
    }


def test_the_figures_of_a_running_run_grow(run: Callable[..., After]) -> None:
    after = run(dpu_rate=4.0, bytes_rate=100.0)
    first, later = after(5.0), after(15.5)
    assert (first["Status"], first["DPUSeconds"], first["ProcessedBytes"]) == ("RUNNING", 0.0, 0)
    assert (later["DPUSeconds"], later["ProcessedBytes"]) == (42.0, 1050)
    assert (later["StartTime"], later["LastUpdated"]) == (at(5), at(15.5))
    assert "EndTime" not in later


def test_an_ended_run_stays_as_it_is(run: Callable[..., After]) -> None:
    after = run()
    succeeded = after(65)
    assert (succeeded["Status"], succeeded["EndTime"], succeeded["LastUpdated"]) == (
        "SUCCEEDED", at(65), at(65),
    )  # fmt: skip
    assert succeeded["DPUSeconds"] == 240.0
    assert "ErrorMessage" not in succeeded
    assert after(99_999) == succeeded


def test_a_failed_run_has_a_cause(run: Callable[..., After]) -> None:
    usual = run(outcome=RunStatus.FAILED)
    written = run(outcome=RunStatus.FAILED, error_message="line 1\nline 2")
    assert "ErrorMessage" not in usual(64)
    assert usual(65)["ErrorMessage"] == DEFAULT_ERROR_MESSAGE
    assert written(65)["ErrorMessage"] == "line 1\nline 2"


def test_a_run_can_hang(run: Callable[..., After]) -> None:
    assert run(duration=math.inf)(1e9)["Status"] == "RUNNING"


@pytest.mark.parametrize(
    ("start_delay", "stop", "outcome"),
    [(5, 30, ("STOPPED", 104.0)), (100, 10, ("STOPPED", None)), (5, 64.5, ("SUCCEEDED", 240.0))],
    ids=["running", "before it starts", "just before its end"],
)
def test_a_stopped_run_goes_on_for_a_second(
    glue: SimulatedGlue,
    run: Callable[..., After],
    start_delay: float,
    stop: float,
    outcome: tuple[str, float | None],
) -> None:
    """``outcome``: status and DPU seconds."""
    after = run(start_delay=start_delay)
    assert after(stop)["Status"] in {"STARTING", "RUNNING"}
    glue.runs().stop("sales", "daily")
    ended = after(stop + 1)
    assert (ended["Status"], ended.get("DPUSeconds")) == outcome
    assert ("StartTime" in ended) == ("DPUSeconds" in ended)
    assert ended["LastUpdated"] == ended["EndTime"]
