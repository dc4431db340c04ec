"""The families of one run: configured by its ID, or among a watched view's newest or active ones."""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from exporter.metrics.text import Elapsed, Family, Labels, Sample, escape, joined, labels, optional
from exporter.model.run import UNKNOWN, Run, Status
from exporter.store.series import RunSeries

_KEY = ("aws_region", "catalog_id", "run_id")
_RUN = ("aws_region", "catalog_id", "database", "table", "run_id")

_NEVER_READ = Run(run_id="")
_LISTED = tuple(status.value for status in Status)


class RunFigures(NamedTuple):
    """A run's series together with the labels that most of them carry."""

    run: Run
    """One without any value where there is none."""
    up: bool | None
    labels: Labels
    key_labels: Labels
    """Those that are known of a run that was never read."""

    @classmethod
    def of(cls, series: RunSeries) -> "RunFigures":
        """Write the labels, once for all of the run's series."""
        key, run, up = series
        run = run or _NEVER_READ
        catalog = labels(aws_region=key.aws_region, catalog_id=key.catalog_id)
        table = labels(database=run.database or "", table=run.table or "")
        own_id = Labels(
            f'run_id="{escape(key.run_id)}"'
        )  # unlike other labels it is not cached: there are many
        return cls(run, up, Labels(f"{catalog},{table},{own_id}"), Labels(f"{catalog},{own_id}"))


@cache
def _states(status: str) -> Sequence[tuple[Labels, int]]:
    shown = (*_LISTED, UNKNOWN) if status == UNKNOWN else _LISTED
    return [(labels(status=one), int(one == status)) for one in shown]


def status_samples(own: Labels, status: str | None) -> Sequence[Sample]:
    """Return a sample for each listed status, 1 for the given one, else 0; UNKNOWN only where it is given.

    None for None: no status was reported.
    """
    return () if status is None else [Sample(joined(own, state), value) for state, value in _states(status)]


def _value(field: str) -> Callable[[RunFigures], Sequence[Sample]]:
    """Make the samples of a family that says what Glue reported in one field of the run."""
    read: Callable[[Run], float | None] = attrgetter(field)
    return lambda figures: optional(figures.labels, read(figures.run))


def _up(figures: RunFigures) -> Sequence[Sample]:
    return optional(figures.key_labels, None if figures.up is None else int(figures.up))


def _status(figures: RunFigures) -> Sequence[Sample]:
    return status_samples(figures.labels, figures.run.status_label)


def _info(figures: RunFigures) -> Sequence[Sample]:
    if (run := figures.run) is _NEVER_READ:
        return ()
    more = labels(refresh_type=run.refresh_type_label, role=run.role or "", customer_id=run.customer_id or "")
    return [Sample(joined(figures.labels, more), 1)]


def _duration(figures: RunFigures) -> Sequence[Sample]:
    run = figures.run
    if run.ended or run.start_time is None:
        return optional(figures.labels, run.whole_duration)
    return [Sample(figures.labels, Elapsed(run.start_time))]


def is_final(series: RunSeries) -> bool:
    """Return whether the run's series will hardly change again."""
    return series.run is None or series.run.ended


RUN_FAMILIES: tuple[Family[RunFigures], ...] = (
    Family(
        name="glue_mv_refresh_run_up",
        help="1 if the last attempt to fetch this configured run succeeded, or it is settled; 0 if not.",
        labels=_KEY,
        samples=_up,
    ),
    Family(
        name="glue_mv_refresh_run_status",
        help="1 for the run's current status, 0 for the others; UNKNOWN for one that the API does not list.",
        labels=(*_RUN, "status"),
        samples=_status,
    ),
    Family(
        name="glue_mv_refresh_run_dpu_seconds",
        help="DPU seconds that the run consumed, over all its workers; 3600 of them are a DPU-hour.",
        labels=_RUN,
        samples=_value("dpu_seconds"),
    ),
    Family(
        name="glue_mv_refresh_run_processed_bytes",
        help="Bytes that the run scanned.",
        labels=_RUN,
        samples=_value("processed_bytes"),
    ),
    Family(
        name="glue_mv_refresh_run_creation_timestamp_seconds",
        help="When the run was created, as Unix time in seconds.",
        labels=_RUN,
        samples=_value("creation_time"),
    ),
    Family(
        name="glue_mv_refresh_run_start_timestamp_seconds",
        help="When the run started, as Unix time in seconds.",
        labels=_RUN,
        samples=_value("start_time"),
    ),
    Family(
        name="glue_mv_refresh_run_end_timestamp_seconds",
        help="When the run ended, as Unix time in seconds.",
        labels=_RUN,
        samples=_value("end_time"),
    ),
    Family(
        name="glue_mv_refresh_run_last_updated_timestamp_seconds",
        help="When Glue last updated the run's record, as Unix time in seconds.",
        labels=_RUN,
        samples=_value("last_updated"),
    ),
    Family(
        name="glue_mv_refresh_run_info",
        help="Always 1: what is known of the run besides its figures.",
        labels=(*_RUN, "refresh_type", "role", "customer_id"),
        samples=_info,
    ),
    # The last of all: its live lines are written at each scrape, after everything else of runs and views.
    Family(
        name="glue_mv_refresh_run_duration_seconds",
        help="Seconds from the run's start to its end, or until now while it is in progress.",
        labels=_RUN,
        samples=_duration,
    ),
)
