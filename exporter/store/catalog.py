"""What is known of one catalog in one region, who watches it, and what of it has changed.

State belongs to the catalog, not to the target, so that a target may be renamed. It is plain objects in
dictionaries. What changed is noted once: as keys in ``changed_*`` until it is published, as records in
``unsaved`` until it is on disk. Values are built when they are published.
"""

import math
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from exporter.model.patterns import Name, Ownership
from exporter.model.run import Run, RunKey
from exporter.model.settings import Target, ViewPattern
from exporter.model.view import View, ViewKey, source_tables
from exporter.store import runs as lifecycle
from exporter.store.counters import BASELINE
from exporter.store.log_lines import LogLines
from exporter.store.results import Listing, Scope
from exporter.store.runs import PHASES, Fetching, Moment, RunRecord
from exporter.store.series import RunSeries, ViewSeries
from exporter.store.views import LISTINGS_UNTIL_GONE, SourceRecord, ViewRecord, ViewState

Place = tuple[str, str]
"""Region and ID of a catalog."""


@dataclass(slots=True)
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
    patterns: dict[Name, WatchedPattern | None] = field(default_factory=dict)
    """By database and table as they are written."""
    unreadable: dict[str, float | None] = field(default_factory=dict)
    """By the key of a run that could not be read in its view's first complete listing: Unix time of that."""

    def __bool__(self) -> bool:
        return self != CatalogRows()


