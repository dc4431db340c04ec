"""The families of the exporter as a whole."""

from collections.abc import Iterator

from exporter.metrics.family import Family, Sample
from exporter.metrics.labels import NO_LABELS, labels
from exporter.store.series import ExporterSeries


def _build_info(series: ExporterSeries) -> Iterator[Sample]:
    versions = labels(
        version=series.version, python_version=series.python_version, boto3_version=series.boto3_version
    )
    yield Sample(versions, 1)


def _storage_up(series: ExporterSeries) -> Iterator[Sample]:
    if series.storage_last_write_successful is not None:
        yield Sample(NO_LABELS, int(series.storage_last_write_successful))


def _storage_failures(series: ExporterSeries) -> Iterator[Sample]:
    if series.storage_write_failures is not None:
        yield Sample(NO_LABELS, series.storage_write_failures)


EXPORTER_FAMILIES: tuple[Family[ExporterSeries], ...] = (
    Family(
        name="glue_mv_exporter_build_info",
        type="gauge",
        help="Always 1: the versions of the exporter, of Python and of boto3.",
        labels=("version", "python_version", "boto3_version"),
        samples=_build_info,
    ),
    Family(
        name="glue_mv_exporter_config_last_reload_successful",
        type="gauge",
        help=(
            "1 if the configuration, and that of the web server, was valid when it was last read;"
            " 0 if the one before is still in use."
        ),
        labels=(),
        samples=lambda series: [Sample(NO_LABELS, int(series.last_reload_successful))],
    ),
    Family(
        name="glue_mv_exporter_config_last_reload_success_timestamp_seconds",
        type="gauge",
        help="When a valid configuration was last read, as Unix time in seconds.",
        labels=(),
        unit="Unix time in seconds",
        samples=lambda series: [Sample(NO_LABELS, series.last_reload_success_time)],
    ),
    Family(
        name="glue_mv_exporter_storage_last_write_successful",
        type="gauge",
        help="1 if the state could be written to --storage.path the last time, 0 if not; absent without it.",
        labels=(),
        samples=_storage_up,
    ),
    Family(
        name="glue_mv_exporter_storage_write_failures_total",
        type="counter",
        help="Times that the state could not be written to --storage.path; absent without it.",
        labels=(),
        samples=_storage_failures,
    ),
)
