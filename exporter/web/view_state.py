"""Which state a view is in: the one definition of each, for the status page and its JSON alike.

*Failing*, *overdue* and *stuck* mean what they mean in the shipped alerts, with the thresholds that the Helm
chart has by default.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from exporter.model.run import Run, Status
from exporter.store.series import TargetSeries, ViewFacts, ViewSeries

OVERDUE_FACTOR = 1.5
"""A view is overdue so many expected intervals after its last success: a run takes its time, too."""
OVERDUE_FLOOR = 1800.0
"""Seconds after which it is overdue at the earliest, however short its interval."""
UNSCHEDULED_MAX_AGE = 604800.0
"""Seconds after which a view without an interval is overdue."""
STUCK_FACTOR = 3.0
"""A run is stuck after so many times what the view's refreshes usually take."""
STUCK_FLOOR = 3600.0
"""Seconds since its creation after which a run is stuck at the earliest."""
STUCK_WITHOUT_HISTORY = 14400.0
"""Seconds after which a run of a view that never succeeded is stuck."""
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
    view: ViewSeries, target: TargetSeries, usual_duration: float | None, now: float
) -> Mapping[State, bool | None]:
    """Return which states apply, the worst first; None where that is not known (yet).

    ``usual_duration``: from :func:`usual_duration`. ``now``: Unix time.
    """
    facts = view.facts
    polled = target.up is not None
    # A view that cannot be read grows no older: nobody knows what has happened to it since.
    read_at = now if view.up else target.last_success_time if target.up is False else None
    failures = facts.consecutive_failures if facts else None
    return {
        State.FAILING: None if failures is None else failures > 0,
        State.OVERDUE: None if facts is None or read_at is None else _overdue(facts, read_at),
        State.STUCK: None if facts is None or read_at is None else _stuck(facts, read_at, usual_duration),
        State.NOT_READ: not view.up if polled else None,
        State.RUNNING: is_running(facts) if polled else None,
        State.OK: True if polled else None,
    }


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


def _overdue(facts: ViewFacts, read_at: float) -> bool | None:
    """Return whether the last success, or the creation of a view without one, is too long ago."""
    since = facts.creation_time if facts.last_success_time is None else facts.last_success_time
    if since is None:
        return None
    limit = UNSCHEDULED_MAX_AGE
    if facts.expected_interval is not None:
        limit = max(OVERDUE_FLOOR, OVERDUE_FACTOR * facts.expected_interval)
    return read_at - since > limit


def _stuck(facts: ViewFacts, read_at: float, usual: float | None) -> bool | None:
    """Return whether the newest run is in progress for too long since its creation."""
    if not is_running(facts):
        return False
    if facts.last_run is None or facts.last_run.creation_time is None:
        return None
    limit = STUCK_WITHOUT_HISTORY if usual is None else max(STUCK_FLOOR, STUCK_FACTOR * usual)
    return read_at - facts.last_run.creation_time > limit
