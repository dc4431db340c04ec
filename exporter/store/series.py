"""The seam between state and exposition: what each block of series is made from.

The store hands a :class:`SeriesChanges` to its listeners after every commit. A listener that renders
text does so then, once per change, and never again at a scrape. All values are immutable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.model.run import PhaseCounts, Run, RunKey
from exporter.model.view import ViewKey
from exporter.store.counting import ViewCounters
from exporter.store.requests import RequestStats


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
    creation_time: float | None
    expected_interval: float | None
    """Seconds: the configured one, else the view's own schedule."""
    last_run: Run | None
    last_success: Run | None
    last_success_time: float | None
    """The end of ``last_success``, or what stands in for it where Glue reports none."""
    last_failure_time: float | None
    consecutive_failures: int | None
    """None before the view's runs have been read once."""
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
    """Views that the target watches; None before they have been looked for."""
    runs: PhaseCounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSeries:
    """What the families of the exporter as a whole are made from."""

    version: str
    python_version: str
    boto3_version: str
    last_reload_successful: bool
    last_reload_success_time: float
    storage_last_write_successful: bool | None = None
    """None without ``--storage.path``, like the next one."""
    storage_write_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChanges:
    """One commit's changes. ``None`` as a value: these series, if there were any, are gone."""

    runs: Mapping[RunKey, RunSeries | None] = field(default_factory=dict)
    """To be gone through at once: many are read from the tables meanwhile."""
    views: Mapping[ViewKey, ViewSeries | None] = field(default_factory=dict)
    targets: Mapping[str, TargetSeries | None] = field(default_factory=dict)
    exporter: ExporterSeries | None = None
    """None: as before."""


SeriesListener = Callable[[SeriesChanges], None]
