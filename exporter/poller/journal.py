"""What happened, as lines in the log: each once, when it changes, and never one per poll."""

from collections.abc import Iterable

import structlog

from exporter.errors import Reason
from exporter.model.run import Status
from exporter.store.outcome import (
    Event,
    OwnedElsewhere,
    RunEnded,
    RunFailing,
    RunReadable,
    TargetDown,
    TargetUp,
    UnlistedStatus,
)

log = structlog.get_logger()

SHOWN_IDS = 5
"""Run IDs named in one line; the rest is counted."""


class Journal:
    """Writes the store's events to the log."""

    def write(self, events: Iterable[Event]) -> None:
        """Write a line for each event."""
        for event in events:
            self._write(event)

    def _write(self, event: Event) -> None:
        match event:
            case RunEnded(key, run):
                write = log.warning if run.status == Status.FAILED else log.info
                write(
                    "run ended",
                    **key._asdict(),
                    database=run.database,
                    table=run.table,
                    status=run.status,
                    refresh_type=run.refresh_type,
                    duration_seconds=run.duration(0.0),
                    dpu_seconds=run.dpu_seconds,
                    error_message=run.error_message,
                )
            case RunFailing(key, error) if error.reason is Reason.NOT_FOUND:
                log.warning(
                    "Glue does not know this run; it is asked for again, at growing intervals",
                    **key._asdict(),
                )
            case RunFailing(key, error):
                log.warning(
                    "run cannot be read", **key._asdict(), reason=error.reason.value, error=str(error)
                )
            case RunReadable(key):
                log.info("run can be read again", **key._asdict())
            case UnlistedStatus(key, status):
                log.warning(
                    "Glue reports a status that its API does not list; it shows as UNKNOWN",
                    **key._asdict(),
                    status=status,
                )
            case TargetDown(target, error):
                log.error("target is down", target=target, error=error)
            case TargetUp(target, first):
                log.info("target is up" if first else "target is up again", target=target)
            case OwnedElsewhere(target, owner, run_ids):
                log.warning(
                    "another target, earlier in the file, watches these runs",
                    target=target,
                    owner=owner,
                    runs=len(run_ids),
                    run_ids=" ".join(run_ids[:SHOWN_IDS]),
                )
