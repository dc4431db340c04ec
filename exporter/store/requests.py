"""What one target's requests to AWS cost and how they failed, counted per HTTP attempt."""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.errors import Reason

OPERATIONS = (
    "GetMaterializedViewRefreshTaskRun",
    "ListMaterializedViewRefreshTaskRuns",
    "GetTables",
    "GetTable",
    "GetDatabases",
    "GetCallerIdentity",
    "AssumeRole",
)
"""Every API operation that the exporter calls: the values of the label ``operation``."""

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of ``api_request_duration_seconds``; ``+Inf`` goes without saying."""


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """One operation's figures since the start of the program."""

    requests: int
    failures: Mapping[Reason, int]
    """Holds every reason."""
    duration_buckets: tuple[int, ...]
    """Not cumulative: one count per bound of ``DURATION_BUCKETS``, and the last one for all above."""
    duration_sum: float
    """Seconds."""


class RequestStats:
    """Counters that the Glue client writes and a scrape reads; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = dict.fromkeys(OPERATIONS, 0)
        self._failures = {operation: dict.fromkeys(Reason, 0) for operation in OPERATIONS}
        self._buckets = {operation: [0] * (len(DURATION_BUCKETS) + 1) for operation in OPERATIONS}
        self._sums = dict.fromkeys(OPERATIONS, 0.0)
        self._clock_skew: float | None = None
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change, so that a reader knows whether to read again."""
        return self._version

    @property
    def clock_skew(self) -> float | None:
        """Glue's ``Date`` header minus our clock, in seconds, at the last answer; None before it."""
        return self._clock_skew

    def attempt(self, operation: str, seconds: float) -> None:
        """Count one HTTP attempt that took ``seconds``, however it ended."""
        with self._lock:
            self._requests[operation] += 1
            self._buckets[operation][bisect_left(DURATION_BUCKETS, seconds)] += 1
            self._sums[operation] += seconds
            self._version += 1

    def failure(self, operation: str, reason: Reason) -> None:
        """Count one failed attempt, or a call that failed before or after its attempts."""
        with self._lock:
            self._failures[operation][reason] += 1
            self._version += 1

    def skew(self, seconds: float) -> None:
        """Remember how far Glue's clock is ahead of ours."""
        with self._lock:
            self._clock_skew = seconds
            self._version += 1

    def read(self) -> Mapping[str, OperationCounts]:
        """Return the figures of every operation, all of one moment."""
        with self._lock:
            return {
                operation: OperationCounts(
                    requests=self._requests[operation],
                    failures=dict(self._failures[operation]),
                    duration_buckets=tuple(self._buckets[operation]),
                    duration_sum=self._sums[operation],
                )
                for operation in OPERATIONS
            }
