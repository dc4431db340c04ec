"""Targets and the exporter as a whole, and the text of their series."""

import pytest

from exporter.clock import SystemClock
from exporter.errors import Reason
from exporter.metrics import Exposition
from exporter.metrics.exporter_families import EXPORTER_FAMILIES
from exporter.metrics.target_families import TARGET_FAMILIES, TargetFigures
from exporter.metrics.text import NO_LABELS, histogram, render
from exporter.store.series import OPERATIONS, ExporterSeries, RequestStats, SeriesChanges, TargetSeries

GET = "GetMaterializedViewRefreshTaskRun"


def lines_of(series: TargetSeries, name: str) -> list[str]:
    """Return the lines of one family of a target."""
    rendered = render(TARGET_FAMILIES, TargetFigures.of(series))
    place = [family.name for family in TARGET_FAMILIES].index(name)
    return rendered.lines[place].decode().splitlines()


def test_a_polled_target_has_all_series() -> None:
    """Golden, but for the requests."""
    requests = RequestStats()
    requests.glue_time(98.5, ours=100.0, monotonic=7.0)
    series = TargetSeries(
        target="prod",
        aws_region="eu-west-1",
        catalog_id="123456789012",
        requests=requests,
        up=True,
        last_poll_time=1700000000.5,
        last_success_time=1700000000.5,
        last_poll_duration=0.25,
        runs={"settled": 3, "active": 1, "settling": 0, "unfetched": 2},
    )
    text = b"".join(render(TARGET_FAMILIES, TargetFigures.of(series)).lines).decode()
    assert [line for line in text.splitlines() if "_api_request" not in line] == [
        'glue_mv_exporter_target_info{target="prod",aws_region="eu-west-1",catalog_id="123456789012"} 1',
        'glue_mv_exporter_target_up{target="prod"} 1',
        'glue_mv_exporter_target_last_poll_timestamp_seconds{target="prod"} 1700000000.5',
        'glue_mv_exporter_target_last_success_timestamp_seconds{target="prod"} 1700000000.5',
        'glue_mv_exporter_target_last_poll_duration_seconds{target="prod"} 0.25',
        'glue_mv_exporter_target_runs{target="prod",state="active"} 1',
        'glue_mv_exporter_target_runs{target="prod",state="settling"} 0',
        'glue_mv_exporter_target_runs{target="prod",state="settled"} 3',
        'glue_mv_exporter_target_runs{target="prod",state="unfetched"} 2',
        'glue_mv_exporter_target_clock_skew_seconds{target="prod"} -1.5',
    ]


def test_a_target_before_its_first_poll_has_its_info_and_its_counters() -> None:
    """Whether it is up is not known yet, nor its catalog."""
    series = TargetSeries(target="prod", aws_region="eu-west-1", requests=RequestStats())
    text = b"".join(render(TARGET_FAMILIES, TargetFigures.of(series)).lines).decode()
    assert [line for line in text.splitlines() if "_api_request" not in line] == [
        'glue_mv_exporter_target_info{target="prod",aws_region="eu-west-1",catalog_id=""} 1'
    ]


def test_a_failed_poll_shows_as_0() -> None:
    """The times of the last success stay as they were."""
    series = TargetSeries(
        target="prod", aws_region="eu-west-1", requests=RequestStats(), up=False, last_poll_time=5.0
    )
    assert lines_of(series, "glue_mv_exporter_target_up") == ['glue_mv_exporter_target_up{target="prod"} 0']
    assert lines_of(series, "glue_mv_exporter_target_last_success_timestamp_seconds") == []


def test_every_combination_of_operation_and_reason_starts_at_0() -> None:
    """Or the first failure would be no increase."""
    series = TargetSeries(target="prod", aws_region="eu-west-1", requests=RequestStats())
    assert lines_of(series, "glue_mv_exporter_api_requests_total") == [
        f'glue_mv_exporter_api_requests_total{{target="prod",operation="{operation}"}} 0'
        for operation in OPERATIONS
    ]
    assert lines_of(series, "glue_mv_exporter_api_request_failures_total") == [
        "glue_mv_exporter_api_request_failures_total"
        f'{{target="prod",operation="{operation}",reason="{reason}"}} 0'
        for operation in OPERATIONS
        for reason in Reason
    ]


