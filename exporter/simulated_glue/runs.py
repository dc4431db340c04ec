"""How one run goes, written down before it begins, and what Glue reports of it at a given moment."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

MEBIBYTE = 1024 * 1024


class RunStatus(StrEnum):
    """The statuses of the service model's ``MaterializedViewRefreshState``."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScript:
    """How one run goes. All durations are in seconds; ``math.inf`` means that it never ends."""

    start_delay: float = 5.0
    """How long it is STARTING."""
    duration: float = 60.0
    """How long it is RUNNING after that."""
    outcome: RunStatus = RunStatus.SUCCEEDED
    """SUCCEEDED, FAILED or STOPPED."""
    error_message: str | None = None
    """Reported once the run has ended."""
    refresh_type: str = "INCREMENTAL"
    dpu_rate: float = 4.0
    """DPU seconds per second of running: the number of DPUs."""
    bytes_rate: float = 64.0 * MEBIBYTE
    """Bytes processed per second of running."""


Plan = Callable[[int], RunScript]
"""How a view's scheduled runs go: from the ordinal of a run, from 0, to its script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something happens by itself: refreshes of a view, or commits to a table. Unix times, seconds."""

    first: float
    every: float

    def turns(self, now: float) -> int:
        """Return how many of the times have come."""
        return max(0, int((now - self.first) // self.every) + 1)

    def turn(self, ordinal: int) -> float:
        """Return one of the times; the first one is number 0."""
        return self.first + ordinal * self.every

    def latest(self, now: float) -> float | None:
        """Return the last of the times that have come; None before the first one."""
        turns = self.turns(now)
        return self.turn(turns - 1) if turns else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a catalog: its identity and its script."""

    run_id: str
    catalog_id: str
    database: str
    table: str
    created: float
    """Unix time; the run does not exist before it."""
    script: RunScript

    @property
    def started(self) -> float:
        """When it goes from STARTING to RUNNING, as Unix time."""
        return self.created + self.script.start_delay

    @property
    def ended(self) -> float:
        """When it ends, as Unix time."""
        return self.started + self.script.duration

    def status(self, now: float) -> RunStatus:
        """Return the status at this Unix time."""
        if now < self.ended:
            return RunStatus.RUNNING if now >= self.started else RunStatus.STARTING
        return self.script.outcome

    def record(self, now: float) -> dict[str, object]:
        """Return what Glue reports at ``now``: JSON values, times as Unix time in seconds."""
        account, status = self.catalog_id.partition(":")[0], self.status(now)
        # The amounts of a run in progress grow all the time.
        changes = (now if status is RunStatus.RUNNING else self.created, self.started, self.ended)
        record: dict[str, object] = {
            "CustomerId": account,
            "MaterializedViewRefreshTaskRunId": self.run_id,
            "DatabaseName": self.database,
            "TableName": self.table,
            "CatalogId": self.catalog_id,
            "Role": f"arn:aws:iam::{account}:role/MaterializedViewDefiner",
            "Status": status.value,
            "CreationTime": _milliseconds(self.created),
            "LastUpdated": _milliseconds(max(change for change in changes if change <= now)),
            "RefreshType": self.script.refresh_type,
        }
        if self.started <= now:
            running = min(now, self.ended) - self.started
            record["StartTime"] = _milliseconds(self.started)
            record["DPUSeconds"] = round(running * self.script.dpu_rate, 3)
            record["ProcessedBytes"] = int(running * self.script.bytes_rate)
        if self.ended <= now:
            record["EndTime"] = _milliseconds(self.ended)
            if self.script.error_message is not None:
                record["ErrorMessage"] = self.script.error_message
        return record


def _milliseconds(moment: float) -> float:
    """Round to what Glue sends."""
    return round(moment, 3)
