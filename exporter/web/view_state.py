"""Which state a view is in: the one definition of each, for the status page and its JSON alike.

*Failing*, *overdue* and *stuck* mean what they mean in the shipped alerts, with the thresholds that the Helm
chart has by default. No threshold is longer than a few intervals of the view itself.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from exporter.model.run import Run, Status
from exporter.model.view import OVERDUE_AFTER, overdue
from exporter.store.series import TargetSeries, ViewFacts, ViewSeries

STUCK_FACTOR = 3.0
"""A run is stuck after so many times what the view's refreshes usually take."""
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


PROBLEMS = frozenset({State.FAILING, State.OVERDUE, State.STUCK, State.NOT_READ})


def judge(
    view: ViewSeries, target: TargetSeries, usual_duration: float | None, read_at: float | None
) -> Mapping[State, bool | None]:
    """Return which states apply, the worst first; None where that is not known (yet).

    ``usual_duration`` and ``read_at``: from the functions of these names.
    """
    facts = view.facts
    polled = target.up is not None
    failures = facts.consecutive_failures if facts else None
    late = stuck = None
    if facts is not None and read_at is not None:
        stuck = _stuck(facts, read_at, usual_duration)
        late = overdue(
            now=read_at,
            stale_since=facts.stale_since,
            interval=facts.expected_interval,
            refreshing=is_running(facts) and not stuck,
        )
    return {
        State.FAILING: None if failures is None else failures > 0,
        State.OVERDUE: late,
        State.STUCK: stuck,
        State.NOT_READ: not view.up if polled else None,
        State.RUNNING: is_running(facts) if polled else None,
        State.OK: True if polled else None,
    }


def read_at(view: ViewSeries, target: TargetSeries, now: float) -> float | None:
    """Return the Unix time up to which a view is known; None where that is not known.

    A view that cannot be read grows no older: nobody knows what has happened to it since.
    """
    if view.up:
        return now
    return target.last_success_time if target.up is False else None


def is_running(facts: ViewFacts | None) -> bool:
    """Return whether the view's newest run is in progress."""
    return facts is not None and facts.last_run is not None and facts.last_run.status in ACTIVE


def usual_duration(runs: Iterable[Run], now: float) -> float | None:
    """Return how many seconds the view's refreshes usually take; None for one that never succeeded.

    ``runs``: the newest first. Those count that were the last success at some time of the last seven days.
    """
    durations = []
    for run in runs:
        if run.status == Status.SUCCEEDED and run.whole_duration is not None and run.end_time is not None:
            durations.append(run.whole_duration)
            if run.end_time < now - HISTORY:
                break
    if not durations:
        return None
    return sorted(durations)[math.ceil(USUAL_SHARE * len(durations)) - 1]


def _stuck(facts: ViewFacts, read_at: float, usual: float | None) -> bool | None:
    """Return whether the newest run is in progress for too long since its creation."""
    if not is_running(facts):
        return False
    if facts.last_run is None or facts.last_run.creation_time is None:
        return None
    interval = math.inf if facts.expected_interval is None else facts.expected_interval
    limit = min(STUCK_WITHOUT_HISTORY, STUCK_FACTOR * interval)
    if usual is not None:
        limit = max(min(STUCK_FLOOR, OVERDUE_AFTER * interval), STUCK_FACTOR * usual)
    return read_at - facts.last_run.creation_time > limit
