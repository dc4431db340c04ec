"""The families of one watched view: whether or not it has runs, and whether or not these are shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from exporter.metrics.run_families import status_samples
from exporter.metrics.text import Family, Labels, Sample, Samples, histogram, info, joined, labels, optional
from exporter.model.causes import cause_of
from exporter.model.run import REFRESH_TYPES, Run
from exporter.store.counters import COUNTED_KINDS, DURATION_BUCKETS, ViewCounters
from exporter.store.series import ViewFacts, ViewSeries

_VIEW = ("aws_region", "catalog_id", "database", "table")


def view_labels(series: ViewSeries) -> Labels:
    """Write the labels that all of a view's series carry."""
    return labels(**series.key._asdict())


def _of_facts(read: Callable[[ViewFacts, Labels], Iterable[Sample]]) -> Samples[ViewSeries]:
    """Make the samples of a family that says nothing of a view that Glue does not know."""
    return lambda series, own: () if series.facts is None else read(series.facts, own)


def _gauge(name: str, text: str, read: Callable[[ViewFacts], float | None]) -> Family[ViewSeries]:
    """Make a family of one value."""
    return Family(name, text, _VIEW, _of_facts(lambda facts, own: optional(own, read(facts))))


def _of_success(read: Callable[[Run], float | None]) -> Callable[[ViewFacts], float | None]:
    return lambda facts: None if facts.last_success is None else read(facts.last_success)


def _by_type(read: Callable[[ViewCounters], Mapping[str, float]]) -> Samples[ViewSeries]:
    """Make the samples of a family that has a counter for each refresh type."""
    return _of_facts(
        lambda facts, own: [Sample(joined(own, kind), read(facts.counters)[name]) for name, kind in _TYPES]
    )


_TYPES = [(name, labels(refresh_type=name)) for name in REFRESH_TYPES]
_KINDS = [(kind, labels(status=str(kind[0]), refresh_type=kind[1])) for kind in COUNTED_KINDS]


def _info(series: ViewSeries, own: Labels) -> Sequence[Sample]:
    if (facts := series.facts) is None:
        return ()
    managed = "" if facts.managed is None else str(facts.managed).lower()
    owner = facts.owner or ""
    return info(own, target=series.target, refresh_mode=facts.refresh_mode, managed=managed, owner=owner)


