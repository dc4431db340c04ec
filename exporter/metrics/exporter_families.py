"""The families of the exporter as a whole."""

from collections.abc import Iterator

from exporter.metrics.family import Family, Sample
from exporter.store.series import ExporterSeries


def _build_info(series: ExporterSeries) -> Iterator[Sample]:
    labels = (
        ("version", series.version),
        ("python_version", series.python_version),
        ("boto3_version", series.boto3_version),
    )
    yield Sample(labels, 1)


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
        help="1 if the configuration was valid when it was last read, 0 if the one before is still in use.",
        labels=(),
        samples=lambda series: [Sample((), int(series.last_reload_successful))],
    ),
    Family(
        name="glue_mv_exporter_config_last_reload_success_timestamp_seconds",
        type="gauge",
        help="When a valid configuration was last read, as Unix time in seconds.",
        labels=(),
        unit="Unix time in seconds",
        samples=lambda series: [Sample((), series.last_reload_success_time)],
    ),
)
