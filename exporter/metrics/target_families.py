"""The families of one target: its last poll, and its requests to AWS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.metrics.text import Family, Labels, Sample, histogram, joined, labels, optional
from exporter.model.run import PHASES
from exporter.store.series import DURATION_BUCKETS, OperationCounts, TargetSeries


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """A target's series together with its live request counters, read at one moment."""

    series: TargetSeries
    labels: Labels
    operations: Mapping[str, OperationCounts]
    clock_skew: float | None

    @classmethod
    def of(cls, series: TargetSeries) -> "TargetFigures":
        """Read the counters."""
        return cls(series, labels(target=series.target), series.requests.read(), series.requests.clock_skew)


def _value(read: Callable[[TargetFigures], float | None]) -> Callable[[TargetFigures], Sequence[Sample]]:
    """Make the samples of a family that has one value per target."""
    return lambda figures: optional(figures.labels, read(figures))


def _up(figures: TargetFigures) -> int | None:
    up = figures.series.up
    return None if up is None else int(up)


def _info(figures: TargetFigures) -> Iterator[Sample]:
    # Without a catalog ID as well: alerts join this series, and a target without credentials needs them most.
    place = labels(aws_region=figures.series.aws_region, catalog_id=figures.series.catalog_id or "")
    yield Sample(joined(figures.labels, place), 1)


def _runs(figures: TargetFigures) -> Iterator[Sample]:
    for phase in PHASES:
        if phase in figures.series.runs:
            yield Sample(joined(figures.labels, labels(state=phase)), figures.series.runs[phase])


def _source_tables(figures: TargetFigures) -> Iterator[Sample]:
    for state, number in figures.series.source_tables.items():
        yield Sample(joined(figures.labels, labels(state=state)), number)


def _by_operation(figures: TargetFigures) -> Iterator[tuple[Labels, OperationCounts]]:
    for operation, counts in figures.operations.items():
        yield joined(figures.labels, labels(operation=operation)), counts


def _requests(figures: TargetFigures) -> Iterator[Sample]:
    for own, counts in _by_operation(figures):
        yield Sample(own, counts.requests)


def _request_failures(figures: TargetFigures) -> Iterator[Sample]:
    for own, counts in _by_operation(figures):
        for reason, count in counts.failures.items():
            yield Sample(joined(own, labels(reason=reason.value)), count)


def _request_durations(figures: TargetFigures) -> Iterator[Sample]:
    for own, counts in _by_operation(figures):
        yield from histogram(own, DURATION_BUCKETS, counts.duration_buckets, counts.duration_sum)


TARGET_FAMILIES: tuple[Family[TargetFigures], ...] = (
    Family(
        name="glue_mv_exporter_target_info",
        help="Always 1: the region and catalog of a target; the catalog ID is empty until it is known.",
        labels=("target", "aws_region", "catalog_id"),
        samples=_info,
    ),
    Family(
        name="glue_mv_exporter_target_up",
        help="1 if the target's last poll read everything but run IDs that Glue does not know, 0 if not.",
        labels=("target",),
        samples=_value(_up),
    ),
    Family(
        name="glue_mv_exporter_target_last_poll_timestamp_seconds",
        help="When the target's last poll ended, however it ended, as Unix time in seconds.",
        labels=("target",),
        samples=_value(lambda figures: figures.series.last_poll_time),
    ),
    Family(
        name="glue_mv_exporter_target_last_success_timestamp_seconds",
        help="When the target's last successful poll ended, as Unix time in seconds.",
        labels=("target",),
        samples=_value(lambda figures: figures.series.last_success_time),
    ),
    Family(
        name="glue_mv_exporter_target_last_poll_duration_seconds",
        help="Seconds that the target's last poll took.",
        labels=("target",),
        samples=_value(lambda figures: figures.series.last_poll_duration),
    ),
    Family(
        name="glue_mv_exporter_target_views",
        help="Views that the target watches.",
        labels=("target",),
        samples=_value(lambda figures: figures.series.views),
    ),
    Family(
        name="glue_mv_exporter_target_runs",
        help="Runs that the target watches: active (not ended), settling (ended, still read), "
        "settled (never fetched again), unfetched (not read yet, or unknown to Glue).",
        labels=("target", "state"),
        samples=_runs,
    ),
    Family(
        name="glue_mv_exporter_target_source_tables",
        help="Source tables of the target's views: read (when they change is known), or unreadable (denied, "
        "missing, of another region, or no Iceberg tables).",
        labels=("target", "state"),
        samples=_source_tables,
    ),
    Family(
        name="glue_mv_exporter_target_clock_skew_seconds",
        help="Seconds that Glue's clock is ahead of ours, from the Date header of its last answer.",
        labels=("target",),
        samples=_value(lambda figures: figures.clock_skew),
    ),
    Family(
        name="glue_mv_exporter_api_requests_total",
        type="counter",
        help="HTTP requests to AWS, every attempt of botocore's retries included.",
        labels=("target", "operation"),
        samples=_requests,
    ),
    Family(
        name="glue_mv_exporter_api_request_failures_total",
        type="counter",
        help="Failed requests to AWS by reason, every attempt of botocore's retries included.",
        labels=("target", "operation", "reason"),
        samples=_request_failures,
    ),
    Family(
        name="glue_mv_exporter_api_request_duration_seconds",
        type="histogram",
        help="Seconds that HTTP requests to AWS took, each attempt of its own.",
        labels=("target", "operation"),
        samples=_request_durations,
    ),
)
