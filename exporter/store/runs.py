"""One run's way through the exporter: active, settling, settled; found by Glue or missing; asked for again.

Pure functions from what was remembered of a run and what was read now to what is remembered next.
"""

from dataclasses import dataclass
from typing import NamedTuple

from exporter.model.patterns import Name
from exporter.model.run import Run
from exporter.model.settings import Settings
from exporter.store.counters import Counted, ViewCounters, count

PHASES = ("active", "settling", "settled", "unfetched")
"""The values of the label ``state`` of ``target_runs``."""
READS_UNTIL_GONE = 2
"""Complete reads in a row that must miss an unsettled run before its values go."""
SETTLED_WITHIN = 3600.0
"""Seconds after its end when a run is settled, whatever Glue has still not reported."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One commit's now."""

    now: float
    """Unix time by Glue's clock: everything that is compared with times of runs and views."""
    monotonic: float
    started: float
    """When the program started, as Unix time by Glue's clock."""
    settings: Settings


class RunRecord(NamedTuple):
    """What is remembered of one run."""

    run: Run
    view: Name | None = None
    """The view that it belongs to; None for a run that is watched by its ID alone."""
    settled: bool = False
    first_seen_ended: float | None = None
    """Unix time by Glue's clock."""
    misses: int = 0
    """Complete reads in a row that did not find it, while it was unsettled."""
    unlisted_since: float | None = None
    """Unix time since which no complete listing holds it, or (without a view) no target watches it."""
    counted: Counted | None = None

    @property
    def there(self) -> bool:
        """Whether it has values to show."""
        return self.settled or self.misses < READS_UNTIL_GONE

    @property
    def shows(self) -> tuple[object, ...]:
        """All of it that series are made from."""
        return self.run, self.view, self.there, self.first_seen_ended

    @property
    def end(self) -> float | None:
        """When the run ended; None for one that was not seen ended."""
        return None if self.first_seen_ended is None else self.run.end(self.first_seen_ended)


def seen(
    run: Run,
    before: RunRecord | None,
    at: Moment,
    *,
    view: Name | None,
    counters: ViewCounters,
    has_baseline: bool,
) -> tuple[RunRecord, ViewCounters]:
    """Return what is remembered of a run that Glue has just reported, and its view's counters.

    An ended run that is reported unended is active again; what is counted of it stays counted.
    """
    first_seen_ended, settled = None, False
    if run.ended:
        first_seen_ended = before.first_seen_ended if before else None
        first_seen_ended = at.now if first_seen_ended is None else first_seen_ended
        age = at.now - run.end(first_seen_ended)
        complete = run.end_time is not None and run.dpu_seconds is not None
        settled = before is not None and before.settled
        settled = settled or age >= SETTLED_WITHIN or (complete and age >= at.settings.settle_period)
    counted = before.counted if before else None
    if view is not None:
        counters, counted = count(counters, run, counted, has_baseline=has_baseline)
    elif before is not None:
        view = before.view
    return RunRecord(run, view, settled, first_seen_ended, counted=counted), counters


def phase(record: RunRecord | None) -> str:
    """Return which of :data:`PHASES` a run is in."""
    if record is None or not record.there:
        return "unfetched"
    if record.settled:
        return "settled"
    return "settling" if record.run.ended else "active"


@dataclass(slots=True)
class Fetching:
    """How fetching one configured run by its ID went. A settled run is not fetched any more."""

    up: bool = False
    """Whether the last attempt succeeded."""
    logged: bool = False
    """Whether a failure has been logged; that of a run left unread with many others is not."""
    misses: int = 0
    """Answers in a row that Glue does not know it."""
    last_attempt: float | None = None
    """Monotonic seconds of the last attempt; None before the first."""
    not_before: float = 0.0
    """Monotonic seconds before which it is not asked for again."""
