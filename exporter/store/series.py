"""The seam between state and exposition: what each block of series is made from.

The store hands a :class:`SeriesChanges` to its listeners after every commit. A listener that renders
text does so then, once per change, and never again at a scrape. All values are immutable.
"""

import platform
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import NamedTuple

from exporter import __version__
from exporter.errors import Reason
from exporter.model.run import Run, RunKey
from exporter.model.sharding import Shard
from exporter.model.view import ViewKey
from exporter.store.counters import ViewCounters

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
"""Upper bounds in seconds of ``api_request_duration_seconds``; ``+Inf`` follows implicitly."""


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """One operation's figures since the start of the program."""

    failures: Mapping[Reason, int] = field(default_factory=lambda: dict.fromkeys(Reason, 0))
    duration_buckets: tuple[int, ...] = (0,) * (len(DURATION_BUCKETS) + 1)
    """Not cumulative: one count per bound of ``DURATION_BUCKETS``, and the last one for all above."""
    duration_sum: float = 0.0
    """Seconds."""

    @property
    def requests(self) -> int:
        """How many attempts there were."""
        return sum(self.duration_buckets)


class RequestStats:
    """Counters that the Glue client writes and a scrape reads; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {operation: OperationCounts() for operation in OPERATIONS}
        self.version = 0
        """Grows with every change: a reader that has this version need not read again."""
        self.clock_skew: float | None = None
        """Glue's ``Date`` header minus our clock, in seconds, at the last answer; None before it."""
        self.glue_time_ahead: float | None = None
        """Glue's Unix time minus our monotonic seconds at the last answer; None before it.

        With this, Glue's time is known even if this machine's own clock is corrected meanwhile.
        """

    def attempt(self, operation: str, seconds: float) -> None:
        """Count one HTTP attempt that took ``seconds``, however it ended."""
        with self._lock:
            before = self._counts[operation]
            buckets = list(before.duration_buckets)
            buckets[bisect_left(DURATION_BUCKETS, seconds)] += 1
            self._counts[operation] = replace(
                before, duration_buckets=tuple(buckets), duration_sum=before.duration_sum + seconds
            )
            self.version += 1

    def failure(self, operation: str, reason: Reason) -> None:
        """Count one failed attempt, or a call that failed before or after its attempts."""
        with self._lock:
            before = self._counts[operation]
            failures = {**before.failures, reason: before.failures[reason] + 1}
            self._counts[operation] = replace(before, failures=failures)
            self.version += 1

    def glue_time(self, time: float, *, ours: float, monotonic: float) -> None:
        """Remember the time that Glue's ``Date`` header holds, and that of our clocks when it came."""
        with self._lock:
            self.clock_skew, self.glue_time_ahead = time - ours, time - monotonic
            self.version += 1

    def read(self) -> Mapping[str, OperationCounts]:
        """Return the figures of every operation, all of one moment."""
        with self._lock:
            return dict(self._counts)


class RunSeries(NamedTuple):
    """What the run-level families of one run are made from."""

    key: RunKey
    run: Run | None
    """The last good values; None where there are none: never read, or gone from Glue."""
    up: bool | None
    """Whether the last attempt to fetch it succeeded; None for a run that is not configured by its ID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFacts:
    """What is known of a view. ``None``: not reported, or not known yet."""

    refresh_mode: str
    """The label value: ``scheduled``, ``manual``, or ``unknown`` where the tables may not be read."""
    managed: bool | None = None
    owner: str | None = None
    """Who is told when the view is in trouble: as configured, else the table's owner."""
    creation_time: float | None
    expected_interval: float | None
    """Seconds: the configured one, else the view's own schedule."""
    last_run: Run | None
    last_success: Run | None
    last_success_time: float | None
    """The end of ``last_success``, or what stands in for it where Glue reports none."""
    last_failure_time: float | None
    last_failure: Run | None = None
    """The newest failed run since the last success; ``last_failure_time`` is then its end."""
    data_time: float | None = None
    """When the newest refresh ended, whatever did it."""
    source_updated_time: float | None = None
    """The newest UpdateTime of the view's sources; None unless all are known."""
    stale_since: float | None = None
    """Since when the view lacks something; None while it lacks nothing."""
    consecutive_failures: int | None
    """None before all the view's runs have been read once: what is newest may still be to come."""
    counters: ViewCounters


@dataclass(frozen=True, slots=True)
class ViewSeries:
    """What the view-level families of one view are made from."""

    key: ViewKey
    target: str
    up: bool
    """Whether the last poll read the view's runs."""
    facts: ViewFacts | None
    """None for a view that Glue does not know: it has ``view_up`` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSeries:
    """What the families of one target are made from."""

    target: str
    aws_region: str
    requests: RequestStats
    """The live counters; everything else is of the last commit."""
    catalog_id: str | None = None
    """None until it is known."""
    up: bool | None = None
    """None before the first poll has ended."""
    last_poll_time: float | None = None
    last_success_time: float | None = None
    last_poll_duration: float | None = None
    views: int | None = None
    """Views that the target watches; None before one was found, or the first resync complete."""
    runs: Mapping[str, int] = field(default_factory=dict)
    source_tables: Mapping[str, int] = field(default_factory=dict)
    """By the label ``state``: the source tables of its views; empty where they are not read, or not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSeries:
    """What the families of the exporter as a whole are made from."""

    version: str = __version__
    python_version: str = field(default_factory=platform.python_version)
    boto3_version: str = field(default_factory=lambda: metadata.version("boto3"))
    external_url: str | None = None
    """None without ``--web.external-url``."""
    shard: Shard = field(default_factory=Shard)
    poll_interval: float | None = None
    """Seconds; None before a configuration is in use."""
    last_reload_successful: bool = True
    last_reload_success_time: float = 0.0
    storage_last_write_successful: bool | None = None
    """None without ``--storage.path``, like the next one."""
    storage_write_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChanges:
    """One commit's changes. ``None`` as a value: these series, if there were any, are gone."""

    everything: bool = False
    """Whether this is all that there is, and a listener drops what it had before."""
    runs: Mapping[RunKey, RunSeries | None] = field(default_factory=dict)
    """By run ID in lower case: of one run, however its ID is spelled, there is one series."""
    views: Mapping[ViewKey, ViewSeries | None] = field(default_factory=dict)
    targets: Mapping[str, TargetSeries | None] = field(default_factory=dict)
    exporter: ExporterSeries | None = None
    """None: as before."""


SeriesListener = Callable[[SeriesChanges], None]
