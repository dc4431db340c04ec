"""What a poll hands to the store, and what the store says happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.errors import GlueError
from exporter.model.run import Run, RunKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """What one poll of one target read, and how it ended."""

    target: str
    started: float
    """Unix time."""
    duration: float
    """Seconds."""
    runs: Mapping[str, Run | GlueError] = field(default_factory=dict)
    """By run ID: what the read returned, or why it failed."""
    unread: frozenset[str] = frozenset()
    """Run IDs that were due and that an unreachable Glue kept from being read."""
    error: GlueError | None = None
    """Why the poll did not finish, or the first read that failed for another reason than an unknown ID."""
    finished: bool = True
    """False: time ran out, or Glue could not be reached, before everything due was read."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run was seen ended for the first time."""

    key: RunKey
    run: Run


@dataclass(frozen=True, slots=True)
class RunFailing:
    """A run could be read before (or was never tried) and cannot be read now."""

    key: RunKey
    error: GlueError


@dataclass(frozen=True, slots=True)
class RunReadable:
    """A run could not be read before and can be read now."""

    key: RunKey


@dataclass(frozen=True, slots=True)
class UnlistedStatus:
    """Glue reported a status that the API model does not list, for the first time."""

    key: RunKey
    status: str


@dataclass(frozen=True, slots=True)
class TargetDown:
    """The target's polls succeeded before (or there was none) and do not succeed now."""

    target: str
    error: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class TargetUp:
    """The target's polls did not succeed before (or there was none) and succeed now."""

    target: str
    first: bool


@dataclass(frozen=True, slots=True)
class OwnedElsewhere:
    """Another target, earlier in the file, watches these runs of the same region and catalog."""

    target: str
    owner: str
    run_ids: tuple[str, ...]


Event = RunEnded | RunFailing | RunReadable | UnlistedStatus | TargetDown | TargetUp | OwnedElsewhere
"""Worth a line in the log, once each."""
