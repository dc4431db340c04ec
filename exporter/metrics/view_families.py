"""The families of one watched view: whether or not it has runs, and whether or not these are shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from exporter.metrics.run_families import status_samples
from exporter.metrics.text import Family, Labels, Sample, histogram, joined, labels, optional
from exporter.model.causes import cause_of
from exporter.model.run import REFRESH_TYPES, Run
from exporter.store.counters import COUNTED_STATUSES, DURATION_BUCKETS, ViewCounters
from exporter.store.series import ViewFacts, ViewSeries

_VIEW = ("aws_region", "catalog_id", "database", "table")


class ViewFigures(NamedTuple):
    """A view's series together with the labels that all of them carry."""

    target: str
    up: bool
    facts: ViewFacts | None
    labels: Labels

    @classmethod
    def of(cls, series: ViewSeries) -> "ViewFigures":
        """Write the labels, once for all of the view's series."""
        return cls(series.target, series.up, series.facts, labels(**series.key._asdict()))


_Samples = Callable[[ViewFigures], Iterable[Sample]]


def _of_facts(read: Callable[[ViewFacts, Labels], Iterable[Sample]]) -> _Samples:
    """Make the samples of a family that says nothing of a view that Glue does not know."""
    return lambda figures: () if figures.facts is None else read(figures.facts, figures.labels)


def _value(read: Callable[[ViewFacts], float | None]) -> _Samples:
    """Make the samples of a family that has one value per view."""
    return _of_facts(lambda facts, own: optional(own, read(facts)))


def _of_success(read: Callable[[Run], float | None]) -> _Samples:
    return _value(lambda facts: None if facts.last_success is None else read(facts.last_success))


def _by_type(read: Callable[[ViewCounters], Mapping[str, float]]) -> _Samples:
    """Make the samples of a family that has a counter for each refresh type."""
    return _of_facts(
        lambda facts, own: [Sample(joined(own, kind), read(facts.counters)[name]) for name, kind in _TYPES]
    )


_TYPES = [(name, labels(refresh_type=name)) for name in REFRESH_TYPES]
_KINDS = [
    ((status, kind), labels(status=str(status), refresh_type=kind))
    for status in COUNTED_STATUSES
    for kind in REFRESH_TYPES
]


def _info(figures: ViewFigures) -> Sequence[Sample]:
    if figures.facts is None:
        return ()
    facts = figures.facts
    managed = "" if facts.managed is None else str(facts.managed).lower()
    more = labels(
        target=figures.target, refresh_mode=facts.refresh_mode, managed=managed, owner=facts.owner or ""
    )
    return [Sample(joined(figures.labels, more), 1)]


