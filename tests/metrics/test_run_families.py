"""A run, and the text of its series."""

from typing import Any

import pytest

from exporter.metrics import Exposition
from exporter.metrics.run_families import is_final
from exporter.model.run import RunKey
from exporter.store.series import RunSeries, SeriesChanges
from tests.support.clock import ManualClock
from tests.support.run_series import run_series

NOW = 1700000100.0


def samples(series: RunSeries) -> list[str]:
    """Return the lines of a run's series, without the metadata."""
    exposition = Exposition(ManualClock(NOW), process_metrics=False)
    exposition.apply(SeriesChanges(runs={series.key: series}))
    body = exposition.scrape().body().decode()
    return [line for line in body.splitlines() if not line.startswith("#")]


def values_of(name: str, series: RunSeries) -> list[str]:
    """Return the values of one family's samples."""
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


def test_a_run_that_is_not_configured_by_its_id_has_no_run_up() -> None:
    """Runs of watched views come from listings."""
    assert values_of("glue_mv_refresh_run_up", run_series(up=None)) == []
    assert values_of("glue_mv_refresh_run_info", run_series(up=None)) == ["1"]


@pytest.mark.parametrize(
    ("member", "family"),
    [
        ("dpu_seconds", "glue_mv_refresh_run_dpu_seconds"),
        ("processed_bytes", "glue_mv_refresh_run_processed_bytes"),
        ("creation_time", "glue_mv_refresh_run_creation_timestamp_seconds"),
        ("start_time", "glue_mv_refresh_run_start_timestamp_seconds"),
        ("end_time", "glue_mv_refresh_run_end_timestamp_seconds"),
        ("last_updated", "glue_mv_refresh_run_last_updated_timestamp_seconds"),
    ],
)
def test_what_glue_has_not_reported_is_absent_and_zero_is_zero(member: str, family: str) -> None:
    """Never a 0 for the unknown, nor the other way round."""
    nothing: dict[str, Any] = {member: None}
    zero: dict[str, Any] = {member: 0}
    assert values_of(family, run_series(**nothing)) == []
    assert values_of(family, run_series(**zero)) == ["0"]


def test_labels_without_a_value_are_empty() -> None:
    """A record need not name its database, table, role or customer."""
    lines = samples(run_series(database=None, table=None, role=None, customer_id=None, refresh_type=None))
    (line,) = (one for one in lines if "_info{" in one)
    assert 'database="",table="",run_id=' in line
    assert 'refresh_type="UNKNOWN",role="",customer_id=""} 1' in line


def test_an_unlisted_status_adds_a_series_unknown() -> None:
    """The five listed ones are 0 then."""
    lines = [line for line in samples(run_series(status="PAUSED")) if "_run_status{" in line]
    assert [line.rpartition(" ")[2] for line in lines] == ["0", "0", "0", "0", "0", "1"]
    assert 'status="UNKNOWN"} 1' in lines[-1]


def test_no_status_means_no_status_series() -> None:
    """A run may be reported without any status."""
    assert values_of("glue_mv_refresh_run_status", run_series(status=None)) == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"status": "RUNNING", "end_time": None}, ["90.000"]),
        ({"status": "RUNNING", "end_time": None, "start_time": NOW + 5}, ["0.000"]),
        ({"status": "STARTING", "start_time": None, "end_time": None}, []),
        ({"status": "SUCCEEDED", "end_time": None}, []),
        ({"status": "FAILED", "start_time": 1700000080.0}, ["0.0"]),
        ({"status": "PAUSED", "end_time": None}, ["90.000"]),
        ({"status": None, "end_time": None}, ["90.000"]),
    ],
)
def test_duration(members: dict[str, Any], expected: list[str]) -> None:
    """Until now while the run goes on, never negative, absent where an end or a start is missing."""
    series = run_series(**members)
    assert values_of("glue_mv_refresh_run_duration_seconds", series) == expected
    assert series.run is not None
    duration = series.run.duration(NOW)
    assert [float(value) for value in expected] == ([] if duration is None else [duration])


@pytest.mark.parametrize(
    ("series", "final"),
    [
        (run_series(), True),
        (run_series(status="RUNNING", end_time=None), False),
        (run_series(status="STARTING", start_time=None, end_time=None), False),
        (RunSeries(RunKey("r", "c", "i"), None, up=False), True),
    ],
)
def test_a_run_in_progress_is_not_final(series: RunSeries, *, final: bool) -> None:
    """It changes with every poll, and with the clock."""
    assert is_final(series) is final
