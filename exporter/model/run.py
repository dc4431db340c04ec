"""A materialized view refresh task run, as Glue reports it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Status(StrEnum):
    """The statuses that the API model lists."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


UNKNOWN = "UNKNOWN"
"""The label value for a status or refresh type that the API model does not list."""

ENDED_STATUSES = frozenset({Status.SUCCEEDED, Status.FAILED, Status.STOPPED})
LISTED_STATUSES = frozenset(Status)
REFRESH_TYPES = ("FULL", "INCREMENTAL", UNKNOWN)
"""The values of the label ``refresh_type``; the last one for not reported, or unlisted."""


def run_key(run_id: str) -> str:
    """Return the ID as it is compared: IDs are hexadecimal, and mean the same in any case."""
    lower = run_id.lower()
    return run_id if lower == run_id else lower  # the same object where that is possible


class RunKey(NamedTuple):
    """Identifies the series of a run."""

    aws_region: str
    catalog_id: str
    run_id: str


CLOCK_TOLERANCE = 2.0
"""Seconds that a reported time may be ahead of when it was first seen: Glue's Date header has whole ones."""


class Run(NamedTuple):
    """One refresh task run. ``None`` means that Glue did not report the member.

    Source: the structure ``MaterializedViewRefreshTaskRun`` of the API model ``glue/2017-03-31``.
    """

    run_id: str
    database: str | None = None
    table: str | None = None
    status: str | None = None
    """As reported: one of :class:`Status`, or a value that the API model does not list."""
    refresh_type: str | None = None
    """As reported: ``FULL``, ``INCREMENTAL``, or a value that the API model does not list."""
    role: str | None = None
    customer_id: str | None = None
    error_message: str | None = None
    """Free text of Glue's, line breaks and all."""
    creation_time: float | None = None
    """Unix time in seconds, like all times here."""
    start_time: float | None = None
    end_time: float | None = None
    last_updated: float | None = None
    dpu_seconds: float | None = None
    processed_bytes: int | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is over: an ended status, or an unlisted one with an end time."""
        if self.status in ENDED_STATUSES:
            return True
        return self.status not in LISTED_STATUSES and self.end_time is not None

    @property
    def status_label(self) -> str | None:
        """The status as a label value; None where Glue reported none."""
        if self.status is None:
            return None
        return self.status if self.status in LISTED_STATUSES else UNKNOWN

    @property
    def refresh_type_label(self) -> str:
        """The refresh type as a label value."""
        return self.refresh_type if self.refresh_type in REFRESH_TYPES and self.refresh_type else UNKNOWN

    def end(self, first_seen_ended: float) -> float:
        """Return when the ended run ended: EndTime, else LastUpdated, else when it was first seen ended.

        ``first_seen_ended`` is by Glue's clock. Never later than that: a wrong time in the future must
        neither keep the run unsettled nor pass for a fresh success.
        """
        latest = first_seen_ended + CLOCK_TOLERANCE
        reported = (
            time for time in (self.end_time, self.last_updated) if time is not None and time <= latest
        )
        return next(reported, first_seen_ended)

    @property
    def whole_duration(self) -> float | None:
        """The seconds between start and end, never negative; None where Glue has not reported both."""
        if self.start_time is None or self.end_time is None:
            return None
        return max(0.0, self.end_time - self.start_time)

    def duration(self, now: float) -> float | None:
        """Return the seconds between start and end, or until ``now`` for a run in progress.

        None before it started, and for an ended run whose end Glue has not reported.
        """
        if self.ended:
            return self.whole_duration
        return None if self.start_time is None else max(0.0, now - self.start_time)

    @property
    def age_order(self) -> tuple[float, float, float, str]:
        """Sorts runs from the oldest to the newest: by creation, then start, last update, run ID."""
        oldest = float("-inf")
        return (
            oldest if self.creation_time is None else self.creation_time,
            oldest if self.start_time is None else self.start_time,
            oldest if self.last_updated is None else self.last_updated,
            self.run_id,
        )


class Malformed(NamedTuple):
    """A record of a listing that could not be read; the rest of its page could."""

    name: str | None
    """The run's ID, or the table's or database's name."""
    message: str
    """What is wrong with it, in one line."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: tuple[T, ...]
    malformed: tuple[Malformed, ...] = ()
    next_token: str | None = None
