"""What happened, as lines in the log: each once, when it changes, and never one per poll."""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from exporter.errors import GlueError, Reason
from exporter.model.patterns import OwnedElsewhere
from exporter.model.run import Run, RunKey, Status
from exporter.store import results as out

log = structlog.get_logger()

SHOWN = 5
"""Run IDs and views named in one line; the rest is counted."""


class EventLog:
    """Writes the store's events to the log."""

    def __init__(self, *, quiet: bool = False) -> None:
        """``quiet``: write nothing, for a command that prints what it found itself."""
        self._quiet = quiet

    def write(self, events: Iterable[out.Event]) -> None:
        """Write a line for each event; runs that fail alike share one, for there may be thousands."""
        failing: dict[tuple[str, str, Reason], list[out.RunFailing]] = {}
        readable: dict[tuple[str, str], list[str]] = {}
        for event in events if not self._quiet else ():
            match event:
                case out.RunFailing(key, error):
                    failing.setdefault((key.aws_region, key.catalog_id, error.reason), []).append(event)
                case out.RunReadable(key):
                    readable.setdefault((key.aws_region, key.catalog_id), []).append(key.run_id)
                case out.RunEnded(key, run):
                    _run_ended(key, run)
                case _:
                    _other(event)
        for alike in failing.values():
            _runs_failing([event.key for event in alike], alike[0].error)
        for (aws_region, catalog_id), run_ids in readable.items():
            place = {"aws_region": aws_region, "catalog_id": catalog_id}
            log.info("runs can be read again", **place, **_some("run_ids", run_ids))


def _run_ended(key: RunKey, run: Run) -> None:
    write = log.warning if run.status == Status.FAILED else log.info
    write(
        "run ended",
        **key._asdict(),
        database=run.database,
        table=run.table,
        status=run.status,
        refresh_type=run.refresh_type,
        duration_seconds=_milliseconds(run.whole_duration),
        dpu_seconds=run.dpu_seconds,
        error_message=run.error_message,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _runs_failing(keys: Sequence[RunKey], error: GlueError) -> None:
    place = {"aws_region": keys[0].aws_region, "catalog_id": keys[0].catalog_id}
    ids = _some("run_ids", [key.run_id for key in keys])
    if error.reason is Reason.NOT_FOUND:
        log.warning("Glue does not know these runs; they are asked for at growing intervals", **place, **ids)
    else:
        log.warning("runs cannot be read", **place, reason=error.reason.value, error=str(error), **ids)


def _other(event: out.Event) -> None:
    match event:
        case out.UnlistedStatus(key, status):
            log.warning(
                "Glue reports a status that its API does not list; it shows as UNKNOWN",
                **key._asdict(),
                status=status,
            )
        case out.TargetDown(target, text):
            log.error("target is down", target=target, error=text)
        case out.TargetUp(target, first):
            log.info("target is up" if first else "target is up again", target=target)
        case OwnedElsewhere(target, owner, names):
            message = "another target, earlier in the file, watches these runs and views"
            log.warning(message, target=target, owner=owner, **_some("names", names))
        case out.PatternMatchesNothing(target, pattern):
            log.warning("this pattern matches no materialized view", target=target, pattern=pattern)
        case out.RunIgnored(key):
            log.warning("a listed run names no view; it is ignored", **key._asdict())
        case out.RecordMalformed(target, message):
            log.warning("a record of a listing cannot be read", target=target, error=message)
        case out.StorageFailing(text):
            log.error("the state cannot be written; counters stand still until it can", error=text)
        case out.StorageWorking():
            log.info("the state can be written again")


def _some(name: str, values: Sequence[str]) -> Mapping[str, object]:
    """Return the first few values, and how many there are where these are not all."""
    shown = {name: " ".join(values[:SHOWN])}
    return shown if len(values) <= SHOWN else {**shown, "number": len(values)}
