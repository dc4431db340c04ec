"""One catalog in one region: takes in what polls read there, and tells which series that changes."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from exporter.errors import GlueError, Reason
from exporter.giving_way import TRAFFIC
from exporter.model.patterns import ViewMatcher
from exporter.model.run import PHASES, UNKNOWN, Run
from exporter.model.settings import Target
from exporter.store import lifecycle, pruning
from exporter.store.changes import Changes
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.counting import ViewCounters
from exporter.store.database import StateDatabase
from exporter.store.listings import Listings, ListingSummary
from exporter.store.moment import Moment
from exporter.store.outcome import (
    Discovery,
    Event,
    ListingRead,
    Lost,
    PollOutcome,
    PollPart,
    RunEnded,
    RunFailing,
    RunIgnored,
    RunReadable,
    UnlistedStatus,
)
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.view_book import Name, ViewBook, WatchedView
from exporter.store.view_records import ViewRecords


class Catalog:
    """State belongs to the catalog, not to the target: so a target may be renamed.

    All methods that change anything are called within one of the database's transactions.
    """

    def __init__(
        self, database: StateDatabase, row: int, aws_region: str, catalog_id: str, *, watched_since: float
    ) -> None:
        self.aws_region = aws_region
        self.catalog_id = catalog_id
        self.configured = ConfiguredRuns()
        saved_in = "disk" if database.on_disk else "main"
        self.views = ViewBook(ViewRecords(database.connection, row, saved_in=saved_in))
        self.records = RunRecords(database.connection, row)
        self._listings = Listings(database.connection, row)
        self.changes = Changes(
            (aws_region, catalog_id), configured=self.configured, views=self.views, records=self.records
        )
        self.row = row
        self.watched = False
        """Whether any target watches anything here, or looks for something to watch."""
        self._watched_since = watched_since
        self._unlisted_statuses: set[str | None] = set()
        self._ignored: set[str] = set()
        self._unread_at_baseline: dict[str, float] = {}
        """Runs that could not be read in their view's first complete listing: Unix time of that."""
        self._in_views: dict[str, set[str]] = {}
        """Configured run IDs that belong to a view which the same target watches, by target."""

    def claim(self, targets: Sequence[Target], at: Moment, *, all_known: bool) -> list[Lost]:
        """Decide anew who watches what: the first target in the file has it. What stays keeps its state.

        ``all_known``: no other target may turn out to watch this catalog, so that what these do not want
        is watched by nobody.
        """
        self.watched = bool(targets)
        before = set(self.configured.all())
        wanted = [(target.name, target.run_ids) for target in targets]
        settled = self.records.settled() if any(run_ids for _, run_ids in wanted) else set()
        lost = self.configured.claim(wanted, settled)
        matchers = [(target.name, ViewMatcher(target)) for target in targets]
        self.views.load()
        for row in self.views.forget_unwatched(at.now - pruning.KEPT_UNWATCHED):
            self.records.forget_view(row, keep=set(self.configured.all()))
        self.views.claim(matchers, at.now, all_known=all_known)
        # Most often so where runs are watched by their IDs; and there may be 100,000.
        same = bool(settled) and self.configured.resting_count() == len(settled)
        self.records.leave(self.configured.all(), at.now, all_known=all_known, settled_watched=same)
        if all_known:
            self._listings.keep({target.name for target in targets})
        for watched in self.views.watched():
            self.changes.touch_view(watched)
        self.changes.claimed(before)
        self._in_views = {}
        if self.configured.all() and self.views.watched():
            for run_id, name in self.records.with_views():
                self._note_in_view(run_id, self.views.get(name))
        literals = [
            Lost(name, taken.owner, (".".join(literal),))
            for name, matcher in matchers
            for literal in matcher.literals
            if (taken := self.views.get(literal)) and taken.owner != name
        ]
        return [Lost(target, owner, run_ids) for (target, owner), run_ids in lost.items()] + literals

    def take_in(self, outcome: PollOutcome, at: Moment) -> tuple[list[Event], list[Lost]]:
        """Take in what one poll of one target read."""
        events: list[Event] = []
        lost: list[Lost] = []
        target = outcome.target
        if outcome.discovery and not outcome.discovery_taken_in:
            lost = self._take_in_discovery(target, outcome.discovery, at)
        missed: set[str] = set()
        for listing in outcome.listings:
            events += self._take_in_listing(target, listing, at, denied=outcome.tables_denied)
            if listing.complete:
                missed |= self._close_listing(target, listing, at)
        failed: set[Name] = set()
        for run_id, result in outcome.runs.items():
            told = self._take_in_run(target, run_id, result, at, failed=failed, missed=missed)
            events += [event for event in told if not self._goes_without_saying(event, outcome)]
        for run_id in outcome.unread:
            if asked := self.configured.get(run_id):
                asked.up = False
                self.changes.touch_runs([run_id])
        for watched in self.views.of(target):
            name = watched.name
            listed = any(listing.covers(*name) for listing in outcome.listings)
            read = listed and name not in failed
            known = watched.known and watched.record.misses == 0
            # Before the baseline, pages that are still to be read may hold the newest run.
            up = read and known and watched.record.baseline_at is not None
            if up != watched.up or watched.facts is None:
                watched.up = up
                self.changes.touch_view(watched)
        return events, lost

    def take_in_part(self, part: PollPart, at: Moment) -> tuple[list[Event], list[Lost]]:
        """Take in runs that a poll has read before its end, and the views that they are of."""
        lost = self._take_in_discovery(part.target, part.discovery, at) if part.discovery else []
        return self._take_in_listing(part.target, part.listing, at, denied=part.tables_denied), lost

    def listing_summary(self, target: str, database: str | None, table: str | None) -> ListingSummary | None:
        """Return what was learnt of a listing when it was last read to its end for the target's views."""
        listing = ListingRead(database=database, table=table)
        return self._listings.get(
            target, (database, table), [one.name for one in self.views.listed_in(target, listing)]
        )

    def saved(self) -> None:
        """Note that the state is on disk: counters may be published."""
        for watched in self.views.saved():
            self.changes.touch_view(watched)

    def phases(self, target: str) -> dict[str, int]:
        """Count the target's runs by phase: those that are configured, and those of its views."""
        counts = dict.fromkeys(PHASES, 0)
        unsettled = set(self.configured.unsettled(target))
        # Those that belong to a watched view are counted there.
        in_views = self._in_views.get(target, set())
        records = self.records.get(unsettled - in_views)
        for run_id in unsettled - in_views:
            counts[lifecycle.phase(records.get(run_id))] += 1
        counts["settled"] = self.configured.count(target) - len(unsettled | in_views)
        for phase, number in self.views.phases(target).items():
            counts[phase] += number
        return counts

    def unsettled_of_views(self, target: str) -> Iterator[RunRecord]:
        """Yield the runs of the target's views that may still change."""
        rows = {watched.record.id for watched in self.views.of(target)}
        return (record for record in self.records.unsettled() if record.view in rows)

    def prune(self, target: str, at: Moment) -> None:
        """Forget what need not be remembered any longer, now that the target's listings are read."""
        for watched in pruning.prune(target, self.views, self.records, self.configured, at):
            self.changes.touch_view(watched)

    def _take_in_discovery(self, target: str, discovery: Discovery, at: Moment) -> list[Lost]:
        elsewhere = self.views.discovered(target, discovery, at)
        for watched in self.views.of(target):
            self.changes.touch_view(watched)
        return [Lost(target, o, tuple(".".join(n) for n in names)) for o, names in elsewhere.items()]

    def _take_in_listing(self, target: str, listing: ListingRead, at: Moment, *, denied: bool) -> list[Event]:
        events: list[Event] = []
        records = self.records.get(run.run_id for run in listing.runs)
        for listed in TRAFFIC.giving_way(listing.runs):
            run = listed
            if listed.database is None or listed.table is None:
                run = listed._replace(
                    database=listed.database if listed.database is not None else listing.database,
                    table=listed.table if listed.table is not None else listing.table,
                )
            configured = self.configured.owner(run.run_id) == target
            watched = None
            if run.database is not None and run.table is not None:
                watched = self.views.mentioned(target, run.database, run.table, may_begin=denied)
            elif not configured and run.run_id not in self._ignored:
                self._ignored.add(run.run_id)
                events.append(RunIgnored(self.changes.run_key(run.run_id)))
            if watched or configured:
                events += self._see(run if watched else listed, records.get(run.run_id), watched, at)
        return events

    def _close_listing(self, target: str, listing: ListingRead, at: Moment) -> set[str]:
        """Take in what a listing that was read to its end does not hold; return the runs it missed."""
        covered = self.views.listed_in(target, listing)
        if listing.summary:
            filters = (listing.database, listing.table)
            self._listings.put(target, filters, [one.name for one in covered], listing.summary)
        listed = listing.listed_before | {run.run_id for run in listing.runs}
        for watched in covered:
            if watched.record.baseline_at is None:
                self._unread_at_baseline.update(dict.fromkeys(listing.unreadable, at.now))
                self.views.update(watched, replace(watched.record, baseline_at=at.now))
                self.changes.touch_view(watched)
        if listing.gaps:
            return set()
        rows = {watched.record.id: watched for watched in covered}
        missed: set[str] = set()
        for record in self.records.unsettled():
            if record.view in rows and record.run.run_id not in listed:
                self._miss(record, rows[record.view])
                missed.add(record.run.run_id)
        self.records.unlisted(list(rows), listed, at.now)
        return missed

    def _take_in_run(
        self,
        target: str,
        run_id: str,
        result: Run | GlueError,
        at: Moment,
        *,
        failed: set[Name],
        missed: AbstractSet[str],
    ) -> list[Event]:
        """Take in what reading one run by itself returned.

        ``missed``: the runs that a listing of the same poll did not hold; that counts as one read.
        """
        record = self.records.get([run_id]).get(run_id)
        watched = self._view_of(record.run) if record else None
        asked = self.configured.get(run_id) if self.configured.owner(run_id) == target else None
        if not asked and (not watched or watched.owner != target):
            return []  # a reload gave it away while it was read
        if isinstance(result, Run):
            # Whoever watches the view: an ended run counts as soon as anybody has seen it ended.
            watched = self._view_of(result) or watched
            return self._see(result, record, watched, at)
        if result.reason is Reason.NOT_FOUND:
            if record and not record.settled and run_id not in missed:
                self._miss(record, watched)
        elif watched:
            failed.add((watched.record.database, watched.record.table))
        return self._ask_failed(run_id, result, at)

    def _ask_failed(self, run_id: str, error: GlueError, at: Moment) -> list[Event]:
        asked = self.configured.get(run_id)
        if not asked:
            return []
        if asked.up or asked.last_attempt is None:
            self.changes.touch_runs([run_id])
        if error.reason is Reason.NOT_FOUND:
            asked.missed(
                at.monotonic,
                poll_interval=at.settings.poll_interval,
                longest_wait=at.settings.resync_interval,
            )
        else:
            asked.failed(at.monotonic)
        news, asked.told = not asked.told, True
        return [RunFailing(self.changes.run_key(run_id), error)] if news else []

    def _goes_without_saying(self, event: Event, outcome: PollOutcome) -> bool:
        """Tell whether the line that the target is down says this of the run, too.

        Each poll that gives up has tried other runs: with a line for each of them there was one per poll.
        """
        if not isinstance(event, RunFailing) or outcome.finished or outcome.error is None:
            return False
        if event.error.reason is not outcome.error.reason:
            return False
        if asked := self.configured.get(event.key.run_id):
            asked.told = False
        return True

    def _see(
        self, run: Run, before: RunRecord | None, watched: WatchedView | None, at: Moment
    ) -> list[Event]:
        """Take in one run as Glue reports it now."""
        view = watched.record if watched else None
        unread_at = self._unread_at_baseline.pop(run.run_id, None)
        too_old = unread_at is not None and run.ended and run.end(at.now) <= unread_at
        record, counters = lifecycle.seen(
            run,
            before,
            at,
            view=view.id if view else None,
            counters=view.counters if view else ViewCounters(),
            has_baseline=view is not None and view.baseline_at is not None and not too_old,
        )
        if watched and view and counters is not view.counters:
            self.views.update(watched, replace(view, counters=counters))
        if record != before:
            self.records.put(record)
            self.changes.alter_run(run.run_id)
            if watched:
                self.changes.touch_view(watched)
        self._note_in_view(run.run_id, watched)
        events = self._answered(run.run_id, at)
        if record.settled:
            self.configured.settled(run.run_id)
        if run.status_label == UNKNOWN and run.status not in self._unlisted_statuses:
            self._unlisted_statuses.add(run.status)
            events.append(UnlistedStatus(self.changes.run_key(run.run_id), run.status or ""))
        # A run that was over long before is no news: at a start there may be thousands.
        just_ended = run.ended and not (before and before.first_seen_ended is not None)
        if just_ended and (before or run.end(at.now) >= self._watched_since):
            events.append(RunEnded(self.changes.run_key(run.run_id), run))
        return events

    def _answered(self, run_id: str, at: Moment) -> list[Event]:
        asked = self.configured.get(run_id)
        if not asked:
            return []
        news, asked.told = asked.told, False
        if not asked.up:
            self.changes.touch_runs([run_id])
        asked.found(at.monotonic)
        return [RunReadable(self.changes.run_key(run_id))] if news else []

    def _miss(self, record: RunRecord, watched: WatchedView | None) -> None:
        """Take in that a complete read did not find an unsettled run."""
        after = lifecycle.missed(record)
        self.records.put(after)
        if record.there and not after.there:
            self.changes.alter_run(record.run.run_id)
            if watched:
                self.changes.touch_view(watched)

    def _note_in_view(self, run_id: str, watched: WatchedView | None) -> None:
        if watched and self.configured.owner(run_id) == watched.owner:
            self._in_views.setdefault(watched.owner, set()).add(run_id)

    def _view_of(self, run: Run) -> WatchedView | None:
        if run.database is None or run.table is None:
            return None
        return self.views.get((run.database, run.table))
