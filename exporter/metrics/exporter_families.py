"""The families of the exporter as a whole."""

from collections.abc import Callable, Sequence

from exporter.metrics.text import NO_LABELS, Family, Sample, labels, optional
from exporter.store.series import ExporterSeries


def _build_info(series: ExporterSeries) -> Sequence[Sample]:
    versions = labels(
        version=series.version, python_version=series.python_version, boto3_version=series.boto3_version
    )
    return [Sample(versions, 1)]


def _web_info(series: ExporterSeries) -> Sequence[Sample]:
    return [] if series.external_url is None else [Sample(labels(external_url=series.external_url), 1)]


def _shard_info(series: ExporterSeries) -> Sequence[Sample]:
    return [Sample(labels(shard=str(series.shard), shards=str(series.shards)), 1)]


def _value(read: Callable[[ExporterSeries], float | None]) -> Callable[[ExporterSeries], Sequence[Sample]]:
    """Make the samples of a family that has one value."""
    return lambda series: optional(NO_LABELS, read(series))


def _storage_up(series: ExporterSeries) -> int | None:
    successful = series.storage_last_write_successful
    return None if successful is None else int(successful)


EXPORTER_FAMILIES: tuple[Family[ExporterSeries], ...] = (
    Family(
        name="glue_mv_exporter_build_info",
        help="Always 1: the versions of the exporter, of Python and of boto3.",
        labels=("version", "python_version", "boto3_version"),
        samples=_build_info,
    ),
    Family(
        name="glue_mv_exporter_web_info",
        help="Always 1: the URL under which people reach the exporter; absent without --web.external-url.",
        labels=("external_url",),
        samples=_web_info,
    ),
    Family(
        name="glue_mv_exporter_shard_info",
        help="Always 1: this process's number among those that share the targets, from 0, and their count.",
        labels=("shard", "shards"),
        samples=_shard_info,
    ),
    Family(
        name="glue_mv_exporter_poll_interval_seconds",
        help="Seconds between two polls of a target, as configured.",
        labels=(),
        samples=_value(lambda series: series.poll_interval),
    ),
    Family(
        name="glue_mv_exporter_config_last_reload_successful",
        help=(
            "1 if the configuration, and that of the web server, was valid when it was last read;"
            " 0 if the one before is still in use."
        ),
        labels=(),
        samples=_value(lambda series: int(series.last_reload_successful)),
    ),
    Family(
        name="glue_mv_exporter_config_last_reload_success_timestamp_seconds",
        help="When a valid configuration was last read, as Unix time in seconds.",
        labels=(),
        samples=_value(lambda series: series.last_reload_success_time),
    ),
    Family(
        name="glue_mv_exporter_storage_last_write_successful",
        help="1 if the state could be written to --storage.path the last time, 0 if not; absent without it.",
        labels=(),
        samples=_value(_storage_up),
    ),
    Family(
        name="glue_mv_exporter_storage_write_failures_total",
        type="counter",
        help="Times that the state could not be written to --storage.path; absent without it.",
        labels=(),
        samples=_value(lambda series: series.storage_write_failures),
    ),
)
