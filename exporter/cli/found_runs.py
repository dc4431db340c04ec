"""Runs with the place where they were found, and which of them are wanted."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.model.run import UNKNOWN, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """A run, and where it was found."""

    target: str
    aws_region: str
    catalog_id: str
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which of the runs are wanted."""

    statuses: frozenset[str] = frozenset()
    """Label values; empty: all."""
    max_age: float | None = None
    """Seconds since the creation."""
    limit: int | None = None

    def select(self, found: Iterable[FoundRun], now: float) -> tuple[FoundRun, ...]:
        """Return the wanted ones, newest first."""
        wanted = [one for one in found if self._wants(one.run, now)]
        wanted.sort(key=lambda one: one.run.age_order, reverse=True)
        return tuple(wanted[: self.limit])

    def _wants(self, run: Run, now: float) -> bool:
        if self.statuses and (run.status_label or UNKNOWN) not in self.statuses:
            return False
        times = (run.creation_time, run.start_time, run.last_updated)
        first = next((time for time in times if time is not None), None)
        # A run without any time cannot be said to be too old.
        return self.max_age is None or first is None or now - first <= self.max_age
