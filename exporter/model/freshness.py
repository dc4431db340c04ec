"""Since when a view lacks something that its sources have, and whether it is late.

Pure functions of Unix times in seconds, all by Glue's clock. Glue skips a scheduled refresh while no source
has changed, so a view's age alone does not tell whether it is late.
"""

from collections.abc import Sequence
from typing import Final

OVERDUE_AFTER: Final = 1.5
"""Expected intervals that a view may be stale: its own schedule, and half an interval for the refresh."""


def stale_since(
    *,
    refresh_began: float | None,
    data_time: float | None,
    creation_time: float | None,
    changes: Sequence[Sequence[float]] | None,
    kept: float | None,
    compared: bool,
) -> float | None:
    """Return since when the view lacks something; None while it lacks nothing, or nothing is known.

    ``refresh_began``: when its newest refresh began; None if it was never refreshed. ``data_time``: when that
    refresh ended. ``changes``: for each source, the times at which it was seen to have changed, the oldest
    first; None unless all sources could be read. ``kept``: the last answer that came of comparing; not
    one of a time at which sources were unknown, which is older than it has to be. ``compared``: whether they
    were compared before; at a first look, only the newest change is known to be one.
    """
    if refresh_began is None:
        newest = max((times[-1] for times in changes or () if times), default=None)
        return creation_time if creation_time is not None else newest
    if changes is None:
        return data_time
    if not compared:
        newest = max((times[-1] for times in changes if times), default=None)
        return newest if newest is not None and newest > refresh_began else None
    if kept is not None and kept > refresh_began:
        return kept
    return min((time for times in changes for time in times if time > refresh_began), default=None)


def overdue(
    *, now: float, stale_since: float | None, interval: float | None, refreshing: bool
) -> bool | None:
    """Return whether the view is later than its interval allows; None for a view without an interval.

    ``refreshing``: whether its newest run is in progress, and not stuck.
    """
    if interval is None:
        return None
    if stale_since is None or refreshing:
        return False
    return now - stale_since > OVERDUE_AFTER * interval