class Catalog:
    """Used under the store's lock."""

    def __init__(self, place: Place, log: LogLines, rows: CatalogRows) -> None:
        """``rows``: what the state held of it when the program started."""
        self.place = place
        self.log = log
        self.ownership = Ownership()
        self.runs: dict[str, RunRecord] = {}
        """By run key."""
        self.unsettled: set[str] = set()
        """Keys of the remembered runs that may still change."""
        self.views = {name: ViewState(view, view.counters) for name, view in rows.views.items() if view}
        """The unwatched ones included."""
        self.fetching: dict[str, Fetching] = {}
        """The configured runs that are not settled, by run key."""
        self.sources = {arn: source for arn, source in rows.sources.items() if source}
        """The source tables of the views, by ARN; those in other catalogs, too."""
        self.patterns = {name: pattern for name, pattern in rows.patterns.items() if pattern}
        self.unreadable = {key: at for key, at in rows.unreadable.items() if at is not None}
        self.changed_runs: set[str] = set()
        self.changed_views: set[Name] = set()
        self.unsaved = CatalogRows()
        self.listed_by_runs: set[Name] = set()
        """Patterns of which the last such listing would have begun to watch any view."""
        self._new_patterns: dict[Name, float] = {}
        """Those without a date yet, as long as Glue's clock is not known: monotonic seconds since when."""
        self._configured: Counter[str] = Counter()
        """How many configured runs each target owns."""
        self.open_listings: weakref.WeakSet[Listing] = weakref.WeakSet()
        for key, record in rows.runs.items():
            self.put(key, record)  # none of them is None
        self.unsaved, self.changed_runs, self.changed_views = CatalogRows(), set(), set()

    # Who watches what

    def claim(self, targets: Sequence[Target], monotonic: float, *, all_known: bool) -> None:
        """Decide again who watches what: the first target in the file. What stays keeps its state.

        A view that no target wants any more loses its baseline: when it is wanted again, what ended
        meanwhile is not counted. ``all_known``: no other target may turn out to watch this catalog.
        """
        before, ownership = self.ownership, Ownership(targets)
        self.ownership = ownership
        for conflict, names in ownership.conflicts.items():
            self.log.owned_elsewhere(*conflict, names)
        self._watch_patterns(targets, monotonic, alone=all_known)
        literals = {name for matcher in ownership.matchers for name in matcher.literals}
        for name in [*self.views, *(literals - self.views.keys())]:
            view = self.views.get(name)
            match = ownership.of_view(*name)
            if match and (view is None or view.record.misses < LISTINGS_UNTIL_GONE or name in literals):
                self.watch(name, *match)  # a literal one perhaps before Glue knows it
            elif view:
                self.unwatch(view)
                if match is None and all_known:
                    self.update(view, replace(view.record, baseline_at=None, counts_after=None))
        self._configured = Counter(ownership.runs.values())
        self.fetching = {
            key: self.fetching.get(key) or Fetching()
            for key in ownership.runs
            if (record := self.runs.get(key)) is None or not record.settled
        }
        # A new owner has perhaps been polled where the old one has not, so that they were not shown.
        owners = before.runs.items() ^ ownership.runs.items()
        spellings = before.spellings.items() ^ ownership.spellings.items()
        self.changed_runs |= {key for key, _ in owners | spellings}

    def _watch_patterns(self, targets: Sequence[Target], monotonic: float, *, alone: bool) -> None:
        """Watch the patterns of these targets; ``alone``: no others."""
        wanted = {(pattern.database, pattern.table) for target in targets for pattern in target.views}
        for known in (self.patterns, self._new_patterns) if alone else ():
            for name in known.keys() - wanted:
                del known[name]
                self.unsaved.patterns[name] = None
        self.listed_by_runs = set()  # what is excluded may have changed
        for name in wanted - self.patterns.keys():
            self._new_patterns.setdefault(name, monotonic)

    def date_patterns(self, at: Moment) -> None:
        """Date the patterns that began to be watched while Glue's clock was not known."""
        for name, monotonic in self._new_patterns.items():
            pattern = WatchedPattern(monotonic + at.now - at.monotonic)
            self.patterns[name] = self.unsaved.patterns[name] = pattern
        self._new_patterns = {}

    def watch(self, name: Name, target: Target, patterns: Sequence[ViewPattern]) -> ViewState:
        """Watch a view that a target wants. A view that it did not watch before gets a new state object."""
        view = self.views.get(name)
        if view is None or view.owner != target.name:
            record = view.record if view else ViewRecord(view=View(database=name[0], table=name[1]))
            record = replace(record, unwatched_since=None)
            view = replace(view, record=record, listed=False) if view else ViewState(record, record.counters)
            self.views[name] = view
            self.unsaved.views[name] = record
            self.changed_runs |= view.shown
        view.target, view.patterns = target, patterns
        self.link_sources(view)
        self.changed_views.add(name)
        return view

    def unwatch(self, view: ViewState) -> None:
        """Watch a view no longer. Its state stays."""
        view.target, view.patterns, view.up = None, (), False
        self.changed_views.add(view.record.name)

    def mark_all(self, target: str) -> None:
        """Have everything that the target watches published."""
        for view in self.of_target(target):
            self.changed_views.add(view.record.name)
            self.changed_runs |= view.shown
        self.changed_runs.update(key for key, owner in self.ownership.runs.items() if owner == target)

    # What others read

    def of_target(self, target: str) -> Iterator[ViewState]:
        """Yield the views that the target watches."""
        return (view for view in self.views.values() if view.target and view.target.name == target)

    def watched(self, name: Name | None) -> ViewState | None:
        """Return the view of this name, if a target watches it."""
        view = self.views.get(name) if name else None
        return view if view and view.target else None

    def source_tables(self, target: str) -> dict[str, bool]:
        """Return the source tables of a target's views, as :func:`exporter.model.view.source_tables`."""
        return source_tables(view.record.view for view in self.of_target(target) if view.known)

    def source_is_read(self, arn: str) -> bool:
        """Return whether a source table could be read the last time."""
        return arn in self.sources and self.sources[arn].update_time is not None

    def link_sources(self, view: ViewState) -> None:
        """Give a view what its own target has just read of its sources, or what is remembered of them."""
        sources = view.record.view.sources if view.target and view.target.source_tables else None
        known = sources and all(map(self.source_is_read, sources))
        changes = [self.sources[arn].changes for arn in sources] if sources and known else None
        awaited = any(arn not in self.sources for arn in sources or ())
        if (changes, awaited) != (view.source_changes, view.sources_awaited):
            view.source_changes, view.sources_awaited = changes, awaited
            self.changed_views.add(view.record.name)

    def open_listing(self, target: str, scope: Scope) -> Listing:
        """Begin a listing of runs that :class:`RunsListed` goes on with."""
        covered = {
            view.record.name: view for view in self.of_target(target) if scope.covers(*view.record.name)
        }
        listing = Listing(target, scope, self.ownership, covered)
        self.open_listings.add(listing)
        return listing

    def note_seen(self, keys: AbstractSet[str]) -> None:
        """Note that Glue reported these runs: listings that are being read do not miss them."""
        for listing in self.open_listings:
            listing.seen |= keys

    def phases(self, target: str) -> dict[str, int]:
        """Count the target's runs by phase. Those that are settled are not visited: there may be 100,000."""
        counts = dict.fromkeys(PHASES, 0)
        configured = self.ownership.runs
        unsettled = [key for key in self.unsettled | self.fetching.keys() if self.owner_of_run(key) == target]
        for key in unsettled:
            record = self.runs.get(key)
            if key in configured or (record and record.there):
                counts[lifecycle.phase(record)] += 1
        of_views = [view.runs for view in self.of_target(target) if view.known]
        by_view_alone = sum(len(runs) - len(runs.keys() & configured.keys()) for runs in of_views)
        # All that are configured or only of a view, less those that were just visited.
        counts["settled"] = self._configured[target] + by_view_alone - len(unsettled)
        return counts

    def unsettled_runs(self, target: str) -> Iterator[Run]:
        """Yield the runs of the target's views that may still change and that Glue still finds."""
        for key in self.unsettled:
            record = self.runs[key]
            view = self.watched(record.view)
            if view and view.owner == target and record.there:
                yield record.run

    def due(self, target: str, monotonic: float) -> list[str]:
        """Return the configured run IDs to read now: those first that were not read for the longest."""
        due = [
            key
            for key, fetching in self.fetching.items()
            if fetching.not_before <= monotonic and self.ownership.runs[key] == target
        ]
        due.sort(key=lambda key: self.fetching[key].last_attempt or -math.inf)
        return [self.spelling(key) for key in due]

    def spelling(self, key: str) -> str:
        """Return a run ID as Glue writes it, else as it is configured."""
        record = self.runs.get(key)
        return record.run.run_id if record else self.ownership.spellings.get(key, key)

    def key_of(self, run_id: str) -> RunKey:
        """Return the key of a run's series."""
        return RunKey(*self.place, run_id)

    def owner_of_run(self, key: str) -> str | None:
        """Return the target among whose runs this one is counted and shown."""
        if (owner := self.ownership.runs.get(key)) is not None:
            return owner
        record = self.runs.get(key)
        view = self.watched(record.view) if record else None
        return view.owner if view and view.known else None

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

    def view_series(self, view: ViewState) -> ViewSeries:
        """Return what the series of a watched view are made from."""
        facts = view.facts() if view.known else None
        return ViewSeries(ViewKey(*self.place, *view.record.name), view.owner or "", view.up, facts)

    # What is published and saved

    def take_changes(
        self, polled: AbstractSet[str], runs_per_view: int
    ) -> tuple[dict[RunKey, RunSeries | None], dict[ViewKey, ViewSeries | None]]:
        """Return the changed series of what these targets watch, and None for those that are gone.

        What other targets watch is left out: their first poll has all of it published.
        """
        views: dict[ViewKey, ViewSeries | None] = {}
        for name in self.changed_views:
            view = self.views.get(name)
            if view and (view.owner is None or view.owner in polled):
                shown = view.runs_to_show(runs_per_view) if view.target else frozenset()
                self.changed_runs |= view.shown ^ shown
                view.shown = shown
                views[ViewKey(*self.place, *name)] = self.view_series(view) if view.target else None
        runs: dict[RunKey, RunSeries | None] = {}
        for key in self.changed_runs:
            series = self.run_series(key)
            if series is None or self.owner_of_run(key) in polled:
                runs[self.key_of(key)] = series
        self.changed_runs, self.changed_views = set(), set()
        return runs, views

    def saved(self) -> None:
        """Note that everything is on disk: counters may be published."""
        for name in self.unsaved.views:
            view = self.views.get(name)
            if view and view.saved_counters is not view.record.counters:
                view.saved_counters = view.record.counters
                self.changed_views.add(name)
        self.unsaved = CatalogRows()

    # What changes the state

    def update(self, view: ViewState, record: ViewRecord) -> None:
        """Remember what is new of a view."""
        if record != view.record:
            view.record = self.unsaved.views[record.name] = record
            self.changed_views.add(record.name)

    def put(self, key: str, record: RunRecord | None) -> None:
        """Remember a run, or what is new of it; None: forget it."""
        before = self.runs.get(key)
        shows = not (before and record and before.shows == record.shows)
        for name in {one.view for one in (before, record) if one and one.view}:
            if view := self.views.get(name):
                view.put(key, record if record and record.view == name else None)
                if shows:
                    self.changed_views.add(name)
        if record:
            self.runs[key] = record
        else:
            del self.runs[key]
        if record and not record.settled:
            self.unsettled.add(key)
        else:
            self.unsettled.discard(key)
        self.unsaved.runs[key] = record
        if shows:
            self.changed_runs.add(key)

    def forget_view(self, name: Name) -> None:
        """Forget an unwatched view and its runs; those that are configured stay, watched by their ID alone.

        Were the view watched again, they would be among what had ended before.
        """
        for key, record in list(self.views[name].runs.items()):
            kept = key in self.ownership.runs
            counted = BASELINE if record.run.ended else None
            self.put(key, record._replace(view=None, unlisted_since=None, counted=counted) if kept else None)
        del self.views[name]
        self.unsaved.views[name] = None

    def watched_patterns(self, patterns: Sequence[ViewPattern]) -> dict[Name, WatchedPattern]:
        """Return what is known of those of these patterns that have a date."""
        names = ((pattern.database, pattern.table) for pattern in patterns)
        return {name: self.patterns[name] for name in names if name in self.patterns}

    def note_unreadable(self, keys: AbstractSet[str], now: float) -> None:
        """Remember runs that could not be read when their view took its baseline."""
        for known in (self.unreadable, self.unsaved.unreadable):
            known.update(dict.fromkeys(keys, now))

    def take_unreadable(self, key: str, *, new: bool) -> float | None:
        """Return when a run could not be read at a baseline, once; None if it could.

        ``new``: it was never read, so that it may be one of those whose ID could not be read either.
        """
        at = self.unreadable.pop(key, None)
        if at is not None:
            self.unsaved.unreadable[key] = None
        return self.unreadable.get("") if at is None and new else at

    def first(self, kind: str, name: str) -> bool:
        """Return whether this has not been logged of the catalog before."""
        return bool(self.log.news("", f"{kind} {self.place}", [name]))
