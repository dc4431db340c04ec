"""One view: what is remembered of it, of its sources and its runs, and what its series are made from."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from exporter.model.patterns import Name, is_literal
from exporter.model.run import Status, run_key
from exporter.model.settings import Target, ViewPattern
from exporter.model.view import View
from exporter.store.counters import ViewCounters
from exporter.store.runs import RunRecord
from exporter.store.series import ViewFacts

LISTINGS_UNTIL_GONE = 2
"""Complete listings of tables in a row that must miss a view before its series go."""
NO_SNAPSHOT = "-1"
"""Iceberg's ID for the snapshot of a table without data."""
MOST_CHANGES = 100
"""Changes of a source that are remembered, the newest ones. A view remembers the first that it lacks."""

Changes = Sequence[Sequence[float]] | None
"""For each source of a view, the times at which it was seen to change; None unless all sources are known."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What the state keeps of one source table. Unix times in seconds, by Glue's clock."""

    update_time: float | None = None
    """As the catalog reported it last; None while it cannot be read."""
    changes: tuple[float, ...] = ()
    """Every time of a change that was seen, the oldest first."""

    def seen(self, update_time: float | None, now: float) -> "SourceRecord":
        """Return what is remembered of it after the catalog has reported this."""
        if update_time == self.update_time:
            return self
        if update_time is None:
            return SourceRecord(None, self.changes)
        # A wrong time in the future would hide all changes until then.
        changes = sorted({*self.changes, min(update_time, now)})
        return SourceRecord(update_time, tuple(changes[-MOST_CHANGES:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """What the state keeps of one view. Times are Unix times in seconds by Glue's clock."""

    view: View
    """As the catalog's tables held it last."""
    data_changed_at: float | None = None
    """When its snapshot was last seen to have changed: the table's UpdateTime then."""
    data_changed_after: float | None = None
    """The table's UpdateTime at the look before that."""
    compared: bool = False
    """Whether it was compared with its sources before."""
    stale_since: float | None = None
    """Since when it lacked something when it was last compared with its sources, all being known."""
    described: bool = False
    """Whether the catalog's tables ever held it; else only its name is known."""
    misses: int = 0
    """Complete listings of tables in a row that did not hold it."""
    baseline_at: float | None = None
    """When its first listing of runs was complete; None: still to come."""
    counts_after: float | None = None
    """Runs that ended before this are not counted; None: the baseline alone decides."""
    unwatched_since: float | None = None
    """Since when no configuration watches it; None: watched, or not yet noted."""
    counters: ViewCounters = field(default_factory=ViewCounters)

    @property
    def name(self) -> Name:
        """Database and table."""
        return self.view.database, self.view.table


@dataclass(slots=True, eq=False)
class ViewState:
    """A remembered view, watched or not. A new one takes its place when it is watched again."""

    record: ViewRecord
    saved_counters: ViewCounters
    """As last written to disk: what is published never runs ahead of what survives."""
    target: Target | None = None
    """The one that watches it; None: no target does."""
    patterns: Sequence[ViewPattern] = ()
    """Those of the target that match it, literal ones first."""
    up: bool = False
    """Whether the last poll read its runs."""
    listed: bool = False
    """Whether all its runs have been listed since this target began to watch it."""
    runs: dict[str, RunRecord] = field(default_factory=dict)
    """Those that are remembered, by run key."""
    shown: frozenset[str] = frozenset()
    """Keys of the runs that have series because of this view, as last published."""
    source_changes: Changes = None
    """Of its sources, as its own target has read them: another one may have other permissions."""
    sources_awaited: bool = False
    """Whether some of them have still to be asked for."""
    _oldest_first: list[RunRecord] | None = field(default=None, init=False)
    """Those runs that have values to show; None before they are asked for, and so in each copy."""

    @property
    def owner(self) -> str | None:
        """The name of the target that watches it."""
        return self.target.name if self.target else None

    @property
    def literal(self) -> bool:
        """Whether a pattern names it literally."""
        return any(map(is_literal, self.patterns))

    @property
    def known(self) -> bool:
        """Whether Glue knows the view, as far as its tables may be read."""
        record = self.record
        return record.misses < LISTINGS_UNTIL_GONE if record.described else record.misses == 0

    def put(self, key: str, record: RunRecord | None) -> None:
        """Remember a run, or what is new of it; None: forget it."""
        before = self.runs.pop(key, None)
        if record is not None:
            self.runs[key] = record
        # Kept in order: to sort 10,000 runs for each that changes would make a large view's listing slow.
        if self._oldest_first is not None:
            if before and before.there:
                del self._oldest_first[bisect_left(self._oldest_first, _age(before), key=_age)]
            if record and record.there:
                insort(self._oldest_first, record, key=_age)

    def newest_first(self) -> list[RunRecord]:
        """Return the runs that have values to show."""
        if self._oldest_first is None:
            self._oldest_first = sorted((record for record in self.runs.values() if record.there), key=_age)
        return self._oldest_first[::-1]

    def newest_with_status(self, status: Status) -> RunRecord | None:
        """Return the newest run that has this status."""
        return next((record for record in self.newest_first() if record.run.status == status), None)

    def failures_in_a_row(self) -> list[RunRecord]:
        """Return the failed runs since the last success; stopped and unknown ones neither count nor reset."""
        since_success = takewhile(lambda one: one.run.status != Status.SUCCEEDED, self.newest_first())
        return [record for record in since_success if record.run.status == Status.FAILED]

    def newest_refresh(self) -> tuple[float, float] | None:
        """Return when the view's newest refresh began and when it ended; None for one never refreshed.

        A new snapshot counts as a refresh at the table's UpdateTime, unless a succeeded run began since the
        look before: then it is that run's, and holds what the sources had when the run began. With another
        refresh beside that run, the view looks older than it is, never younger.
        """
        changed, before = self.record.data_changed_at, self.record.data_changed_after
        success = self.newest_with_status(Status.SUCCEEDED)
        if success is None or success.end is None:
            return None if changed is None else (changed, changed)
        run = success.run
        began = next((time for time in (run.start_time, run.creation_time) if time is not None), success.end)
        if changed is None or (before or 0.0) <= began <= changed:
            return began, success.end
        return max(began, changed), max(success.end, changed)

    def stale_since(self) -> float | None:
        """Return since when the view lacks something, as Unix time; None: nothing, or that is not known.

        Glue skips a scheduled refresh while no source has changed, so a view's age does not say it.
        """
        record, created = self.record, self.record.view.creation_time
        changes, newest = self.source_changes, self.newest_change()
        refresh = self.newest_refresh()
        if refresh is None and record.baseline_at is None:
            return None  # its runs have still to be read
        if refresh is None or (created is not None and refresh[1] < created):
            return newest if created is None else created  # never refreshed, or another of its name
        began, ended = refresh
        if changes is None and not self.sources_awaited:
            return ended
        if record.stale_since is not None and record.stale_since > began:
            return record.stale_since
        if not record.compared:  # of what changed before the first look, only the newest change is known
            return newest if newest is not None and newest > began else None
        return min((time for times in changes or () for time in times if time > began), default=None)

    def runs_to_show(self, newest: int) -> frozenset[str]:
        """Return the keys of the ``newest`` runs and of those in progress; 0: of none at all."""
        if not newest or not self.known:
            return frozenset()
        runs = self.newest_first()
        shown = (*runs[:newest], *(record for record in runs[newest:] if not record.run.ended))
        return frozenset(run_key(record.run.run_id) for record in shown)

    def newest_change(self) -> float | None:
        """Return when a source was last seen to change; None unless all sources are known."""
        return max((times[-1] for times in self.source_changes or ()), default=None)

    def facts(self) -> ViewFacts:
        """Return what is known of it."""
        record, view = self.record, self.record.view
        last = next(iter(self.newest_first()), None)
        success = self.newest_with_status(Status.SUCCEEDED)
        failure = self.newest_with_status(Status.FAILED)
        in_a_row = self.failures_in_a_row()
        refresh = self.newest_refresh()
        mode = "manual" if view.refresh_seconds is None else "scheduled"
        intervals = (pattern.expected_interval for pattern in self.patterns)
        owners = [pattern.owner for pattern in self.patterns]
        owners += [self.target.owner if self.target else None, view.owner]
        return ViewFacts(
            refresh_mode=mode if record.described else "unknown",
            managed=view.managed,
            owner=next(filter(None, owners), None),
            creation_time=view.creation_time,
            expected_interval=next(filter(None, intervals), view.refresh_seconds),
            last_run=last.run if last else None,
            last_success=success.run if success else None,
            last_success_time=success.end if success else None,
            last_failure_time=failure.end if failure else None,
            last_failure=in_a_row[0].run if in_a_row else None,
            data_time=refresh[1] if refresh else None,
            source_updated_time=self.newest_change(),
            stale_since=self.stale_since(),
            consecutive_failures=None if record.baseline_at is None else len(in_a_row),
            counters=self.saved_counters,
        )


def _age(record: RunRecord) -> tuple[object, ...]:
    return record.run.age_order
