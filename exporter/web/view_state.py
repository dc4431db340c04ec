"""Which state a view is in: the one definition of each, for the status page and its JSON alike.

*Failing*, *overdue* and *stuck* mean what they mean in the shipped alerts, with the thresholds that the Helm
chart has by default. No threshold is longer than a few intervals of the view itself.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from exporter.model.run import Run, Status
from exporter.store.series import TargetSeries, ViewSeries

OVERDUE_AFTER = 1.5
"""Expected intervals that a view may be stale: its own schedule, and half an interval for the refresh."""
STUCK_FACTOR = 3.0
"""A run is stuck after this many times what the view's refreshes usually take."""
STUCK_FLOOR = 3600.0
"""Seconds since its creation after which a run is stuck at the earliest, or ``OVERDUE_AFTER`` intervals."""
STUCK_WITHOUT_HISTORY = 14400.0
"""Seconds after which a run of a view that never succeeded is stuck, or ``STUCK_FACTOR`` intervals."""
USUAL_SHARE = 0.9
"""What refreshes usually take: this share of them took no longer."""
HISTORY = 7 * 86400.0
"""Seconds that count for what is usual."""
ACTIVE = frozenset({Status.STARTING, Status.RUNNING})


class State(StrEnum):
    """The states of a view, the worst first. A view is in the first that applies."""

    FAILING = "failing"
    OVERDUE = "overdue"
    STUCK = "stuck"
    NOT_READ = "not_read"
    RUNNING = "running"
    OK = "ok"


def read_at(view: ViewSeries, target: TargetSeries, now: float) -> float | None:
    """Return the Unix time up to which a view is known; None where that is not known.

    A view that cannot be read grows no older: nobody knows what has happened to it since.
    """
    if view.up:
        return now
    return target.last_success_time if target.up is False else None


def judge(
    view: ViewSeries, target: TargetSeries, newest_first: Iterable[Run], read_at: float | None
) -> Mapping[State, bool | None]:
    """Return which states apply, the worst first; None where that is not known (yet)."""
    facts = view.facts
    polled = target.up is not None
    failures = facts.consecutive_failures if facts else None
    last = facts.last_run if facts else None
    running = last is not None and last.status in ACTIVE
    late = stuck = None
    if facts and read_at is not None:
        interval, since = facts.expected_interval, facts.stale_since
        stuck = _stuck(last, newest_first, interval, read_at) if last and running else False
        if interval is not None:
            refreshing = running and not stuck
            late = since is not None and not refreshing and read_at - since > OVERDUE_AFTER * interval
    return {
        State.FAILING: None if failures is None else failures > 0,
        State.OVERDUE: late,
        State.STUCK: stuck,
        State.NOT_READ: not view.up if polled else None,
        State.RUNNING: running if polled else None,
        State.OK: True if polled else None,
    }


def _stuck(run: Run, newest_first: Iterable[Run], interval: float | None, now: float) -> bool | None:
    """Return whether a run in progress takes too long, counted from its creation."""
    if run.creation_time is None:
        return None
    usual = _usual_duration(newest_first, now)
    interval = math.inf if interval is None else interval
    if usual is None:
        limit = min(STUCK_WITHOUT_HISTORY, STUCK_FACTOR * interval)
    else:
        limit = max(min(STUCK_FLOOR, OVERDUE_AFTER * interval), STUCK_FACTOR * usual)
    return now - run.creation_time > limit


def _usual_duration(newest_first: Iterable[Run], now: float) -> float | None:
    """Return how many seconds the view's refreshes usually take; None for one that never succeeded.

    Those count that were the last success at some time of the last seven days.
    """
    durations = []
    for run in newest_first:
        if run.status == Status.SUCCEEDED and run.whole_duration is not None and run.end_time is not None:
            durations.append(run.whole_duration)
            if run.end_time < now - HISTORY:
                break
    if not durations:
        return None
    return sorted(durations)[math.ceil(USUAL_SHARE * len(durations)) - 1]
