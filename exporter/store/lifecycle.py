"""A run's way through the exporter: active, settling, settled; found by Glue or no longer.

Pure functions from what was remembered of a run and what was read now to what is remembered next.
"""

from dataclasses import replace

from exporter.model.run import Run
from exporter.store.counting import ViewCounters, count
from exporter.store.moment import Moment
from exporter.store.run_records import RunRecord

SETTLED_AT_THE_LATEST = 3600.0
"""Seconds after its end when a run is settled, whatever Glue has still not reported."""


def is_settled(run: Run, *, first_seen_ended: float, now: float, settle_period: float) -> bool:
    """Tell whether nothing about the run will change any more, so that it is never fetched again."""
    age = now - run.end(first_seen_ended)
    if age >= SETTLED_AT_THE_LATEST:
        return True
    return age >= settle_period and run.end_time is not None and run.dpu_seconds is not None


def seen(
    run: Run,
    before: RunRecord | None,
    at: Moment,
    *,
    view: int | None,
    counters: ViewCounters,
    has_baseline: bool,
) -> tuple[RunRecord, ViewCounters]:
    """Return what is remembered of a run that Glue has just reported, and its view's counters.

    An ended run that is reported unended is active again; what is counted of it stays counted.
    """
    first_seen_ended = (before and before.first_seen_ended) or at.now if run.ended else None
    settled = first_seen_ended is not None and (
        (before is not None and before.settled)
        or is_settled(
            run,
            first_seen_ended=first_seen_ended,
            now=at.now,
            settle_period=at.settings.settle_period,
        )
    )
    counted = before.counted if before else None
    if view is not None:
        counters, counted = count(counters, run, counted, has_baseline=has_baseline)
    record = RunRecord(
        run=run,
        view=view if view is not None or before is None else before.view,
        settled=settled,
        first_seen_ended=first_seen_ended,
        counted=counted,
    )
    return record, counters


def missed(record: RunRecord) -> RunRecord:
    """Return what is remembered of an unsettled run that a complete read did not find."""
    return replace(record, misses=record.misses + 1)


def phase(record: RunRecord | None) -> str:
    """Return the value of the label ``state`` of a run that is not settled."""
    if record is None or not record.there:
        return "unfetched"
    return "settling" if record.run.ended else "active"
