"""What is known of one catalog in one region, who watches it, and what of it has changed.

State belongs to the catalog, not to the target, so that a target may be renamed. It is plain objects in
dictionaries. What changed is noted once, as keys: ``changed_*`` until it is published, ``dirty_*`` until it
is on disk. Values are built when they are published or saved.
"""

import math
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from exporter.model.patterns import Name, Ownership, assign, expected_interval, is_literal
from exporter.model.run import PHASES, Run, RunKey, run_key
from exporter.model.settings import Target, ViewPattern
from exporter.model.view import View, ViewKey
from exporter.store import runs as lifecycle
from exporter.store.counters import BASELINE
from exporter.store.log_lines import LogLines
from exporter.store.results import Listing, Scope
from exporter.store.runs import Fetching, Moment, RunRecord
from exporter.store.series import RunSeries, ViewSeries
from exporter.store.sources import SourceRecord, Sources
from exporter.store.views import LISTINGS_UNTIL_GONE, ViewRecord, ViewState

Place = tuple[str, str]
"""Region and ID of a catalog."""
LISTED_EVERY = 3600.0
"""Seconds between two notes of when a pattern's runs were listed; else every poll would write to disk."""


@dataclass(frozen=True, slots=True)
class WatchedPattern:
    """Since when a pattern is watched, by Glue's clock."""

    since: float
    """Unix time."""
    listed_at: float | None = None
    """When a complete listing of all runs that it may match began, to an hour; None: there was none."""


@dataclass(slots=True)
class CatalogRows:
    """What the state keeps of one catalog; or, None for what is forgotten, what has changed of it."""

    views: dict[Name, ViewRecord | None] = field(default_factory=dict)
    runs: dict[str, RunRecord | None] = field(default_factory=dict)
    """By run key."""
    sources: dict[str, SourceRecord | None] = field(default_factory=dict)
    """By ARN."""
    patterns: dict[Name, WatchedPattern] = field(default_factory=dict)
    """All, by database and table as they are written."""
    unreadable: dict[str, float] = field(default_factory=dict)
    """All run keys that could not be read in their view's first complete listing: Unix time of that."""
    rest: bool = True
    """Whether patterns or unreadable runs have changed."""


