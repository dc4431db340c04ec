"""The families of one run: configured by its ID, or among a watched view's newest or active ones."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from exporter.metrics.family import Elapsed, Family, Labels, Sample
from exporter.model.run import UNKNOWN, Run, Status
from exporter.store.series import RunSeries

_KEY = ("aws_region", "catalog_id", "run_id")
_RUN = ("aws_region", "catalog_id", "database", "table", "run_id")


_LISTED = tuple(status.value for status in Status)


@cache
def status_values(status: str | None) -> tuple[tuple[str, int], ...]:
    """Return every listed status with 1 for the given label value, else 0; UNKNOWN only where it is the one.

    Nothing for None: no status was reported.
    """
    if status is None:
        return ()
    values = tuple((listed, int(listed == status)) for listed in _LISTED)
    return (*values, (UNKNOWN, 1)) if status == UNKNOWN else values


def _labels(series: RunSeries, run: Run) -> Labels:
    return (
        ("aws_region", series.key.aws_region),
        ("catalog_id", series.key.catalog_id),
        ("database", run.database or ""),
        ("table", run.table or ""),
        ("run_id", series.key.run_id),
    )


def _value(read: Callable[[Run], float | Elapsed | None]) -> Callable[[RunSeries], Iterable[Sample]]:
    """Make the samples of a family that has one value per run."""

    def samples(series: RunSeries) -> Iterator[Sample]:
        if series.run is not None and (value := read(series.run)) is not None:
            yield Sample(_labels(series, series.run), value)

    return samples


def _status(series: RunSeries) -> Iterator[Sample]:
    if series.run is not None:
        labels = _labels(series, series.run)
        for status, value in status_values(series.run.status_label):
            yield Sample((*labels, ("status", status)), value)


def _duration(run: Run) -> float | Elapsed | None:
    if run.ended or run.start_time is None:
        return run.duration(now=0.0)  # an ended run's duration does not depend on now
    return Elapsed(run.start_time)


def _info(series: RunSeries) -> Iterator[Sample]:
    if (run := series.run) is not None:
        extra = (
            ("refresh_type", run.refresh_type_label),
            ("role", run.role or ""),
            ("customer_id", run.customer_id or ""),
        )
        yield Sample((*_labels(series, run), *extra), 1)


def _up(series: RunSeries) -> Iterator[Sample]:
    if series.up is not None:
        labels = tuple(zip(_KEY, series.key, strict=True))
        yield Sample(labels, int(series.up))


RUN_FAMILIES: tuple[Family[RunSeries], ...] = (
    Family(
        name="glue_mv_refresh_run_up",
        type="gauge",
        help="1 if the last attempt to fetch this configured run succeeded, or it is settled; 0 if not.",
        labels=_KEY,
        samples=_up,
    ),
    Family(
        name="glue_mv_refresh_run_status",
        type="gauge",
        help="1 for the run's current status, 0 for the others; UNKNOWN for one that the API does not list.",
        labels=(*_RUN, "status"),
        samples=_status,
    ),
    Family(
        name="glue_mv_refresh_run_duration_seconds",
        type="gauge",
        help="Seconds from the run's start to its end, or until now while it goes on.",
        labels=_RUN,
        unit="seconds",
        samples=_value(_duration),
    ),
    Family(
        name="glue_mv_refresh_run_dpu_seconds",
        type="gauge",
        help="DPU seconds that the run consumed, over all its workers; 3600 of them are a DPU-hour.",
        labels=_RUN,
        unit="DPU seconds",
        samples=_value(lambda run: run.dpu_seconds),
    ),
    Family(
        name="glue_mv_refresh_run_processed_bytes",
        type="gauge",
        help="Bytes that the run scanned.",
        labels=_RUN,
        unit="bytes",
        samples=_value(lambda run: run.processed_bytes),
    ),
    Family(
        name="glue_mv_refresh_run_creation_timestamp_seconds",
        type="gauge",
        help="When the run was created, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value(lambda run: run.creation_time),
    ),
    Family(
        name="glue_mv_refresh_run_start_timestamp_seconds",
        type="gauge",
        help="When the run started, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value(lambda run: run.start_time),
    ),
    Family(
        name="glue_mv_refresh_run_end_timestamp_seconds",
        type="gauge",
        help="When the run ended, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value(lambda run: run.end_time),
    ),
    Family(
        name="glue_mv_refresh_run_last_updated_timestamp_seconds",
        type="gauge",
        help="When Glue last updated the run's record, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value(lambda run: run.last_updated),
    ),
    Family(
        name="glue_mv_refresh_run_info",
        type="gauge",
        help="Always 1: what is known of the run besides its figures.",
        labels=(*_RUN, "refresh_type", "role", "customer_id"),
        samples=_info,
    ),
)


def run_rests(series: RunSeries) -> bool:
    """Tell whether the run's series will hardly change again."""
    return series.run is None or series.run.ended
