"""How one run goes, written down before it begins, and what Glue reports of it at a given moment."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MEBIBYTE = 1024 * 1024
DEFAULT_ERROR_MESSAGE = (
    "Materialized view refresh failed: Insufficient Lake Formation permission(s): "
    "the definer role is not authorized to perform SELECT on a base table"
)


class RunStatus(StrEnum):
    """The statuses of the service model's ``MaterializedViewRefreshState``."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


OUTCOMES = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScript:
    """How one run goes. All durations are in seconds; ``math.inf`` means never."""

    start_delay: float = 5.0
    """How long it is STARTING."""
    duration: float = 60.0
    """How long it is RUNNING after that."""
    outcome: RunStatus = RunStatus.SUCCEEDED
    error_message: str | None = None
    """Reported once the run has ended, whatever its outcome; a FAILED run without one gets a usual cause."""
    refresh_type: str | None = "INCREMENTAL"
    dpu_rate: float = 4.0
    """DPU seconds per second of running: the number of DPUs."""
    bytes_rate: float = 64.0 * MEBIBYTE
    """Bytes processed per second of running."""
    figures_delay: float = 0.0
    """Above 0: DPUSeconds and ProcessedBytes are absent until so long after the end."""
    end_time_delay: float = 0.0
    """EndTime is absent until so long after the end."""
    stop_delay: float = 1.0
    """How long the run goes on after it has been told to stop."""
    members: Mapping[str, object] = field(default_factory=dict)
    """Raw JSON values that replace or join the record's members: an unlisted status, a time as text …"""
    missing: frozenset[str] = frozenset()
    """Members that the record never has."""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"a run cannot end as {self.outcome}; give raw members for that")


@dataclass(slots=True, kw_only=True)
class ScriptedRun:
    """One run of a catalog: its identity, its script, and what was done to it from outside."""

    run_id: str
    catalog_id: str
    database: str
    table: str
    role: str
    created: float
    """Unix time; the run does not exist before it."""
    script: RunScript
    stop_requested: float | None = None
    """When it was told to stop, as Unix time."""

    @property
    def started(self) -> float:
        """When it goes from STARTING to RUNNING, as Unix time."""
        return self.created + self.script.start_delay

    @property
    def ended(self) -> float:
        """When it ends, as Unix time."""
        natural_end = self.started + self.script.duration
        if self.stop_requested is None:
            return natural_end
        return min(natural_end, self.stop_requested + self.script.stop_delay)

    @property
    def outcome(self) -> RunStatus:
        """How it ends."""
        was_stopped = self.stop_requested is not None and self.ended < self.started + self.script.duration
        return RunStatus.STOPPED if was_stopped else self.script.outcome

    def status(self, now: float) -> RunStatus:
        """Return the status by the script; raw members may tell clients another one."""
        if now >= self.ended:
            return self.outcome
        return RunStatus.RUNNING if now >= self.started else RunStatus.STARTING

    def active(self, now: float) -> bool:
        """Tell whether the run exists and has not ended."""
        return self.created <= now < self.ended

    def record(self, now: float) -> dict[str, object]:
        """Return what Glue reports at ``now``: JSON values, times as Unix time in seconds."""
        status = self.status(now)
        members: dict[str, object | None] = {
            "CustomerId": self.catalog_id.partition(":")[0][:12],
            "MaterializedViewRefreshTaskRunId": self.run_id,
            "DatabaseName": self.database,
            "TableName": self.table,
            "CatalogId": self.catalog_id,
            "Role": self.role,
            "Status": status.value,
            "CreationTime": _milliseconds(self.created),
            "LastUpdated": _milliseconds(self._last_updated(now)),
            "RefreshType": self.script.refresh_type,
            **self._progress(now),
            **(self._ending(now) if status in OUTCOMES else {}),
        }
        reported = {name: value for name, value in members.items() if value is not None}
        reported.update(self.script.members)
        return {name: value for name, value in reported.items() if name not in self.script.missing}

    def _progress(self, now: float) -> dict[str, object]:
        """Return the members of a run that has started to run."""
        if self.ended < self.started or now < self.started:
            return {}
        members: dict[str, object] = {"StartTime": _milliseconds(self.started)}
        if not self.script.figures_delay or now >= self.ended + self.script.figures_delay:
            running = min(now, self.ended) - self.started
            members["DPUSeconds"] = round(running * self.script.dpu_rate, 3)
            members["ProcessedBytes"] = int(running * self.script.bytes_rate)
        return members

    def _ending(self, now: float) -> dict[str, object | None]:
        """Return the members of a run that has ended."""
        message = self.script.error_message
        if message is None and self.outcome is RunStatus.FAILED:
            message = DEFAULT_ERROR_MESSAGE
        end_time = None if now < self.ended + self.script.end_time_delay else _milliseconds(self.ended)
        return {"ErrorMessage": message, "EndTime": end_time}

    def _last_updated(self, now: float) -> float:
        """Return when the record last changed; a RUNNING one changes all the time, its figures grow."""
        if self.started <= now < self.ended:
            return now
        changes = (
            self.created,
            self.started if self.started < self.ended else -math.inf,
            self.ended,
            self.ended + self.script.end_time_delay,
            self.ended + self.script.figures_delay,
        )
        return max(moment for moment in changes if moment <= now)


def _milliseconds(moment: float) -> float:
    """Round to what Glue sends."""
    return round(moment, 3)
