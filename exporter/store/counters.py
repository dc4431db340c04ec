"""The rule by which runs are counted: each ended run of a view exactly once.

A run's place in it, as a small state machine::

    not counted ──seen ended, the view has its baseline──▶ counted
         │                                                    │ a later read reports more DPU seconds
         │                                                    │ or bytes: the difference is added, to
         │                                                    │ the series of the type counted first
         └──seen ended before the view has its baseline──▶ baseline    (never counted)

There is no way back: a run that is seen unended again, or that Glue forgets, stays where it is, and what is
counted of it stays with the view that counted it.
"""

import sys
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.model.run import REFRESH_TYPES, UNKNOWN, Run, Status

COUNTED_STATUSES = (Status.SUCCEEDED, Status.FAILED, Status.STOPPED, UNKNOWN)
"""The values of the label ``status`` of ``runs_total``."""

COUNTED_KINDS = tuple((status, kind) for status in COUNTED_STATUSES for kind in REFRESH_TYPES)
"""What ``runs_total`` tells apart: status and refresh type."""

DURATION_BUCKETS = (10, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200, 14400, 28800)
"""Upper bounds in seconds of ``run_duration_seconds``; ``+Inf`` follows implicitly."""

LONGEST_DURATION = 366 * 86400.0
"""Seconds. A run that is said to have taken longer has a wrong time, which would spoil the sum."""


class Counted(NamedTuple):
    """What has been counted of one run."""

    baseline: bool = False
    """It had ended before its view's baseline, and counts for nothing."""
    refresh_type: str = UNKNOWN
    """The type under which it is counted: the one reported when it was first seen ended."""
    dpu_seconds: float = 0.0
    processed_bytes: int = 0
    duration: bool = False
    """Whether the histogram holds it."""


BASELINE = Counted(baseline=True)
"""Of every run that counts for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewCounters:
    """A view's counters and histogram. Every combination is there from the start, at 0."""

    runs: dict[tuple[str, str], int] = field(default_factory=lambda: dict.fromkeys(COUNTED_KINDS, 0))
    """By status and refresh type."""
    dpu_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(REFRESH_TYPES, 0.0))
    """By refresh type."""
    processed_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REFRESH_TYPES, 0))
    """By refresh type."""
    durations: tuple[int, ...] = (0,) * (len(DURATION_BUCKETS) + 1)
    """Not cumulative: one count per bound of ``DURATION_BUCKETS``, and the last one for all above."""
    duration_sum: float = 0.0
    """Seconds."""

    def __post_init__(self) -> None:
        """Raise ValueError for counters of anything else, which only a damaged state can hold."""
        by_type = (self.dpu_seconds, self.processed_bytes)
        if (
            self.runs.keys() != set(COUNTED_KINDS)
            or any(tuple(counts) != REFRESH_TYPES for counts in by_type)
            or len(self.durations) != len(DURATION_BUCKETS) + 1
        ):
            raise ValueError(self)


def count(
    counters: ViewCounters, run: Run, counted: Counted | None, *, has_baseline: bool
) -> tuple[ViewCounters, Counted | None]:
    """Return the view's counters and the run's mark after the run has been seen as it is now.

    Returns the very same values where nothing is to be counted.
    """
    if counted is None:
        if not run.ended:
            return counters, None
        if not has_baseline:
            return counters, BASELINE
        key = (run.status if run.status in COUNTED_STATUSES else UNKNOWN, run.refresh_type_label)
        counters = replace(counters, runs=counters.runs | {key: counters.runs[key] + 1})
        counted = Counted(refresh_type=run.refresh_type_label)
    if counted.baseline:
        return counters, counted
    return _count_amounts(counters, run, counted)


def _count_amounts(counters: ViewCounters, run: Run, counted: Counted) -> tuple[ViewCounters, Counted]:
    """Add what the run reports beyond what is counted of it, and its duration once that is known."""
    kind = counted.refresh_type
    if run.dpu_seconds is not None and run.dpu_seconds > counted.dpu_seconds:
        # Two absurd amounts must not make a counter infinite, and so useless until the state is removed.
        more_seconds = run.dpu_seconds - counted.dpu_seconds
        total = min(counters.dpu_seconds[kind] + more_seconds, sys.float_info.max)
        counters = replace(counters, dpu_seconds=counters.dpu_seconds | {kind: total})
        counted = counted._replace(dpu_seconds=run.dpu_seconds)
    if run.processed_bytes is not None and run.processed_bytes > counted.processed_bytes:
        more = run.processed_bytes - counted.processed_bytes
        counters = replace(
            counters,
            processed_bytes=counters.processed_bytes | {kind: counters.processed_bytes[kind] + more},
        )
        counted = counted._replace(processed_bytes=run.processed_bytes)
    if (
        not counted.duration
        and run.status == Status.SUCCEEDED
        and (seconds := run.whole_duration) is not None
        and seconds <= LONGEST_DURATION
    ):
        durations = list(counters.durations)
        durations[bisect_left(DURATION_BUCKETS, seconds)] += 1
        counters = replace(counters, durations=tuple(durations), duration_sum=counters.duration_sum + seconds)
        counted = counted._replace(duration=True)
    return counters, counted