def _last_run_status(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    return () if facts.last_run is None else status_samples(own, facts.last_run.status_label)


def _last_run_info(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    if (run := facts.last_run) is None:
        return ()
    return info(own, run_id=run.run_id, refresh_type=run.refresh_type_label)


def _last_failure_info(facts: ViewFacts, own: Labels) -> Sequence[Sample]:
    if (run := facts.last_failure) is None:
        return ()
    return info(own, run_id=run.run_id, cause=cause_of(run.error_message).value)


def _durations(facts: ViewFacts, own: Labels) -> Iterable[Sample]:
    return histogram(own, DURATION_BUCKETS, facts.counters.durations, facts.counters.duration_sum)


VIEW_FAMILIES: tuple[Family[ViewSeries], ...] = (
    Family(
        "glue_mv_refresh_view_up",
        "1 if the last poll read the view's runs; 0 if not: its other values are then the last good.",
        _VIEW,
        lambda series, own: optional(own, series.up),
    ),
    Family(
        "glue_mv_refresh_view_info",
        (
            "Always 1: the view's target, whether it refreshes by itself (scheduled) or not (manual; "
            "unknown where the catalog's tables may not be read), whether Glue manages it (true, false, or "
            "empty where Glue does not say), and who is told when it is in trouble."
        ),
        (*_VIEW, "target", "refresh_mode", "managed", "owner"),
        _info,
    ),
    _gauge(
        "glue_mv_refresh_view_creation_timestamp_seconds",
        "When the view was created, as Unix time in seconds.",
        lambda facts: facts.creation_time,
    ),
    _gauge(
        "glue_mv_refresh_view_expected_interval_seconds",
        "Seconds between two refreshes, as configured or else by the view's own schedule.",
        lambda facts: facts.expected_interval,
    ),
    _gauge(
        "glue_mv_refresh_view_data_timestamp_seconds",
        "When the view's data was last refreshed, by a run or otherwise, as Unix time in seconds.",
        lambda facts: facts.data_time,
    ),
    _gauge(
        "glue_mv_refresh_view_source_updated_timestamp_seconds",
        "When a source last changed, as Unix time in seconds; absent unless all are readable Iceberg tables.",
        lambda facts: facts.source_updated_time,
    ),
    _gauge(
        "glue_mv_refresh_view_stale_since_timestamp_seconds",
        (
            "Since when the view lacks something, as Unix time in seconds: the first change of a source "
            "after its newest refresh began; if the sources' times are not known, the last refresh, else "
            "the creation. Absent while it lacks nothing."
        ),
        lambda facts: facts.stale_since,
    ),
    Family(
        "glue_mv_refresh_view_last_run_status",
        "1 for the newest run's status, 0 for the others; UNKNOWN for one that the API does not list.",
        (*_VIEW, "status"),
        _of_facts(_last_run_status),
    ),
    Family(
        "glue_mv_refresh_view_last_run_info",
        "Always 1: the ID and refresh type of the view's newest run.",
        (*_VIEW, "run_id", "refresh_type"),
        _of_facts(_last_run_info),
    ),
    _gauge(
        "glue_mv_refresh_view_last_run_creation_timestamp_seconds",
        "When the view's newest run was created, as Unix time in seconds.",
        lambda facts: facts.last_run.creation_time if facts.last_run else None,
    ),
    _gauge(
        "glue_mv_refresh_view_last_success_timestamp_seconds",
        "When the view's newest succeeded run ended, as Unix time in seconds.",
        lambda facts: facts.last_success_time,
    ),
    _gauge(
        "glue_mv_refresh_view_last_success_duration_seconds",
        "Seconds from start to end of the view's newest succeeded run.",
        _of_success(lambda run: run.whole_duration),
    ),
    _gauge(
        "glue_mv_refresh_view_last_success_dpu_seconds",
        "DPU seconds that the view's newest succeeded run consumed; 3600 of them are a DPU-hour.",
        _of_success(lambda run: run.dpu_seconds),
    ),
    _gauge(
        "glue_mv_refresh_view_last_success_processed_bytes",
        "Bytes that the view's newest succeeded run scanned.",
        _of_success(lambda run: run.processed_bytes),
    ),
    _gauge(
        "glue_mv_refresh_view_last_failure_timestamp_seconds",
        "When the view's newest failed run ended, as Unix time in seconds.",
        lambda facts: facts.last_failure_time,
    ),
    Family(
        "glue_mv_refresh_view_last_failure_info",
        "Always 1: the newest failed run since the view's last success, and the cause by its error message.",
        (*_VIEW, "run_id", "cause"),
        _of_facts(_last_failure_info),
    ),
    _gauge(
        "glue_mv_refresh_view_consecutive_failures",
        "Failed runs of the view since its last success; stopped and unknown runs do not matter.",
        lambda facts: facts.consecutive_failures,
    ),
    Family(
        "glue_mv_refresh_view_runs_total",
        "Ended runs of the view, each counted once, under the status and type first seen.",
        (*_VIEW, "status", "refresh_type"),
        _of_facts(
            lambda facts, own: [Sample(joined(own, kind), facts.counters.runs[key]) for key, kind in _KINDS]
        ),
        "counter",
    ),
    Family(
        "glue_mv_refresh_view_dpu_seconds_total",
        "DPU seconds that the view's counted runs consumed.",
        (*_VIEW, "refresh_type"),
        _by_type(lambda counters: counters.dpu_seconds),
        "counter",
    ),
    Family(
        "glue_mv_refresh_view_processed_bytes_total",
        "Bytes that the view's counted runs scanned.",
        (*_VIEW, "refresh_type"),
        _by_type(lambda counters: counters.processed_bytes),
        "counter",
    ),
    Family(
        "glue_mv_refresh_view_run_duration_seconds",
        "Seconds from start to end of the view's counted runs that succeeded.",
        _VIEW,
        _of_facts(_durations),
        "histogram",
    ),
)
