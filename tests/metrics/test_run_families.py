"""A run, and the text of its series."""

from typing import Any

import pytest

from exporter.metrics import Exposition
from exporter.model.run import RunKey
from exporter.store.series import RunSeries, SeriesChanges
from tests.support.clock import ManualClock
from tests.support.run_series import run_series

NOW = 1700000100.0


def samples(series: RunSeries) -> list[str]:
    exposition = Exposition(ManualClock(NOW), process_metrics=False)
    exposition.apply(SeriesChanges(runs={series.key: series}))
    body = exposition.scrape().body().decode()
    return [line for line in body.splitlines() if not line.startswith("#")]


def values_of(name: str, series: RunSeries) -> list[str]:
    return [line.rpartition(" ")[2] for line in samples(series) if line.startswith(f"{name}{{")]


def test_a_succeeded_run_has_all_series() -> None:
    """Golden: this is what users query."""
    key = 'aws_region="eu-west-1",catalog_id="123456789012"'
    run_id = 'run_id="0f8fad5b-d9cb-469f-a165-70867728950e"'
    run = f'{key},database="sales",table="daily_orders",{run_id}'
    info = 'refresh_type="INCREMENTAL",role="arn:aws:iam::123456789012:role/glue",customer_id="123456789012"'
    assert samples(run_series()) == [
        f"glue_mv_refresh_run_up{{{key},{run_id}}} 1",
        f'glue_mv_refresh_run_status{{{run},status="STARTING"}} 0',
        f'glue_mv_refresh_run_status{{{run},status="RUNNING"}} 0',
        f'glue_mv_refresh_run_status{{{run},status="SUCCEEDED"}} 1',
        f'glue_mv_refresh_run_status{{{run},status="FAILED"}} 0',
        f'glue_mv_refresh_run_status{{{run},status="STOPPED"}} 0',
        f"glue_mv_refresh_run_dpu_seconds{{{run}}} 120.5",
        f"glue_mv_refresh_run_processed_bytes{{{run}}} 4096",
        f"glue_mv_refresh_run_creation_timestamp_seconds{{{run}}} 1700000000.5",
        f"glue_mv_refresh_run_start_timestamp_seconds{{{run}}} 1700000010.0",
        f"glue_mv_refresh_run_end_timestamp_seconds{{{run}}} 1700000070.25",
        f"glue_mv_refresh_run_last_updated_timestamp_seconds{{{run}}} 1700000071.0",
        f"glue_mv_refresh_run_info{{{run},{info}}} 1",
        f"glue_mv_refresh_run_duration_seconds{{{run}}} 60.25",
    ]


def test_a_run_that_was_never_read_has_run_up_alone() -> None:
    """From the first poll on, even for an ID that Glue does not know."""
    series = RunSeries(RunKey("eu-west-1", "123456789012", "some-id"), None, up=False)
    assert samples(series) == [
        'glue_mv_refresh_run_up{aws_region="eu-west-1",catalog_id="123456789012",run_id="some-id"} 0'
    ]


@pytest.mark.parametrize(
    ("member", "family"),
    [
        ("dpu_seconds", "dpu_seconds"),
        ("processed_bytes", "processed_bytes"),
        ("creation_time", "creation_timestamp_seconds"),
        ("start_time", "start_timestamp_seconds"),
        ("end_time", "end_timestamp_seconds"),
        ("last_updated", "last_updated_timestamp_seconds"),
    ],
)
def test_what_glue_has_not_reported_is_absent_and_zero_is_zero(member: str, family: str) -> None:
    nothing: dict[str, Any] = {member: None}
    zero: dict[str, Any] = {member: 0}
    assert values_of(f"glue_mv_refresh_run_{family}", run_series(**nothing)) == []
    assert values_of(f"glue_mv_refresh_run_{family}", run_series(**zero)) == ["0"]


def test_labels_without_a_value_are_empty() -> None:
    lines = samples(run_series(database=None, table=None, role=None, customer_id=None, refresh_type=None))
    (line,) = (one for one in lines if "_info{" in one)
    assert 'database="",table="",run_id=' in line
    assert 'refresh_type="UNKNOWN",role="",customer_id=""} 1' in line