def _last_run_status(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    return () if facts.last_run is None else status_samples(own, facts.last_run.status_label)


def _last_run_info(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    if (run := facts.last_run) is None:
        return ()
    return [Sample(joined(own, labels(run_id=run.run_id, refresh_type=run.refresh_type_label)), 1)]


def _last_failure_info(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    if (run := facts.last_failure) is None:
        return ()
    return [Sample(joined(own, labels(run_id=run.run_id, cause=cause_of(run.error_message).value)), 1)]


def _runs(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    return [Sample(joined(own, kind), facts.counters.runs[key]) for key, kind in _KINDS]


def _durations(facts: ViewFacts, own: Labels) -> Iterable[Sample]:
    return histogram(own, DURATION_BUCKETS, facts.counters.durations, facts.counters.duration_sum)


VIEW_FAMILIES: tuple[Family[ViewFigures], ...] = (
    Family(
        name="glue_mv_refresh_view_up",
        help="1 if the last poll read the view's runs; 0 if not: its other values are then the last good.",
        labels=_VIEW,
        samples=lambda figures: [Sample(figures.labels, int(figures.up))],
    ),
    Family(
        name="glue_mv_refresh_view_info",
        help="Always 1: the view's target, whether it refreshes by itself (scheduled) or not (manual; "
        "unknown where the catalog's tables may not be read), whether Glue manages it (true, false, or "
        "empty where Glue does not say), and who is told when it is in trouble.",
        labels=(*_VIEW, "target", "refresh_mode", "managed", "owner"),
        samples=_info,
    ),
    Family(
        name="glue_mv_refresh_view_creation_timestamp_seconds",
        help="When the view was created, as Unix time in seconds.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.creation_time),
    ),
    Family(
        name="glue_mv_refresh_view_expected_interval_seconds",
        help="Seconds between two refreshes, as configured or else by the view's own schedule.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.expected_interval),
    ),
    Family(
        name="glue_mv_refresh_view_data_timestamp_seconds",
        help="When the view's data was last refreshed, by a run or by a new snapshot that was seen, "
        "as Unix time in seconds.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.data_time),
    ),
    Family(
        name="glue_mv_refresh_view_source_updated_timestamp_seconds",
        help="When a source table of the view was last updated, as Unix time in seconds; absent unless all "
        "of them can be read and are Iceberg tables.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.source_updated_time),
    ),
    Family(
        name="glue_mv_refresh_view_stale_since_timestamp_seconds",
        help="Since when the view lacks something, as Unix time in seconds: the first change of a source "
        "after its newest refresh began; if the sources' times are not known, the last refresh, else the "
        "creation. Absent while it lacks nothing.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.stale_since),
    ),
    Family(
        name="glue_mv_refresh_view_last_run_status",
        help="1 for the status of the view's newest run, 0 for the others; "
        "UNKNOWN for one that the API does not list.",
        labels=(*_VIEW, "status"),
        samples=_of_facts(_last_run_status),
    ),
    Family(
        name="glue_mv_refresh_view_last_run_info",
        help="Always 1: the ID and refresh type of the view's newest run.",
        labels=(*_VIEW, "run_id", "refresh_type"),
        samples=_of_facts(_last_run_info),
    ),
    Family(
        name="glue_mv_refresh_view_last_run_creation_timestamp_seconds",
        help="When the view's newest run was created, as Unix time in seconds.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.last_run.creation_time if facts.last_run else None),
    ),
    Family(
        name="glue_mv_refresh_view_last_success_timestamp_seconds",
        help="When the view's newest succeeded run ended, as Unix time in seconds.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.last_success_time),
    ),
    Family(
        name="glue_mv_refresh_view_last_success_duration_seconds",
        help="Seconds from start to end of the view's newest succeeded run.",
        labels=_VIEW,
        samples=_of_success(lambda run: run.duration(0.0)),
    ),
    Family(
        name="glue_mv_refresh_view_last_success_dpu_seconds",
        help="DPU seconds that the view's newest succeeded run consumed; 3600 of them are a DPU-hour.",
        labels=_VIEW,
        samples=_of_success(lambda run: run.dpu_seconds),
    ),
    Family(
        name="glue_mv_refresh_view_last_success_processed_bytes",
        help="Bytes that the view's newest succeeded run scanned.",
        labels=_VIEW,
        samples=_of_success(lambda run: run.processed_bytes),
    ),
    Family(
        name="glue_mv_refresh_view_last_failure_timestamp_seconds",
        help="When the view's newest failed run ended, as Unix time in seconds.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.last_failure_time),
    ),
    Family(
        name="glue_mv_refresh_view_last_failure_info",
        help="Always 1: the view's newest failed run since its last success, and the cause of the failure, "
        "from its error message.",
        labels=(*_VIEW, "run_id", "cause"),
        samples=_of_facts(_last_failure_info),
    ),
    Family(
        name="glue_mv_refresh_view_consecutive_failures",
        help="Failed runs of the view since its last success; stopped and unknown runs do not matter.",
        labels=_VIEW,
        samples=_value(lambda facts: facts.consecutive_failures),
    ),
    Family(
        name="glue_mv_refresh_view_runs_total",
        type="counter",
        help="Ended runs of the view, each counted once, under the status and type first seen.",
        labels=(*_VIEW, "status", "refresh_type"),
        samples=_of_facts(_runs),
    ),
    Family(
        name="glue_mv_refresh_view_dpu_seconds_total",
        type="counter",
        help="DPU seconds that the view's counted runs consumed.",
        labels=(*_VIEW, "refresh_type"),
        samples=_by_type(lambda counters: counters.dpu_seconds),
    ),
    Family(
        name="glue_mv_refresh_view_processed_bytes_total",
        type="counter",
        help="Bytes that the view's counted runs scanned.",
        labels=(*_VIEW, "refresh_type"),
        samples=_by_type(lambda counters: counters.processed_bytes),
    ),
    Family(
        name="glue_mv_refresh_view_run_duration_seconds",
        type="histogram",
        help="Seconds from start to end of the view's counted runs that succeeded.",
        labels=_VIEW,
        samples=_of_facts(_durations),
    ),
)
