"""A run, and the text of its series."""

from exporter.metrics.exposition import Exposition
from exporter.store.series import RunSeries, SeriesChanges
from tests.support.clock import ManualClock
from tests.support.run_series import run_series

NOW = 1700000100.0


def samples(series: RunSeries) -> list[str]:
    exposition = Exposition(ManualClock(NOW), process_metrics=False)
    exposition.apply(SeriesChanges(runs={series.key: series}))
    body = exposition.scrape().body().decode()
    return [line for line in body.splitlines() if not line.startswith("#")]


def test_a_succeeded_run_has_all_series() -> None:
    """Golden: this is what users query. What Glue does not report: tests/e2e/test_values.py."""
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
