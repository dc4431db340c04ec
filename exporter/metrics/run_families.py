"""The families of one run: configured by its ID, or among a watched view's newest or active ones."""

from functools import cache, lru_cache
from operator import attrgetter
from typing import NamedTuple

from exporter.metrics.family import Elapsed, Family, OneState, OneValue, States
from exporter.metrics.labels import NO_LABELS, Labels, escape, joined, labels
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
    own_labels: Labels
    """Those that are known of a run that was never read."""

    @classmethod
    def of(cls, series: RunSeries) -> "RunFigures":
        """Write the labels, once for all of the run's series."""
        (region, catalog, run_id), run, up = series
        last = f'run_id="{escape(run_id)}"'
        run = run or _NEVER_READ
        table = _table(region, catalog, run.database or "", run.table or "")
        own = NO_LABELS if up is None else Labels(f"{_catalog(region, catalog)},{last}")
        return cls(run, up, Labels(f"{table},{last}"), own)


@cache
def status_states(status: str | None) -> States | None:
    """Return a label for every listed status with 1 for the given one, else 0; UNKNOWN only where it is it.

    None for None: no status was reported.
    """
    if status is None:
        return None
    shown = (*_LISTED, UNKNOWN) if status == UNKNOWN else _LISTED
    return States.of((labels(status=one), int(one == status)) for one in shown)


@lru_cache(maxsize=1024)
def _catalog(region: str, catalog: str) -> Labels:
    return labels(aws_region=region, catalog_id=catalog)


@lru_cache(maxsize=1024)
def _table(region: str, catalog: str, database: str, table: str) -> Labels:
    return joined(_catalog(region, catalog), labels(database=database, table=table))


def _value(field: str) -> OneValue[RunFigures]:
    """Make the samples of a family that says what Glue reported in one field of the run."""
    return OneValue(attrgetter(f"run.{field}"))


def _status(figures: RunFigures) -> States | None:
    return status_states(figures.run.status_label)


def _duration(figures: RunFigures) -> float | Elapsed | None:
    run = figures.run
    if run.ended:
        return run.whole_duration
    return None if run.start_time is None else Elapsed(run.start_time)


def _info(figures: RunFigures) -> States | None:
    if (run := figures.run) is _NEVER_READ:
        return None
    return _more(run.refresh_type_label, run.role or "", run.customer_id or "")


@lru_cache(maxsize=1024)
def _more(refresh_type: str, role: str, customer_id: str) -> States:
    return States.of([(labels(refresh_type=refresh_type, role=role, customer_id=customer_id), 1)])


def _up(figures: RunFigures) -> int | None:
    return None if figures.up is None else int(figures.up)


RUN_FAMILIES: tuple[Family[RunFigures], ...] = (
    Family(
        name="glue_mv_refresh_run_up",
        type="gauge",
        help="1 if the last attempt to fetch this configured run succeeded, or it is settled; 0 if not.",
        labels=_KEY,
        samples=OneValue(_up, labels=attrgetter("own_labels")),
    ),
    Family(
        name="glue_mv_refresh_run_status",
        type="gauge",
        help="1 for the run's current status, 0 for the others; UNKNOWN for one that the API does not list.",
        labels=(*_RUN, "status"),
        samples=OneState(_status),
    ),
    Family(
        name="glue_mv_refresh_run_dpu_seconds",
        type="gauge",
        help="DPU seconds that the run consumed, over all its workers; 3600 of them are a DPU-hour.",
        labels=_RUN,
        unit="DPU seconds",
        samples=_value("dpu_seconds"),
    ),
    Family(
        name="glue_mv_refresh_run_processed_bytes",
        type="gauge",
        help="Bytes that the run scanned.",
        labels=_RUN,
        unit="bytes",
        samples=_value("processed_bytes"),
    ),
    Family(
        name="glue_mv_refresh_run_creation_timestamp_seconds",
        type="gauge",
        help="When the run was created, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value("creation_time"),
    ),
    Family(
        name="glue_mv_refresh_run_start_timestamp_seconds",
        type="gauge",
        help="When the run started, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value("start_time"),
    ),
    Family(
        name="glue_mv_refresh_run_end_timestamp_seconds",
        type="gauge",
        help="When the run ended, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value("end_time"),
    ),
    Family(
        name="glue_mv_refresh_run_last_updated_timestamp_seconds",
        type="gauge",
        help="When Glue last updated the run's record, as Unix time in seconds.",
        labels=_RUN,
        unit="Unix time in seconds",
        samples=_value("last_updated"),
    ),
    Family(
        name="glue_mv_refresh_run_info",
        type="gauge",
        help="Always 1: what is known of the run besides its figures.",
        labels=(*_RUN, "refresh_type", "role", "customer_id"),
        samples=OneState(_info),
    ),
    # The last of all: what follows its growing lines could not be joined with what is before them.
    Family(
        name="glue_mv_refresh_run_duration_seconds",
        type="gauge",
        help="Seconds from the run's start to its end, or until now while it goes on.",
        labels=_RUN,
        unit="seconds",
        samples=OneValue(_duration),
    ),
)


def run_rests(series: RunSeries) -> bool:
    """Tell whether the run's series will hardly change again."""
    return series.run is None or series.run.ended
