"""The families of one run: configured by its ID, or among a watched view's newest or active ones."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from exporter.metrics.text import (
    NO_LABELS,
    Elapsed,
    Family,
    Labels,
    Sample,
    Samples,
    escape,
    info,
    joined,
    labels,
    optional,
)
from exporter.model.run import UNKNOWN, Run, RunKey, Status
from exporter.store.series import RunSeries

_KEY = ("aws_region", "catalog_id", "run_id")
_RUN = ("aws_region", "catalog_id", "database", "table", "run_id")
_LISTED = tuple(status.value for status in Status)


def run_labels(series: RunSeries) -> Labels:
    """Write the labels that most of a run's series carry."""
    run = series.run or Run(run_id="")
    return _labels(series.key, labels(database=run.database or "", table=run.table or ""))


def _labels(key: RunKey, table: Labels) -> Labels:
    catalog = labels(aws_region=key.aws_region, catalog_id=key.catalog_id)
    run_id = Labels(f'run_id="{escape(key.run_id)}"')  # there are too many to cache them like other labels
    return joined(joined(catalog, table), run_id)


@cache
def _states(status: str) -> Sequence[tuple[Labels, int]]:
    shown = (*_LISTED, UNKNOWN) if status == UNKNOWN else _LISTED
    return [(labels(status=one), int(one == status)) for one in shown]


def status_samples(own: Labels, status: str | None) -> Sequence[Sample]:
    """Return a sample for each listed status, 1 for the given one, else 0; UNKNOWN only where it is given.

    None for None: no status was reported.
    """
    return () if status is None else [Sample(joined(own, state), value) for state, value in _states(status)]


def _of_run(read: Callable[[Run, Labels], Iterable[Sample]]) -> Samples[RunSeries]:
    """Make the samples of a family that says nothing of a run that was never read."""
    return lambda series, own: () if series.run is None else read(series.run, own)


def _gauge(name: str, text: str, read: Callable[[Run], float | None]) -> Family[RunSeries]:
    """Make a family of one value that Glue reported."""
    return Family(name, text, _RUN, lambda series, own: optional(own, series.run and read(series.run)))


def _up(series: RunSeries, _: Labels) -> Sequence[Sample]:
    return optional(_labels(series.key, NO_LABELS), series.up)


def _info(run: Run, own: Labels) -> Sequence[Sample]:
    role, customer_id = run.role or "", run.customer_id or ""
    return info(own, refresh_type=run.refresh_type_label, role=role, customer_id=customer_id)


def _duration(run: Run, own: Labels) -> Sequence[Sample]:
    if run.ended or run.start_time is None:
        return optional(own, run.whole_duration)
    return [Sample(own, Elapsed(run.start_time))]


def is_final(series: RunSeries) -> bool:
    """Return whether the run's series will hardly change again."""
    return series.run is None or series.run.ended


RUN_FAMILIES: tuple[Family[RunSeries], ...] = (
    Family(
        "glue_mv_refresh_run_up",
        "1 if the last attempt to fetch this configured run succeeded, or it is settled; 0 if not.",
        _KEY,
        _up,
    ),
    Family(
        "glue_mv_refresh_run_status",
        "1 for the run's current status, 0 for the others; UNKNOWN for one that the API does not list.",
        (*_RUN, "status"),
        _of_run(lambda run, own: status_samples(own, run.status_label)),
    ),
    _gauge(
        "glue_mv_refresh_run_dpu_seconds",
        "DPU seconds that the run consumed, over all its workers; 3600 of them are a DPU-hour.",
        lambda run: run.dpu_seconds,
    ),
    _gauge(
        "glue_mv_refresh_run_processed_bytes", "Bytes that the run scanned.", lambda run: run.processed_bytes
    ),
    _gauge(
        "glue_mv_refresh_run_creation_timestamp_seconds",
        "When the run was created, as Unix time in seconds.",
        lambda run: run.creation_time,
    ),
    _gauge(
        "glue_mv_refresh_run_start_timestamp_seconds",
        "When the run started, as Unix time in seconds.",
        lambda run: run.start_time,
    ),
    _gauge(
        "glue_mv_refresh_run_end_timestamp_seconds",
        "When the run ended, as Unix time in seconds.",
        lambda run: run.end_time,
    ),
    _gauge(
        "glue_mv_refresh_run_last_updated_timestamp_seconds",
        "When Glue last updated the run's record, as Unix time in seconds.",
        lambda run: run.last_updated,
    ),
    Family(
        "glue_mv_refresh_run_info",
        "Always 1: what is known of the run besides its figures.",
        (*_RUN, "refresh_type", "role", "customer_id"),
        _of_run(_info),
    ),
    # The last of all: its live lines are written at each scrape, after everything else of runs and views.
    Family(
        "glue_mv_refresh_run_duration_seconds",
        "Seconds from the run's start to its end, or until now while it is in progress.",
        _RUN,
        _of_run(_duration),
    ),
)