def test_request_durations_are_a_cumulative_histogram() -> None:
    """``le`` is written the same way in both formats, or the format would change the series."""
    requests = RequestStats()
    for seconds in (0.0625, 0.0625, 0.75, 11.0):
        requests.attempt(GET, seconds)
    series = TargetSeries(target="prod", aws_region="eu-west-1", requests=requests)
    name = "glue_mv_exporter_api_request_duration_seconds"
    lines = [line for line in lines_of(series, name) if GET in line]
    labels = f'target="prod",operation="{GET}"'
    counts = {"0.05": 0, "0.1": 2, "0.25": 2, "0.5": 2, "1.0": 3, "2.5": 3, "5.0": 3, "10.0": 3, "+Inf": 4}
    assert lines == [
        *(f'{name}_bucket{{{labels},le="{bound}"}} {count}' for bound, count in counts.items()),
        f"{name}_count{{{labels}}} 4",
        f"{name}_sum{{{labels}}} 11.875",
    ]


def test_whole_bounds_are_written_as_floats() -> None:
    """``le="60"`` and ``le="60.0"`` would be two series."""
    labels = [sample.labels for sample in histogram(NO_LABELS, (60, 120), (1, 0, 2), 300.5)]
    assert labels == ['le="60.0"', 'le="120.0"', 'le="+Inf"', "", ""]


def test_the_exporter_shows_its_versions_and_its_last_reload() -> None:
    """Golden."""
    series = ExporterSeries(
        version="1.2.3",
        python_version="3.11.7",
        boto3_version="1.44.5",
        external_url="https://glue.example.org/exporter",
        shard=1,
        shards=3,
        poll_interval=30.0,
        last_reload_successful=False,
        last_reload_success_time=1700000000.5,
    )
    name = "glue_mv_exporter_"
    assert b"".join(render(EXPORTER_FAMILIES, series).lines).decode().splitlines() == [
        f'{name}build_info{{version="1.2.3",python_version="3.11.7",boto3_version="1.44.5"}} 1',
        f'{name}web_info{{external_url="https://glue.example.org/exporter"}} 1',
        f'{name}shard_info{{shard="1",shards="3"}} 1',
        f"{name}poll_interval_seconds 30.0",
        f"{name}config_last_reload_successful 0",
        f"{name}config_last_reload_success_timestamp_seconds 1700000000.5",
    ]


@pytest.mark.parametrize(("successful", "failures"), [(True, 0), (False, 3)])
def test_with_a_state_on_disk_the_exporter_shows_how_writing_it_goes(
    *, successful: bool, failures: int
) -> None:
    series = ExporterSeries(
        version="1.2.3",
        python_version="3.11.7",
        boto3_version="1.44.5",
        last_reload_successful=True,
        last_reload_success_time=1700000000.5,
        storage_last_write_successful=successful,
        storage_write_failures=failures,
    )
    assert b"".join(render(EXPORTER_FAMILIES, series).lines).decode().splitlines()[-2:] == [
        f"glue_mv_exporter_storage_last_write_successful {int(successful)}",
        f"glue_mv_exporter_storage_write_failures_total {failures}",
    ]


def test_request_counters_are_those_of_the_moment_of_the_scrape() -> None:
    """A poll may go on for a while before it commits."""
    requests = RequestStats()
    exposition = Exposition(SystemClock())
    series = TargetSeries(target="prod", aws_region="eu-west-1", requests=requests)
    exposition.apply(SeriesChanges(targets={"prod": series}))
    line = f'glue_mv_exporter_api_requests_total{{target="prod",operation="{GET}"}} '.encode()
    assert line + b"0\n" in exposition.scrape().body()
    requests.attempt(GET, 0.1)
    assert line + b"1\n" in exposition.scrape().body()
