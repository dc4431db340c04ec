"""The seam between state and exposition: what each block of series is made from.

The store hands a :class:`SeriesChanges` to its listeners after every commit. A listener that renders
text does so then, once per change, and never again at a scrape. All values are immutable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.model.run import PhaseCounts, Run, RunKey
from exporter.store.requests import RequestStats


@dataclass(frozen=True, slots=True)
class RunSeries:
    """What the run-level families of one run are made from."""

    key: RunKey
    run: Run | None
    """The last good values; None where there are none: never read, or gone from Glue."""
    up: bool | None
    """Whether the last attempt to fetch it succeeded; None for a run that is not configured by its ID."""


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
    runs: PhaseCounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSeries:
    """What the families of the exporter as a whole are made from."""

    version: str
    python_version: str
    boto3_version: str
    last_reload_successful: bool
    last_reload_success_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChanges:
    """One commit's changes. ``None`` as a value: these series are gone."""

    runs: Mapping[RunKey, RunSeries | None] = field(default_factory=dict)
    targets: Mapping[str, TargetSeries | None] = field(default_factory=dict)
    exporter: ExporterSeries | None = None
    """None: as before."""


SeriesListener = Callable[[SeriesChanges], None]
