"""The exporter as a whole and its targets, and the text of their series."""

from dataclasses import replace

from exporter.clock import Clock
from exporter.errors import Reason
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import NO_LABELS, histogram
from exporter.model.sharding import Shard
from exporter.store.series import OPERATIONS, ExporterSeries, RequestStats, SeriesChanges, TargetSeries

GET = "GetMaterializedViewRefreshTaskRun"
EXPORTER = ExporterSeries(
    version="1.2.3",
    python_version="3.11.7",
    boto3_version="1.44.5",
    last_reload_successful=False,
    last_reload_success_time=1700000000.5,
)


def target(requests: RequestStats | None = None) -> TargetSeries:
    return TargetSeries(target="prod", aws_region="eu-west-1", requests=requests or RequestStats())


def samples(series: TargetSeries | ExporterSeries) -> list[str]:
    exposition = Exposition(Clock(), process_metrics=False)
    if isinstance(series, TargetSeries):
        exposition.apply(SeriesChanges(targets={series.target: series}))
    else:
        exposition.apply(SeriesChanges(exporter=series))
    return [line for line in exposition.scrape().body().decode().splitlines() if not line.startswith("#")]


def without_requests(series: TargetSeries) -> list[str]:
    return [line for line in samples(series) if "_api_request" not in line]


def test_a_polled_target_has_all_series() -> None:
    requests = RequestStats()
    requests.glue_time(98.5, ours=100.0, monotonic=7.0)
    series = replace(
        target(requests),
        catalog_id="123456789012",
        up=True,
        last_poll_time=1700000000.5,
        last_success_time=1700000000.5,
        last_poll_duration=0.25,
        views=4,
        runs={"active": 1, "settling": 0, "settled": 3, "unfetched": 2},
        source_tables={"read": 7, "unreadable": 0},
    )
    assert without_requests(series) == [
        'glue_mv_exporter_target_info{target="prod",aws_region="eu-west-1",catalog_id="123456789012"} 1',
        'glue_mv_exporter_target_up{target="prod"} 1',
        'glue_mv_exporter_target_last_poll_timestamp_seconds{target="prod"} 1700000000.5',
        'glue_mv_exporter_target_last_success_timestamp_seconds{target="prod"} 1700000000.5',
        'glue_mv_exporter_target_last_poll_duration_seconds{target="prod"} 0.25',
        'glue_mv_exporter_target_views{target="prod"} 4',
        'glue_mv_exporter_target_runs{target="prod",state="active"} 1',
        'glue_mv_exporter_target_runs{target="prod",state="settling"} 0',
        'glue_mv_exporter_target_runs{target="prod",state="settled"} 3',
        'glue_mv_exporter_target_runs{target="prod",state="unfetched"} 2',
        'glue_mv_exporter_target_source_tables{target="prod",state="read"} 7',
        'glue_mv_exporter_target_source_tables{target="prod",state="unreadable"} 0',
        'glue_mv_exporter_target_clock_skew_seconds{target="prod"} -1.5',
    ]


def test_a_target_before_its_first_poll_has_its_info_and_its_counters() -> None:
    """Whether it is up is not known yet, nor its catalog."""
    info = 'glue_mv_exporter_target_info{target="prod",aws_region="eu-west-1",catalog_id=""} 1'
    assert without_requests(target()) == [info]
    failed = replace(target(), up=False, last_poll_time=5.0)
    assert without_requests(failed) == [
        info,
        'glue_mv_exporter_target_up{target="prod"} 0',
        'glue_mv_exporter_target_last_poll_timestamp_seconds{target="prod"} 5.0',
    ]


def test_every_combination_of_operation_and_reason_starts_at_0() -> None:
    """Or the first failure would be no increase."""
    assert [line for line in samples(target()) if "_total" in line] == [
        *(
            f'glue_mv_exporter_api_requests_total{{target="prod",operation="{operation}"}} 0'
            for operation in OPERATIONS
        ),
        *(
            "glue_mv_exporter_api_request_failures_total"
            f'{{target="prod",operation="{operation}",reason="{reason}"}} 0'
            for operation in OPERATIONS
            for reason in Reason
        ),
    ]


def test_request_durations_are_a_cumulative_histogram() -> None:
    """``le`` is written the same way in both formats, or the format would change the series."""
    requests = RequestStats()
    for seconds in (0.0625, 0.0625, 0.75, 11.0):
        requests.attempt(GET, seconds)
    name = "glue_mv_exporter_api_request_duration_seconds"
    labels = f'target="prod",operation="{GET}"'
    counts = {"0.05": 0, "0.1": 2, "0.25": 2, "0.5": 2, "1.0": 3, "2.5": 3, "5.0": 3, "10.0": 3, "+Inf": 4}
    assert [line for line in samples(target(requests)) if name in line and GET in line] == [
        *(f'{name}_bucket{{{labels},le="{bound}"}} {count}' for bound, count in counts.items()),
        f"{name}_count{{{labels}}} 4",
        f"{name}_sum{{{labels}}} 11.875",
    ]


def test_whole_bounds_are_written_as_floats() -> None:
    """``le="60"`` and ``le="60.0"`` would be two series."""
    labels = [sample.labels for sample in histogram(NO_LABELS, (60, 120), (1, 0, 2), 300.5)]
    assert labels == ['le="60.0"', 'le="120.0"', 'le="+Inf"', "", ""]


def test_the_exporter_shows_its_versions_and_its_last_reload() -> None:
    """Golden; of an external URL and of a state on disk, only where they are."""
    name = "glue_mv_exporter_"
    everything = replace(
        EXPORTER,
        external_url="https://glue.example.org/exporter",
        poll_interval=30.0,
        shard=Shard(1, 3),
        storage_last_write_successful=False,
        storage_write_failures=3,
    )
    optional = [
        f'{name}web_info{{external_url="https://glue.example.org/exporter"}} 1',
        f"{name}storage_last_write_successful 0",
        f"{name}storage_write_failures_total 3",
    ]
    assert samples(everything) == [
        f'{name}build_info{{version="1.2.3",python_version="3.11.7",boto3_version="1.44.5"}} 1',
        optional[0],
        f'{name}shard_info{{shard="1",shards="3"}} 1',
        f"{name}poll_interval_seconds 30.0",
        f"{name}config_last_reload_successful 0",
        f"{name}config_last_reload_success_timestamp_seconds 1700000000.5",
        *optional[1:],
    ]
    assert samples(replace(EXPORTER, poll_interval=30.0, shard=Shard(1, 3))) == [
        line for line in samples(everything) if line not in optional
    ]


def test_request_counters_are_those_of_the_moment_of_the_scrape() -> None:
    """A poll may go on for a while before it commits."""
    requests = RequestStats()
    exposition = Exposition(Clock())
    exposition.apply(SeriesChanges(targets={"prod": target(requests)}))
    line = f'glue_mv_exporter_api_requests_total{{target="prod",operation="{GET}"}} '.encode()
    assert line + b"0\n" in exposition.scrape().body()
    requests.attempt(GET, 0.1)
    assert line + b"1\n" in exposition.scrape().body()
