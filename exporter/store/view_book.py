"""The views of one catalog: which are watched, by whom, and what is known of them."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from exporter.model.patterns import ViewMatcher
from exporter.model.run import PHASES, Status
from exporter.model.view import ViewKey
from exporter.store.counting import ViewCounters
from exporter.store.moment import Moment
from exporter.store.outcome import Discovery, ListingRead
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.series import ViewFacts, ViewSeries
from exporter.store.view_records import ViewRecord, ViewRecords

LISTINGS_UNTIL_GONE = 2
"""So many complete listings of tables in a row must miss a view before its series go."""

Name = tuple[str, str]
"""Database and table."""


@dataclass(slots=True)
class WatchedView:
    """What the exporter works with for one watched view."""

    record: ViewRecord
    owner: str
    """The target that watches it."""
    literal: bool
    """Whether a pattern names it outright."""
    expected_interval: float | None
    """Seconds; the configured one."""
    saved_counters: ViewCounters
    """As last written to disk: what is published never runs ahead of what survives."""
    up: bool = False
    phases: dict[str, int] = field(default_factory=dict)
    facts: ViewFacts | None = None

    @property
    def name(self) -> Name:
        """Database and table."""
        return self.record.database, self.record.table

    @property
    def known(self) -> bool:
        """Whether Glue knows the view, as far as its tables may be read."""
        if self.record.described:
            return self.record.misses < LISTINGS_UNTIL_GONE
        return self.record.misses == 0

    def series(self, aws_region: str, catalog_id: str) -> ViewSeries:
        """Return what its series are made from."""
        return ViewSeries(
            key=ViewKey(aws_region, catalog_id, self.record.database, self.record.table),
            target=self.owner,
            up=self.up,
            facts=replace(self.facts, counters=self.saved_counters) if self.facts else None,
        )


class ViewBook:
    """Views by (database, table). Used within the store's transactions."""

    def __init__(self, records: ViewRecords) -> None:
        self._records = records
        self._matchers: list[tuple[str, ViewMatcher]] = []
        self._since: dict[Name, float] = {}
        self._all: dict[Name, ViewRecord] = {}
        self._watched: dict[Name, WatchedView] = {}

    def load(self) -> None:
        """Read what is remembered of the views."""
        self._all = {(record.database, record.table): record for record in self._records.all()}

    def claim(self, matchers: Sequence[tuple[str, ViewMatcher]], now: float, *, all_known: bool) -> None:
        """Watch what these targets' patterns want; the first target that wants a view has it.

        A view that nobody wants any more loses its baseline: when it is wanted again, what ended
        meanwhile is not counted. ``all_known``: there are no other targets that may want it.
        """
        self._matchers = list(matchers)
        patterns = ((p.database, p.table) for _, matcher in matchers for p in matcher.target.views)
        self._since = self._records.watch_patterns(patterns, now, alone=all_known)
        before, self._watched = self._watched, {}
        literals = {name for _, matcher in matchers for name in matcher.literals}
        for name, record in list(self._all.items()):
            if self._owner(name) is None:
                if all_known and (record.unwatched_since is None or record.baseline_at is not None):
                    since = record.unwatched_since if record.unwatched_since is not None else now
                    self._write(replace(record, unwatched_since=since, baseline_at=None))
            elif record.misses < LISTINGS_UNTIL_GONE:
                self._watch(name, record, before.get(name))
            elif record.unwatched_since is None and name not in literals:
                self._write(replace(record, unwatched_since=now))  # it was named, and is not any more
        for _, matcher in matchers:
            for name in matcher.literals:
                if name not in self._watched:
                    record = self._all.get(name) or ViewRecord(database=name[0], table=name[1])
                    self._watch(name, record, None)  # Glue does not know it, or not yet

    def discovered(self, target: str, discovery: Discovery, at: Moment) -> dict[str, list[Name]]:
        """Take in which views the catalog's tables tell of now.

        Returns the found views that another target, earlier in the file, watches: by that target.
        """
        elsewhere: dict[str, list[Name]] = {}
        found: set[Name] = set()
        for view in discovery.views:
            name = (view.database, view.table)
            owner = self._owner(name)
            if owner != target:
                if owner is not None:
                    elsewhere.setdefault(owner, []).append(name)
                continue
            found.add(name)
            record = self._all.get(name) or ViewRecord(database=name[0], table=name[1])
            if not record.described and record.baseline_at is None:
                record = replace(record, baseline_at=self._first_baseline(name, view.creation_time, at))
            if not record.same_as(view):
                record = replace(
                    record,
                    creation_time=view.creation_time,
                    refresh_seconds=view.refresh_seconds,
                    described=True,
                    misses=0,
                )
                self._watch(name, record, self._watched.get(name))
        for name, view_watched in list(self._watched.items()):
            if view_watched.owner == target and name not in found and discovery.looked_for(*name):
                self._missed(name, view_watched, at)
        return elsewhere

    def mentioned(self, target: str, database: str, table: str, *, may_begin: bool) -> WatchedView | None:
        """Return the target's watched view of this name.

        ``may_begin``: begin to watch one that only its runs tell of, because tables may not be read.
        """
        watched = self._watched.get((database, table))
        if watched is not None:
            return watched if watched.owner == target else None
        name = (database, table)
        if not may_begin or self._owner(name) != target:
            return None
        if name in self._all:
            return None  # the tables told that it is gone, when they could be read
        return self._watch(name, ViewRecord(database=database, table=table), None)

    def of(self, target: str) -> Iterator[WatchedView]:
        """Yield the views that the target watches."""
        return (watched for watched in self._watched.values() if watched.owner == target)

    def listed_in(self, target: str, listing: ListingRead) -> list[WatchedView]:
        """Return the target's views whose runs the listing holds."""
        return [watched for watched in self.of(target) if listing.covers(*watched.name)]

    def phases(self, target: str) -> dict[str, int]:
        """Count the runs of the target's views by phase."""
        counts = dict.fromkeys(PHASES, 0)
        for watched in self.of(target):
            for phase, number in watched.phases.items():
                counts[phase] += number
        return counts

    def get(self, name: Name) -> WatchedView | None:
        """Return the watched view of this name."""
        return self._watched.get(name)

    def watched(self) -> Iterable[WatchedView]:
        """Return every watched view."""
        return self._watched.values()

    def names(self) -> AbstractSet[Name]:
        """Return the names of the watched views."""
        return self._watched.keys()

    def update(self, watched: WatchedView, record: ViewRecord) -> None:
        """Remember what is new of a watched view."""
        watched.record = self._write(record)

    def saved(self) -> list[WatchedView]:
        """Note that all is on disk; return the views whose published counters were behind."""
        behind = [w for w in self._watched.values() if w.saved_counters is not w.record.counters]
        for watched in behind:
            watched.saved_counters = watched.record.counters
        return behind

    def forget_unwatched(self, before: float) -> list[int]:
        """Forget the views that nobody has watched since before this time; return their rows."""
        gone = [r for r in self._all.values() if r.unwatched_since is not None and r.unwatched_since < before]
        for record in gone:
            self._records.forget(record.id)
            del self._all[record.database, record.table]
        return [record.id for record in gone]

    def summarise(self, watched: WatchedView, runs: RunRecords, newest: int) -> list[str]:
        """Work out anew what the view's runs say of it; return the IDs of the runs to show.

        ``newest``: how many of its newest runs are shown, besides those that have not ended; 0: none at all.
        """
        record = watched.record
        if not watched.known:
            watched.facts, watched.phases = None, {}
            return []
        latest = runs.newest(record.id, max(1, newest))
        succeeds = bool(latest) and latest[0].run.status == Status.SUCCEEDED
        success = latest[0] if succeeds else runs.newest_with_status(record.id, Status.SUCCEEDED)
        failure = runs.newest_with_status(record.id, Status.FAILED)
        failures = 0 if succeeds else len(runs.failures_in_a_row(record.id))
        if record.forgotten_after == (success.run.run_id if success else None):
            failures += record.forgotten_failures
        watched.phases = runs.phases(record.id)
        watched.facts = ViewFacts(
            refresh_mode=_refresh_mode(record),
            creation_time=record.creation_time,
            expected_interval=watched.expected_interval or record.refresh_seconds,
            last_run=latest[0].run if latest else None,
            last_success=success.run if success else None,
            last_success_time=_end(success),
            last_failure_time=_end(failure),
            consecutive_failures=None if record.baseline_at is None and not latest else failures,
            counters=watched.saved_counters,
        )
        if not newest:
            return []
        unended = [run.run.run_id for run in runs.unended(record.id)] if watched.phases["active"] else []
        return list(dict.fromkeys([run.run.run_id for run in latest] + unended))

    def _owner(self, name: Name) -> str | None:
        return next((target for target, matcher in self._matchers if matcher.matching(*name)), None)

    def _first_baseline(self, name: Name, creation_time: float | None, at: Moment) -> float | None:
        """Return the baseline of a view that is met for the first time; None: still to be taken.

        One that was created after its pattern was first watched has nothing to leave out of the count.
        """
        since = min(
            self._since[pattern.database, pattern.table]
            for target, matcher in self._matchers
            if target == self._owner(name)
            for pattern in matcher.matching(*name)
        )
        younger = creation_time is not None and creation_time > since
        return at.now if younger else None

    def _watch(self, name: Name, record: ViewRecord, before: WatchedView | None) -> WatchedView:
        """Watch a view that some pattern wants; what was known of it ``before`` in this life stays."""
        owner, matcher = next(one for one in self._matchers if one[1].matching(*name))
        record = replace(record, unwatched_since=None)
        if record != self._all.get(name):
            record = self._write(record)
        watched = WatchedView(
            record,
            owner,
            literal=name in matcher.literals,
            expected_interval=matcher.expected_interval(*name),
            saved_counters=before.saved_counters if before else self._records.saved_counters(*name),
        )
        if before:
            watched.up, watched.phases, watched.facts = before.up, before.phases, before.facts
        self._watched[name] = watched
        return watched

    def _missed(self, name: Name, watched: WatchedView, at: Moment) -> None:
        """Take in that a complete listing of tables does not hold the view."""
        misses = min(watched.record.misses + 1, LISTINGS_UNTIL_GONE)
        if misses != watched.record.misses:
            self.update(watched, replace(watched.record, misses=misses))
        if misses >= LISTINGS_UNTIL_GONE and not watched.literal:
            # Its state stays, and its baseline with it: re-created under its name it is the same view.
            self._write(replace(watched.record, unwatched_since=at.now))
            del self._watched[name]

    def _write(self, record: ViewRecord) -> ViewRecord:
        record = replace(record, id=self._records.put(record))
        self._all[record.database, record.table] = record
        return record


def _end(record: RunRecord | None) -> float | None:
    """Return when an ended run ended, or what stands in for it."""
    return None if record is None else record.run.reported_end(record.first_seen_ended or 0.0)


def _refresh_mode(record: ViewRecord) -> str:
    if not record.described:
        return "unknown"
    return "manual" if record.refresh_seconds is None else "scheduled"
