"""One view: what is remembered of it, its runs by age, and the summary that its series are made from."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.model.patterns import Name
from exporter.model.run import Status, run_key
from exporter.model.view import View, ViewKey, stale_since
from exporter.store.counters import ViewCounters
from exporter.store.runs import RunRecord
from exporter.store.series import ViewFacts, ViewSeries

LISTINGS_UNTIL_GONE = 2
"""So many complete listings of tables in a row must miss a view before its series go."""
NO_SNAPSHOT = "-1"
"""Iceberg's ID for the snapshot of a table without data."""


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
    """What that showed the last time."""
    described: bool = False
    """Whether they ever held it; else only its name is known."""
    misses: int = 0
    """Complete listings of tables in a row that did not hold it."""
    baseline_at: float | None = None
    """When its first listing of runs was complete; None: still to come."""
    counts_after: float | None = None
    """Runs that were created before this are not counted; None: the baseline alone decides."""
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
    owner: str | None = None
    """The target that watches it; None: no target does."""
    literal: bool = False
    """Whether a pattern names it literally."""
    expected_interval: float | None = None
    """The configured one, in seconds."""
    configured_owner: str | None = None
    """Who is told when the view is in trouble; not the target that watches it."""
    source_changes: tuple[tuple[float, ...], ...] | None = None
    """For each of its sources, when it was seen to change; None unless all of them are known."""
    up: bool = False
    """Whether the last poll read its runs."""
    runs: list[RunRecord] = field(default_factory=list)
    """Those that are remembered, the oldest first."""
    unsettled: set[str] = field(default_factory=set)
    """Keys of those that may still change."""
    shown: frozenset[str] = frozenset()
    """Keys of the runs that have series because of this view, as last published."""
    published: bool = False

    @property
    def known(self) -> bool:
        """Whether Glue knows the view, as far as its tables may be read."""
        record = self.record
        return record.misses < LISTINGS_UNTIL_GONE if record.described else record.misses == 0

    def put(self, key: str, before: RunRecord | None, record: RunRecord) -> None:
        """Remember a run, in place of what was remembered of it before."""
        if before is not None and before.run.age_order == record.run.age_order:
            self.runs[self._place(before)] = record
        else:
            if before is not None:
                del self.runs[self._place(before)]
            self.runs.insert(self._place(record), record)
        if record.settled:
            self.unsettled.discard(key)
        else:
            self.unsettled.add(key)

    def remove(self, key: str, record: RunRecord) -> None:
        """Forget a run."""
        del self.runs[self._place(record)]
        self.unsettled.discard(key)

    def newest_first(self) -> Iterator[RunRecord]:
        """Yield the runs that have values to show."""
        return (record for record in reversed(self.runs) if record.there)

    def newest_with_status(self, status: Status) -> RunRecord | None:
        """Return the newest run that has this status."""
        return next((record for record in self.newest_first() if record.run.status == status), None)

    def failures_in_a_row(self) -> list[RunRecord]:
        """Return the failed runs since the last success; stopped and unknown ones neither count nor reset."""
        failures = []
        for record in self.newest_first():
            if record.run.status == Status.SUCCEEDED:
                break
            if record.run.status == Status.FAILED:
                failures.append(record)
        return failures

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

    @property
    def stale_since(self) -> float | None:
        """Since when the view lacks something, as Unix time; None: it lacks nothing, or that is not known."""
        record, created = self.record, self.record.view.creation_time
        refresh = self.newest_refresh()
        if refresh is None and record.baseline_at is None:
            return None  # its runs have still to be read
        if refresh and created is not None and refresh[1] < created:
            refresh = None  # it was of an earlier view of this name
        return stale_since(
            refresh_began=refresh[0] if refresh else None,
            data_time=refresh[1] if refresh else None,
            creation_time=created,
            changes=self.source_changes,
            kept=record.stale_since,
            compared=record.compared,
        )

    def runs_to_show(self, newest: int) -> frozenset[str]:
        """Return the keys of the ``newest`` runs and of those in progress; 0: of none at all."""
        if not newest or not self.known:
            return frozenset()
        shown = [
            run_key(record.run.run_id) for record, _ in zip(self.newest_first(), range(newest), strict=False)
        ]
        if self.unsettled:
            shown += [
                run_key(record.run.run_id)
                for record in self.newest_first()
                if not record.settled and not record.run.ended
            ]
        return frozenset(shown)

    def series(self, aws_region: str, catalog_id: str) -> ViewSeries:
        """Return what the view's series are made from."""
        return ViewSeries(
            key=ViewKey(aws_region, catalog_id, *self.record.name),
            target=self.owner or "",
            up=self.up,
            facts=self._facts() if self.known else None,
        )

    def _facts(self) -> ViewFacts:
        record = self.record
        last = next(self.newest_first(), None)
        success = self.newest_with_status(Status.SUCCEEDED)
        failure = self.newest_with_status(Status.FAILED)
        in_a_row = self.failures_in_a_row()
        refresh = self.newest_refresh()
        return ViewFacts(
            refresh_mode=_refresh_mode(record),
            managed=record.view.managed,
            owner=self.configured_owner or record.view.owner,
            creation_time=record.view.creation_time,
            expected_interval=self.expected_interval or record.view.refresh_seconds,
            last_run=last.run if last else None,
            last_success=success.run if success else None,
            last_success_time=success.end if success else None,
            last_failure_time=failure.end if failure else None,
            last_failure=in_a_row[0].run if in_a_row else None,
            data_time=refresh[1] if refresh else None,
            source_updated_time=max((times[-1] for times in self.source_changes or ()), default=None),
            stale_since=self.stale_since,
            consecutive_failures=None if record.baseline_at is None and last is None else len(in_a_row),
            counters=self.saved_counters,
        )

    def _place(self, record: RunRecord) -> int:
        return bisect_left(self.runs, record.run.age_order, key=lambda one: one.run.age_order)


def _refresh_mode(record: ViewRecord) -> str:
    if not record.described:
        return "unknown"
    return "manual" if record.view.refresh_seconds is None else "scheduled"
