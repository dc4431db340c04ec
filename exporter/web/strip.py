"""What is drawn of a view: its lag against its expected interval, and its last runs.

What an earlier refresh lacked follows from what is remembered now: the present interval, the newest 100
changes of each source, and the newest refresh without a run.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exporter.model.run import Run, Status
from exporter.web.status import ViewRow
from exporter.web.status_text import ago, duration
from exporter.web.view_state import OVERDUE_AFTER

SLOTS = 20
"""Runs and gaps that a strip holds, the newest ones."""
LOWEST = 0.15
"""Height of what took no time, as part of the strip's."""


class Slot(NamedTuple):
    """One place of a strip."""

    kind: str
    """The run's status in lower case, ``unknown``, or ``gap``."""
    run_id: str | None
    """None for a gap: here a refresh was due, and none began."""
    height: float
    """Its duration, as part of the longest one."""
    words: str
    """The same in words."""


def lag(row: ViewRow) -> tuple[float, str] | None:
    """Return how many expected intervals a view is behind its sources, and the same in words.

    None where its lag, or its interval, is not known.
    """
    interval, stale_since = row.item["expected_interval_seconds"], row.item["stale_since"]
    if interval is None or row.item["consecutive_failures"] is None or row.read_at is None:
        return None
    seconds = 0.0 if stale_since is None else max(0.0, row.read_at - stale_since)
    behind = f"{duration(seconds)} behind" if seconds else "not behind"
    intervals = f"{seconds / interval:,.1f} intervals (overdue after {OVERDUE_AFTER})"
    return seconds / interval, f"{behind}, expected every {duration(interval)}: {intervals}"


def strip(row: ViewRow, now: float) -> Sequence[Slot]:
    """Return the last runs of a view, the oldest first. ``now``: Unix time."""
    runs = _last_runs(row)
    durations = [(run.duration(now) or 0.0) if run else 0.0 for run in runs]
    longest = max(durations, default=0.0) or 1.0
    return [
        _slot(run, max(LOWEST, seconds / longest), now) for run, seconds in zip(runs, durations, strict=True)
    ]


def _slot(run: Run | None, height: float, now: float) -> Slot:
    if run is None:
        return Slot("gap", None, height, "a refresh was due, and none began")
    kind, began, seconds = (run.status_label or "unknown").lower(), _began(run), run.duration(now)
    words = [kind, *([ago(began, now)] if began else []), *([duration(seconds)] if seconds else [])]
    return Slot(kind, run.run_id, height, ", ".join(words))


def in_words(slots: Sequence[Slot]) -> str:
    """Return a strip in words: ``Last 3 runs: 2 succeeded, 1 failed; 1 gap``."""
    kinds = Counter(slot.kind for slot in slots)
    gaps = kinds.pop("gap", 0)
    runs = sum(kinds.values())
    found = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    words = f"Last {runs} runs: {found}" if runs > 1 else f"Last run: {', '.join(kinds)}"
    return f"{words}; {gaps} gap{'s' * (gaps > 1)}" if gaps else words


def _began(run: Run) -> float | None:
    return run.creation_time if run.start_time is None else run.start_time


def _last_runs(row: ViewRow) -> list[Run | None]:
    """Return the newest runs, the oldest first, with None where a refresh was due before one, or is now."""
    runs: list[Run | None] = []
    held_until = idle_since = None
    for record in reversed(row.view.newest_first()[:SLOTS]):
        run = record.run
        if _was_due(row, held_until, idle_since, run.creation_time):
            runs.append(None)
        runs.append(run)
        idle_since = record.end
        if run.status == Status.SUCCEEDED or held_until is None:
            held_until = _began(run)
    if row.item["overdue"] and _was_due(row, held_until, idle_since, row.read_at):
        runs.append(None)
    return runs[-SLOTS:]


def _was_due(row: ViewRow, held_until: float | None, idle_since: float | None, now: float | None) -> bool:
    """Return whether no refresh had begun by ``now`` for longer than a view may lack a change.

    ``held_until``: the view held what its sources had then. ``idle_since``: no run was in progress since.
    """
    interval = row.item["expected_interval_seconds"]
    if held_until is None or idle_since is None or now is None or interval is None:
        return False
    elsewhere = row.view.record.data_changed_at
    if elsewhere is not None and elsewhere <= now:
        held_until = max(held_until, elsewhere)
    lacking: float | None = held_until
    if (changes := row.view.source_changes) is not None:
        places = [bisect_right(times, held_until) for times in changes]
        later = (times[place] for times, place in zip(changes, places, strict=True) if place < len(times))
        lacking = min(later, default=None)
    return lacking is not None and now - max(lacking, idle_since) > OVERDUE_AFTER * interval
