"""The families of the exporter as a whole, and of each target: its last poll, its requests to AWS."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from exporter.metrics.text import Family, Labels, Sample, histogram, info, joined, labels, optional
from exporter.store.series import DURATION_BUCKETS, ExporterSeries, OperationCounts, TargetSeries


def _of_target(name: str, text: str, read: Callable[[TargetSeries], float | None]) -> Family[TargetSeries]:
    """Make a family that has one value per target."""
    return Family(name, text, ("target",), lambda series, own: optional(own, read(series)))


def _info(series: TargetSeries, own: Labels) -> Sequence[Sample]:
    # Without a catalog ID as well: alerts join this series, and a target without credentials needs them most.
    return info(own, aws_region=series.aws_region, catalog_id=series.catalog_id or "")


def _by_state(
    name: str, text: str, read: Callable[[TargetSeries], Mapping[str, int]]
) -> Family[TargetSeries]:
    """Make a family that has one value per target and state."""

    def samples(series: TargetSeries, own: Labels) -> Iterator[Sample]:
        for state, number in read(series).items():
            yield Sample(joined(own, labels(state=state)), number)

    return Family(name, text, ("target", "state"), samples)


def _by_operation(series: TargetSeries, own: Labels) -> Iterator[tuple[Labels, OperationCounts]]:
    for operation, counts in series.requests.read().items():
        yield joined(own, labels(operation=operation)), counts


def _requests(series: TargetSeries, own: Labels) -> Iterator[Sample]:
    for operation, counts in _by_operation(series, own):
        yield Sample(operation, counts.requests)


def _request_failures(series: TargetSeries, own: Labels) -> Iterator[Sample]:
    for operation, counts in _by_operation(series, own):
        for reason, count in counts.failures.items():
            yield Sample(joined(operation, labels(reason=reason.value)), count)


def _request_durations(series: TargetSeries, own: Labels) -> Iterator[Sample]:
    for operation, counts in _by_operation(series, own):
        yield from histogram(operation, DURATION_BUCKETS, counts.duration_buckets, counts.duration_sum)


TARGET_FAMILIES: tuple[Family[TargetSeries], ...] = (
    Family(
        "glue_mv_exporter_target_info",
        "Always 1: the region and catalog of a target; the catalog ID is empty until it is known.",
        ("target", "aws_region", "catalog_id"),
        _info,
    ),
    _of_target(
        "glue_mv_exporter_target_up",
        "1 if the target's last poll read everything but run IDs that Glue does not know, 0 if not.",
        lambda series: series.up,
    ),
    _of_target(
        "glue_mv_exporter_target_last_poll_timestamp_seconds",
        "When the target's last poll ended, however it ended, as Unix time in seconds.",
        lambda series: series.last_poll_time,
    ),
    _of_target(
        "glue_mv_exporter_target_last_success_timestamp_seconds",
        "When the target's last successful poll ended, as Unix time in seconds.",
        lambda series: series.last_success_time,
    ),
    _of_target(
        "glue_mv_exporter_target_last_poll_duration_seconds",
        "Seconds that the target's last poll took.",
        lambda series: series.last_poll_duration,
    ),
    _of_target(
        "glue_mv_exporter_target_views",
        "Views that the target watches.",
        lambda series: series.views,
    ),
    _by_state(
        "glue_mv_exporter_target_runs",
        (
            "Runs that the target watches: active (not ended), settling (ended, still read), settled "
            "(never fetched again), unfetched (not read yet, or unknown to Glue)."
        ),
        lambda series: series.runs,
    ),
    _by_state(
        "glue_mv_exporter_target_source_tables",
        (
            "Source tables of the target's views: read (when they change is known), or unreadable (denied, "
            "missing, of another region, or no Iceberg tables)."
        ),
        lambda series: series.source_tables,
    ),
    _of_target(
        "glue_mv_exporter_target_clock_skew_seconds",
        "Seconds that Glue's clock is ahead of ours, from the Date header of its last answer.",
        lambda series: series.requests.clock_skew,
    ),
    Family(
        "glue_mv_exporter_api_requests_total",
        "HTTP requests to AWS, every attempt of botocore's retries included.",
        ("target", "operation"),
        _requests,
        "counter",
    ),
    Family(
        "glue_mv_exporter_api_request_failures_total",
        "Failed requests to AWS by reason, every attempt of botocore's retries included.",
        ("target", "operation", "reason"),
        _request_failures,
        "counter",
    ),
    Family(
        "glue_mv_exporter_api_request_duration_seconds",
        "Seconds that HTTP requests to AWS took, each attempt of its own.",
        ("target", "operation"),
        _request_durations,
        "histogram",
    ),
)


def _build_info(series: ExporterSeries, own: Labels) -> Sequence[Sample]:
    python, boto3 = series.python_version, series.boto3_version
    return info(own, version=series.version, python_version=python, boto3_version=boto3)


def _of_exporter(
    name: str, text: str, read: Callable[[ExporterSeries], float | None]
) -> Family[ExporterSeries]:
    """Make a family of one value."""
    return Family(name, text, (), lambda series, own: optional(own, read(series)))


EXPORTER_FAMILIES: tuple[Family[ExporterSeries], ...] = (
    Family(
        "glue_mv_exporter_build_info",
        "Always 1: the versions of the exporter, of Python and of boto3.",
        ("version", "python_version", "boto3_version"),
        _build_info,
    ),
    Family(
        "glue_mv_exporter_web_info",
        "Always 1: the URL under which people reach the exporter; absent without --web.external-url.",
        ("external_url",),
        lambda series, own: info(own, external_url=series.external_url) if series.external_url else (),
    ),
    Family(
        "glue_mv_exporter_shard_info",
        "Always 1: this process's number among those that share the targets, from 0, and their count.",
        ("shard", "shards"),
        lambda series, own: info(own, shard=str(series.shard.index), shards=str(series.shard.count)),
    ),
    _of_exporter(
        "glue_mv_exporter_poll_interval_seconds",
        "Seconds between two polls of a target, as configured.",
        lambda series: series.poll_interval,
    ),
    _of_exporter(
        "glue_mv_exporter_config_last_reload_successful",
        "1 if the configuration was valid when it was last read; 0 if the previous one is still in use.",
        lambda series: series.last_reload_successful,
    ),
    _of_exporter(
        "glue_mv_exporter_config_last_reload_success_timestamp_seconds",
        "When a valid configuration was last read, as Unix time in seconds.",
        lambda series: series.last_reload_success_time,
    ),
    _of_exporter(
        "glue_mv_exporter_storage_last_write_successful",
        "1 if the state could be written to --storage.path the last time, 0 if not; absent without it.",
        lambda series: series.storage_last_write_successful,
    ),
    Family(
        "glue_mv_exporter_storage_write_failures_total",
        "Times that the state could not be written to --storage.path; absent without it.",
        (),
        lambda series, own: optional(own, series.storage_write_failures),
        "counter",
    ),
)