class Catalog:
    """Used under the store's lock."""

    def __init__(
        self, aws_region: str, catalog_id: str, log: LogLines, rows: CatalogRows | None = None
    ) -> None:
        self.aws_region = aws_region
        self.catalog_id = catalog_id
        self.log = log
        self.ownership = Ownership()
        self.runs: dict[str, RunRecord] = {}
        """By run key."""
        self.views: dict[Name, ViewState] = {}
        """The unwatched ones included."""
        self.fetching: dict[str, Fetching] = {}
        """The configured runs that are not settled, by run key."""
        self.sources = Sources(rows.sources if rows else {})
        self.patterns: dict[Name, WatchedPattern] = {}
        self.unreadable: dict[str, float] = {}
        self.changed_runs: set[str] = set()
        self.changed_views: set[Name] = set()
        self._published: dict[str, str] = {}
        """By run key: the run IDs that have series, as they are written there."""
        self.dirty_runs: set[str] = set()
        self.dirty_views: set[Name] = set()
        self._dirty_rest = False
        self._listed_by_runs: set[Name] = set()
        """Patterns whose last complete listing would have begun to watch any view of theirs."""
        self._new_patterns: dict[Name, float] = {}
        """Those without a date yet, as long as Glue's clock is not known: monotonic seconds since when."""
        self._reading_sources: set[str] = set()
        """The targets that read source tables."""
        self._configured: Counter[str] = Counter()
        """How many configured runs each target owns."""
        self.open_listings: weakref.WeakSet[Listing] = weakref.WeakSet()
        if rows:
            self._load(rows)

    # Who watches what

    def claim(self, targets: Sequence[Target], monotonic: float, *, all_known: bool) -> None:
        """Decide again who watches what: the first target in the file. What stays keeps its state.

        A view that no target wants any more loses its baseline: when it is wanted again, what ended
        meanwhile is not counted. ``all_known``: no other target may turn out to watch this catalog.
        """
        before = self.ownership
        self.ownership = ownership = assign(targets)
        for conflict in ownership.conflicts:
            self.log.owned_elsewhere(*conflict)
        self._reading_sources = {target.name for target in targets if target.source_tables}
        self._listed_by_runs = set()  # what is excluded may have changed
        self._watch_patterns((p for t in targets for p in t.views), monotonic, alone=all_known)
        literals = {name for matcher in ownership.matchers for name in matcher.literals}
        for name, view in list(self.views.items()):
            match = ownership.of_view(*name)
            if match is not None and (view.record.misses < LISTINGS_UNTIL_GONE or name in literals):
                self.watch(name, *match)
                continue
            view.owner, view.up = None, False
            if match is None and all_known:
                self.update(view, replace(view.record, baseline_at=None, counts_after=None))
        for name in literals - self.views.keys():
            if match := ownership.of_view(*name):
                self.watch(name, *match)  # Glue does not know it, or not yet
        self.changed_views.update(self.views)
        self._claim_runs(before)

    def _claim_runs(self, before: Ownership) -> None:
        owners = self.ownership.runs
        self._configured = Counter(owners.values())
        self.fetching = {
            key: self.fetching.get(key) or Fetching()
            for key in owners
            if (record := self.runs.get(key)) is None or not record.settled
        }
        # A new owner has perhaps been polled where the old one has not, so that they were not shown.
        self.changed_runs.update(key for key, owner in owners.items() if before.runs.get(key) != owner)
        self.changed_runs |= before.runs.keys() - owners.keys()
        self.changed_runs |= dict(before.spellings.items() ^ self.ownership.spellings.items()).keys()

    def _watch_patterns(self, patterns: Iterable[ViewPattern], monotonic: float, *, alone: bool) -> None:
        """Watch these patterns; ``alone``: no others."""
        wanted = {(pattern.database, pattern.table) for pattern in patterns}
        if alone:
            for known in (self.patterns, self._new_patterns):
                for name in known.keys() - wanted:
                    del known[name]
                    self._dirty_rest = True
        for name in wanted - self.patterns.keys():
            self._new_patterns.setdefault(name, monotonic)

    def watch(self, name: Name, owner: str, patterns: Sequence[ViewPattern]) -> ViewState:
        """Watch a view that a target wants. A view that was not watched gets a new state object."""
        view = self.views.get(name)
        if view is None or view.owner is None:
            record = view.record if view else ViewRecord(view=View(database=name[0], table=name[1]))
            view = replace(view) if view else ViewState(record, record.counters)
            self.views[name] = view
            self.update(view, replace(record, unwatched_since=None))
            self.dirty_views.add(name)
        if view.owner != owner:
            self.changed_runs |= view.shown
        view.owner = owner
        view.literal = any(map(is_literal, patterns))
        view.expected_interval = expected_interval(patterns)
        view.configured_owner = self.ownership.configured_owner(owner, patterns)
        self.link_sources(view)
        self.changed_views.add(name)
        return view

    def link_sources(self, view: ViewState) -> bool:
        """Give a view the times at which its sources changed; return whether these are others than before."""
        before, view.source_changes = view.source_changes, None
        if view.owner in self._reading_sources:
            view.source_changes = self.sources.changes(view.record.view.sources)
        return view.source_changes != before

    def date_patterns(self, at: Moment) -> None:
        """Date the patterns that began to be watched while Glue's clock was not known."""
        for name, monotonic in self._new_patterns.items():
            self.patterns[name] = WatchedPattern(monotonic + at.now - at.monotonic)
            self._dirty_rest = True
        self._new_patterns = {}

    def mark_all(self, target: str) -> None:
        """Have everything that the target watches published."""
        for view in self.of_target(target):
            self.changed_views.add(view.record.name)
            self.changed_runs |= view.shown
        self.changed_runs.update(key for key, owner in self.ownership.runs.items() if owner == target)

    # What others read

    def of_target(self, target: str) -> Iterator[ViewState]:
        """Yield the views that the target watches."""
        return (view for view in self.views.values() if view.owner == target)

    def source_tables(self, target: str) -> dict[str, bool]:
        """Return the ARNs of the source tables of a target's views; true: a view says that it is Iceberg."""
        tables: dict[str, bool] = {}
        for view in self.of_target(target):
            for arn in view.record.view.sources or () if view.known else ():
                tables[arn] = tables.get(arn, False) or view.record.view.iceberg_sources
        return tables

    def note_seen(self, keys: AbstractSet[str]) -> None:
        """Note that Glue reported these runs: listings that are being read do not miss them."""
        for listing in self.open_listings:
            listing.seen |= keys

    def views_in(
        self, named: AbstractSet[Name], databases: AbstractSet[str], all_databases: AbstractSet[str] | None
    ) -> set[Name]:
        """Return the remembered views that these calls would have found, were they there.

        ``all_databases``: every database of the catalog, so that a view of another one is not there; those
        that are named literally are asked for by themselves.
        """
        names = self.views.keys() & named
        if databases or all_databases is not None:
            names |= {
                name
                for name, view in self.views.items()
                if name[0] in databases
                or (all_databases is not None and name[0] not in all_databases and not view.literal)
            }
        return names

    def open_listing(self, target: str, scope: Scope) -> Listing:
        """Begin a listing of runs that :class:`RunsListed` goes on with."""
        covered = {
            name: view for name, view in self.views.items() if view.owner == target and scope.covers(*name)
        }
        listing = Listing(target, scope, self.ownership, covered)
        self.open_listings.add(listing)
        return listing

    def phases(self, target: str) -> dict[str, int]:
        """Count the target's runs by phase. Those that are settled are not visited: there may be 100,000."""
        counts = {**dict.fromkeys(PHASES, 0), "settled": self._configured[target]}
        configured = self.ownership.runs
        for key in self.fetching:
            if configured[key] == target:
                counts["settled"] -= 1
                counts[lifecycle.phase(self.runs.get(key))] += 1
        for view in self.of_target(target):
            if view.known:
                counts["settled"] += len(view.runs) - len(view.unsettled)
                for key in view.unsettled:
                    if key not in configured and (record := self.runs[key]).there:
                        counts[lifecycle.phase(record)] += 1
        for key in configured if self.views else ():  # the settled ones of these are counted twice by now
            if (known := self.runs.get(key)) and known.settled and (of := self.watched(known.view)):
                counts["settled"] -= of.known and of.owner == target
        return counts

    def unsettled(self, target: str) -> Iterator[Run]:
        """Yield the runs of the target's views that may still change and that Glue still finds."""
        for view in self.of_target(target):
            for key in view.unsettled:
                if (record := self.runs[key]).there:
                    yield record.run

    def due(self, target: str, monotonic: float) -> list[str]:
        """Return the configured run IDs to read now: those first that were not read for the longest."""
        due = [
            (fetching.last_attempt if fetching.last_attempt is not None else float("-inf"), key)
            for key, fetching in self.fetching.items()
            if fetching.not_before <= monotonic and self.ownership.runs[key] == target
        ]
        due.sort(key=lambda one: one[0])
        return [self.spelling(key) for _, key in due]

    def spelling(self, key: str) -> str:
        """Return a run ID as Glue writes it, else as it is configured."""
        record = self.runs.get(key)
        return record.run.run_id if record else self.ownership.spellings.get(key, key)

    def run_series(self, key: str) -> RunSeries | None:
        """Return what a run's series are made from; None for a run without series."""
        record = self.runs.get(key)
        run = record.run if record and record.there else None
        if key in self.ownership.runs:
            fetching = self.fetching.get(key)
            return RunSeries(self.key_of(self.spelling(key)), run, fetching.up if fetching else True)
        view = self.watched(record.view) if record else None
        if run is None or view is None or key not in view.shown:
            return None
        return RunSeries(self.key_of(run.run_id), run, None)

    def take_changes(
        self, polled: set[str], runs_per_view: int
    ) -> tuple[dict[RunKey, RunSeries | None], dict[ViewKey, ViewSeries | None]]:
        """Return the changed series of what these targets watch, and None for those that are gone.

        What other targets watch is left out: their first poll has all of it published.
        """
        place = (self.aws_region, self.catalog_id)
        views: dict[ViewKey, ViewSeries | None] = {}
        for name in self.changed_views:
            view = self.views.get(name)
            if view is None or (view.owner is not None and view.owner not in polled):
                continue
            shown = view.runs_to_show(runs_per_view) if view.owner else frozenset()
            self.changed_runs |= view.shown ^ shown
            view.shown = shown
            if view.owner:
                views[ViewKey(*place, *name)] = view.series(*place)
            elif view.published:
                views[ViewKey(*place, *name)] = None
            view.published = view.owner is not None
        runs: dict[RunKey, RunSeries | None] = {}
        for key in self.changed_runs:
            series = self.run_series(key)
            if series and self._owner(key) not in polled:
                continue
            before = self._published.get(key)
            if before is not None and (series is None or series.key.run_id != before):
                runs[self.key_of(before)] = None
                del self._published[key]
            if series:
                runs[series.key] = series
                self._published[key] = series.key.run_id
        self.changed_runs, self.changed_views = set(), set()
        return runs, views

    def unsaved(self) -> CatalogRows | None:
        """Return what is to be written to disk; None for nothing."""
        if not (self.dirty_runs or self.dirty_views or self.sources.dirty or self._dirty_rest):
            return None
        views = {name: self.views[name].record if name in self.views else None for name in self.dirty_views}
        runs = {key: self.runs.get(key) for key in self.dirty_runs}
        sources = self.sources.unsaved()
        return CatalogRows(views, runs, sources, self.patterns, self.unreadable, rest=self._dirty_rest)

    @property
    def empty(self) -> bool:
        """Whether nothing is known of the catalog, and no target watches it."""
        remembered = self.views or self.runs or self.patterns or self.unreadable
        return not (remembered or self._new_patterns or self.ownership.matchers)

    def saved(self) -> None:
        """Note that everything is on disk: counters may be published."""
        for name in self.dirty_views:
            view = self.views.get(name)
            if view and view.saved_counters is not view.record.counters:
                view.saved_counters = view.record.counters
                self.changed_views.add(name)
        self.dirty_runs, self.dirty_views, self._dirty_rest = set(), set(), False
        self.sources.dirty = set()

    # What changes the state

    def update(self, view: ViewState, record: ViewRecord) -> None:
        """Remember what is new of a view."""
        if record != view.record:
            view.record = record
            self.dirty_views.add(record.name)
            self.changed_views.add(record.name)

    def forget_run(self, key: str) -> None:
        """Forget a run."""
        record = self.runs.pop(key)
        if record.view and (view := self.views.get(record.view)):
            view.remove(key, record)
        self.changed_runs.add(key)
        self.dirty_runs.add(key)

    def forget_view(self, name: Name) -> None:
        """Forget an unwatched view and its runs; those that are configured stay, watched by their ID alone.

        Were the view watched again, they would be among what had ended before.
        """
        for record in list(self.views[name].runs):
            key = run_key(record.run.run_id)
            self.forget_run(key)
            if key in self.ownership.runs:
                counted = BASELINE if record.run.ended else None
                self.put(key, replace(record, view=None, unlisted_since=None, counted=counted))
        del self.views[name]
        self.dirty_views.add(name)

    def put(self, key: str, record: RunRecord) -> None:
        """Remember a run, or what is new of it."""
        before = self.runs.get(key)
        self.runs[key] = record
        old, new = (
            self.views.get(before.view) if before and before.view else None,
            self.views.get(record.view) if record.view else None,
        )
        if old is not None and before and old is not new:
            old.remove(key, before)
            self.changed_views.add(old.record.name)
        if new is not None:
            new.put(key, before if old is new else None, record)
        self.dirty_runs.add(key)
        if before is None or before.shows != record.shows:
            self.changed_runs.add(key)
            if new is not None:
                self.changed_views.add(new.record.name)

    def watched(self, name: Name | None) -> ViewState | None:
        """Return the view of this name, if a target watches it."""
        view = self.views.get(name) if name else None
        return view if view and view.owner is not None else None

    def watched_since(self, patterns: Sequence[ViewPattern]) -> float:
        """Return since when the first of these patterns is watched, as Unix time by Glue's clock."""
        return min((known.since for known in self._known(patterns)), default=float("inf"))

    def listed_at(self, patterns: Sequence[ViewPattern]) -> float | None:
        """Return when all runs that one of these patterns matches were last listed; None for never.

        -inf where a view of such a run would have begun to be watched then: all that it has now are new.
        """
        if any((pattern.database, pattern.table) in self._listed_by_runs for pattern in patterns):
            return -math.inf
        times = [known.listed_at for known in self._known(patterns) if known.listed_at is not None]
        return max(times, default=None)

    def note_listed(self, target: str, scope: Scope, began: float, *, tables_denied: bool) -> None:
        """Note that a complete listing has held all runs that some of the target's patterns match."""
        for matcher in self.ownership.matchers:
            for pattern in matcher.target.views if matcher.target.name == target else ():
                name = (pattern.database, pattern.table)
                known = self.patterns.get(name)
                if known is None or is_literal(pattern) or scope not in (Scope(), Scope(pattern.database)):
                    continue
                (self._listed_by_runs.add if tables_denied else self._listed_by_runs.discard)(name)
                if known.listed_at is None or began >= known.listed_at + LISTED_EVERY:
                    self.patterns[name] = replace(known, listed_at=began)
                    self._dirty_rest = True

    def note_unreadable(self, keys: AbstractSet[str], now: float) -> None:
        """Remember runs that could not be read when their view took its baseline."""
        self.unreadable.update(dict.fromkeys(keys, now))
        self._dirty_rest = self._dirty_rest or bool(keys)

    def take_unreadable(self, key: str, *, new: bool) -> float | None:
        """Return when a run could not be read at a baseline, once; None if it could.

        ``new``: it was never read, so that it may be one of those whose ID could not be read either.
        """
        at = self.unreadable.pop(key, None)
        if at is not None:
            self._dirty_rest = True
        return self.unreadable.get("") if at is None and new else at

    def key_of(self, run_id: str) -> RunKey:
        """Return the key of a run's series."""
        return RunKey(self.aws_region, self.catalog_id, run_id)

    def first(self, kind: str, name: str) -> bool:
        """Return whether this has not been logged of the catalog before."""
        return bool(self.log.news("", f"{kind} {self.aws_region} {self.catalog_id}", [name]))

    def _known(self, patterns: Sequence[ViewPattern]) -> list[WatchedPattern]:
        names = [(pattern.database, pattern.table) for pattern in patterns]
        return [self.patterns[name] for name in names if name in self.patterns]

    def _owner(self, key: str) -> str | None:
        """Return the target among whose runs this one is counted and shown."""
        if (owner := self.ownership.runs.get(key)) is not None:
            return owner
        record = self.runs.get(key)
        view = self.watched(record.view) if record else None
        return view.owner if view and view.known else None

    def _load(self, rows: CatalogRows) -> None:
        self.patterns, self.unreadable = rows.patterns, rows.unreadable
        for name, view in rows.views.items():
            if view:
                self.views[name] = ViewState(view, view.counters)
        for key, record in rows.runs.items():
            if record:
                self.runs[key] = record
                if record.view in self.views:
                    state = self.views[record.view]
                    state.runs.append(record)
                    if not record.settled:
                        state.unsettled.add(key)
        for state in self.views.values():
            state.runs.sort(key=lambda record: record.run.age_order)
