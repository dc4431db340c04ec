"""Applies what polls and resyncs read to one catalog."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from exporter.errors import GlueError, Reason
from exporter.model.patterns import Name, is_literal
from exporter.model.run import UNKNOWN, Run, run_key
from exporter.model.settings import Target, ViewPattern
from exporter.model.view import View
from exporter.store import runs as lifecycle
from exporter.store.catalog import Catalog
from exporter.store.counters import ViewCounters
from exporter.store.results import Listing, PollEnded, ResyncEnded, RunsListed, Scope, SourcesRead, TablesRead
from exporter.store.runs import Fetching, Moment, RunRecord
from exporter.store.views import LISTINGS_UNTIL_GONE, NO_SNAPSHOT, SourceRecord, ViewState

LISTED_EVERY = 3600.0
"""Seconds between two notes of when a pattern's runs were listed; else every poll would write to disk."""


def apply_tables(catalog: Catalog, result: TablesRead, at: Moment) -> None:
    """Apply what the catalog's tables say."""
    elsewhere: defaultdict[str, list[str]] = defaultdict(list)
    found: set[Name] = set()
    for view in result.views:
        name = (view.database, view.table)
        if (match := catalog.ownership.of_view(*name)) is None:
            continue
        if match[0].name == result.target:
            found.add(name)
            _describe(catalog, view, *match, at)
        else:
            elsewhere[match[0].name].append(".".join(name))
    asked_for = set(result.named)
    databases = result.all_databases
    if result.databases or databases is not None:
        asked_for |= {
            name
            for name, view in catalog.views.items()
            if name[0] in result.databases
            # One of a database that is gone; what is named literally is asked for by itself.
            or (databases is not None and name[0] not in databases and not view.literal)
        }
    for name in asked_for - found:
        if (missed := catalog.watched(name)) and missed.owner == result.target:
            _miss_view(catalog, missed)
    for owner, names in elsewhere.items():
        catalog.log.owned_elsewhere(result.target, owner, names)


def _describe(
    catalog: Catalog, found: View, target: Target, patterns: Sequence[ViewPattern], at: Moment
) -> None:
    name = (found.database, found.table)
    view = catalog.watched(name)
    if view and (view.record.view, view.record.described, view.record.misses) == (found, True, 0):
        return
    view = catalog.watch(name, target, patterns)
    record, created = view.record, found.creation_time
    watched_since = min((one.since for one in catalog.watched_patterns(patterns).values()), default=math.inf)
    unknown = not record.described and record.baseline_at is None
    if unknown and created is not None and created > watched_since:
        # One that is younger than its pattern has nothing to leave out of the count but the runs of another
        # one by its name, which was gone when it was created.
        record = replace(record, baseline_at=at.now, counts_after=created)
    if _new_data(record.view, found):
        changed_at = at.now if found.update_time is None else found.update_time
        record = replace(record, data_changed_at=changed_at, data_changed_after=record.view.update_time)
    catalog.update(view, replace(record, view=found, described=True, misses=0))
    catalog.link_sources(view)


def _new_data(before: View, found: View) -> bool:
    """Return whether the view's snapshot is another one than at the last look, and so holds newer data.

    Not if it refers to the same snapshots of the sources as before: then it may be that of a compaction.
    """
    if before.version_id is None or found.version_id in (None, NO_SNAPSHOT, before.version_id):
        return False
    return found.source_version_ids is None or found.source_version_ids != before.source_version_ids


def _miss_view(catalog: Catalog, view: ViewState) -> None:
    """Apply that a complete listing of tables does not hold the view."""
    misses = min(view.record.misses + 1, LISTINGS_UNTIL_GONE)
    catalog.update(view, replace(view.record, misses=misses))
    view.up = False
    if misses >= LISTINGS_UNTIL_GONE and not view.literal:
        # Its state stays, and its baseline with it: re-created under its name it is the same view.
        catalog.unwatch(view)


def apply_sources(catalog: Catalog, result: SourcesRead, at: Moment) -> None:
    """Note when source tables changed."""
    for arn, answer in result.tables.items():
        before = catalog.sources.get(arn)
        after = (before or SourceRecord()).seen(answer if isinstance(answer, float) else None, at.now)
        if after is not before:
            catalog.sources[arn] = catalog.unsaved.sources[arn] = after


def compare_with_sources(catalog: Catalog, target: str) -> None:
    """Note since when each of the target's views lacks something."""
    for view in catalog.of_target(target):
        catalog.link_sources(view)
        if view.known and view.source_changes is not None and view.record.baseline_at is not None:
            catalog.update(view, replace(view.record, compared=True, stale_since=view.stale_since()))


def apply_page(catalog: Catalog, page: RunsListed, at: Moment) -> None:
    """Apply one page of a listing of runs."""
    listing = page.listing
    if listing.began is None:
        listing.began = at.now
    seen: set[str] = set()
    for listed in page.runs:
        run, key = listed, run_key(listed.run_id)
        if run.database is None:  # then it is of the database that the listing's filter has
            run = run._replace(database=listing.scope.database)
        if run.table is None:
            run = run._replace(table=listing.scope.table)
        configured = catalog.ownership.runs.get(key) == page.target
        view = None
        if (name := _name(run)) is not None:
            view = _mentioned(catalog, page, name, at)
        elif not configured and catalog.first("ignored", key):
            fields = catalog.key_of(run.run_id)._asdict()
            catalog.log.add("warning", "a listed run names no view; it is ignored", **fields)
        if view is None and (counting := _counted_by(catalog, key)) and counting.owner == page.target:
            view = counting
        if view or configured:
            seen.add(key)
            _see(catalog, run if view else listed, key, view, at)
    catalog.note_seen(seen)
    listing.unreadable.update(run_key(record.name or "") for record in page.malformed)
    if page.last:
        _close_listing(catalog, page, at)


def _name(run: Run) -> Name | None:
    return None if run.database is None or run.table is None else (run.database, run.table)


def _mentioned(catalog: Catalog, page: RunsListed, name: Name, at: Moment) -> ViewState | None:
    """Return the target's watched view of this name.

    Where tables may not be read, a view that is known by its runs alone begins to be watched.
    """
    view = catalog.views.get(name)
    if view is not None and view.target is not None:
        return view if view.owner == page.target else None
    denied = not page.tables_denied.isdisjoint(("", name[0]))
    match = catalog.ownership.of_view(*name) if denied else None
    if match is None or match[0].name != page.target or view is not None:
        return None  # a known one is gone: the tables did not hold it when they could be read
    view = catalog.watch(name, *match)
    patterns = catalog.watched_patterns(match[1])
    listed = [one.listed_at for one in patterns.values() if one.listed_at is not None]
    if view.record.baseline_at is None and listed:
        # All runs that its pattern matches have been listed before: those created since then are new, and
        # all of them where that listing would have begun to watch the view.
        after = None if patterns.keys() & catalog.listed_by_runs else max(listed)
        catalog.update(view, replace(view.record, baseline_at=at.now, counts_after=after))
    if page.listing.ownership is catalog.ownership:
        page.listing.covered[name] = view  # none of its runs can be on an earlier page
    return view


def _counted_by(catalog: Catalog, key: str) -> ViewState | None:
    """Return the view that has counted a run: it stays that one's, whatever table Glue names later."""
    record = catalog.runs.get(key)
    counted = record and record.counted and not record.counted.baseline
    return catalog.views.get(record.view) if record and counted and record.view else None


def _close_listing(catalog: Catalog, page: RunsListed, at: Moment) -> None:
    """Apply what a listing that was read to its end does not hold."""
    listing = page.listing
    catalog.open_listings.discard(listing)
    covered = [
        view
        for name, view in listing.covered.items()
        # A reload may have given a view away, or dropped and added it: then another listing is its first.
        if catalog.views.get(name) is view and view.owner == listing.target
    ]
    for view in covered:
        view.listed = True
        if view.record.baseline_at is None:
            catalog.update(view, replace(view.record, baseline_at=at.now))
            catalog.note_unreadable(listing.unreadable, at.now)
    if listing.ownership is catalog.ownership:
        _note_listed(catalog, listing, at, page.tables_denied)
    listing.seen |= listing.unreadable
    if "" in listing.unreadable:
        return  # a record without an ID may be any run
    for key in {key for view in covered for key in view.runs.keys() - listing.seen}:
        record = catalog.runs[key]
        missing = not record.settled and record.there
        if missing:
            listing.missing.add(key)
        unlisted_since = at.now if record.unlisted_since is None else record.unlisted_since
        after = record._replace(misses=record.misses + missing, unlisted_since=unlisted_since)
        if after != record:
            catalog.put(key, after)


def _note_listed(catalog: Catalog, listing: Listing, at: Moment, denied: Collection[str]) -> None:
    """Note that all runs that some of the target's patterns match have been listed."""
    began = at.now if listing.began is None else listing.began
    globs = [
        pattern
        for matcher in catalog.ownership.matchers
        if matcher.target.name == listing.target
        for pattern in matcher.target.views
        if not is_literal(pattern) and listing.scope in (Scope(), Scope(pattern.database))
    ]
    patterns = catalog.watched_patterns(globs)
    catalog.listed_by_runs -= patterns.keys()
    catalog.listed_by_runs |= {name for name in patterns if "" in denied or name[0] in denied}
    for name, watched in patterns.items():
        if watched.listed_at is None or began >= watched.listed_at + LISTED_EVERY:
            watched.listed_at = began
            catalog.unsaved.patterns[name] = watched


def apply_fetched(catalog: Catalog, result: PollEnded, at: Moment) -> set[Name]:
    """Apply what reading runs one by one returned; return the views of which a run was not read."""
    failed: set[Name] = set()
    for run_id, answer in result.runs.items():
        key = run_key(run_id)
        record = catalog.runs.get(key)
        view = catalog.watched(record.view) if record else None
        fetching = catalog.fetching.get(key) if catalog.ownership.runs.get(key) == result.target else None
        if fetching is None and (view is None or view.owner != result.target):
            continue  # a reload gave it away while it was read
        if isinstance(answer, Run):
            catalog.note_seen({key})  # it may be younger than the page it belongs to
            # Whichever target owns the view: an ended run counts as soon as it is seen ended.
            _see(catalog, answer, key, catalog.watched(_name(answer)) or view, at)
            continue
        if answer.reason is not Reason.NOT_FOUND:
            failed.update([view.record.name] if view else [])
        elif record and not record.settled and key not in result.missing:
            catalog.put(key, record._replace(misses=record.misses + 1))
        if fetching is not None:
            _fetch_failed(catalog, key, answer, result, at)
    left = (catalog.watched(record.view) for key in result.left if (record := catalog.runs.get(key)))
    failed.update(view.record.name for view in left if view)
    for key in result.unread:
        if fetching := catalog.fetching.get(key):
            fetching.up = False
            catalog.changed_runs.add(key)
    return failed


def note_read(catalog: Catalog, result: PollEnded | ResyncEnded, failed: set[Name]) -> None:
    """Note which views' runs were read: a poll reads those of all views, or they are not up."""
    scopes = {(scope.database, scope.table) for scope in result.scopes}
    for view in catalog.of_target(result.target):
        database, table = name = view.record.name
        read = name not in failed and not scopes.isdisjoint(
            [(None, None), (database, None), (database, table)]
        )
        # Before, pages that are still to be read may hold the newest run.
        up = read and view.known and view.record.misses == 0 and view.listed
        # A view that a resync found while the poll went on is not for that poll to judge.
        judged = isinstance(result, PollEnded) and (result.views is None or name in result.views)
        if up != view.up and (up or judged):
            view.up = up
            catalog.changed_views.add(name)


def _see(catalog: Catalog, run: Run, key: str, view: ViewState | None, at: Moment) -> None:
    """Apply one run as Glue reports it now."""
    before = catalog.runs.get(key)
    if (
        before
        and before.settled
        and before.run == run
        and before.unlisted_since is None
        and before.view == (view.record.name if view else None)
        and (before.counted or view is None)
    ):
        return  # most runs of every complete listing
    if before and before.run.run_id != run.run_id:
        run = run._replace(run_id=before.run.run_id)  # the spelling of a series must not change
    view = _counted_by(catalog, key) or view
    record, counters = lifecycle.seen(
        run,
        before,
        at,
        view=view.record.name if view else None,
        counters=view.record.counters if view else ViewCounters(),
        has_baseline=view is not None and _counts(catalog, run, key, view, at),
    )
    if view and counters is not view.record.counters:
        catalog.update(view, replace(view.record, counters=counters))
    if record != before:
        catalog.put(key, record)
    if key in catalog.ownership.runs:
        _fetched(catalog, key, record, at)
    if run.status_label == UNKNOWN and catalog.first("status", run.status or ""):
        message = "Glue reports a status that its API does not list; it shows as UNKNOWN"
        catalog.log.add("warning", message, **catalog.key_of(run.run_id)._asdict(), status=run.status)
    just_ended = run.ended and (before is None or before.first_seen_ended is None)
    # A run that was over long before is not news: at a start there may be thousands.
    if just_ended and (before or run.end(at.now) >= at.started):
        catalog.log.run_ended(catalog.key_of(run.run_id), run)


def _counts(catalog: Catalog, run: Run, key: str, view: ViewState, at: Moment) -> bool:
    """Return whether a run that is seen ended counts, if it has not been judged before."""
    new = key not in catalog.runs
    unreadable_at = catalog.take_unreadable(key, new=new)
    baseline_at = view.record.baseline_at
    if baseline_at is None:
        return False
    # It may have been unreadable at the baseline of another view, found later.
    if unreadable_at is not None and run.ended and run.end(at.now) <= min(unreadable_at, baseline_at):
        return False
    after = view.record.counts_after
    return after is None or run.end(at.now) > after


def _fetched(catalog: Catalog, key: str, record: RunRecord, at: Moment) -> None:
    before = catalog.fetching.get(key)
    if before and before.logged:
        catalog.log.add_run("info", "runs can be read again", catalog.key_of(record.run.run_id))
    if before and not before.up:
        catalog.changed_runs.add(key)
    if record.settled:
        catalog.fetching.pop(key, None)
    else:
        catalog.fetching[key] = Fetching(up=True, last_attempt=at.monotonic)


def _fetch_failed(catalog: Catalog, key: str, error: GlueError, result: PollEnded, at: Moment) -> None:
    fetching = catalog.fetching[key]
    unknown = error.reason is Reason.NOT_FOUND
    catalog.changed_runs.add(key)
    fetching.up, fetching.last_attempt = False, at.monotonic
    if unknown:
        # The next poll asks again, then the wait doubles each time; 2.0**2000 is not a float.
        wait = at.settings.poll_interval * 2.0 ** min(fetching.misses, 32)
        fetching.not_before = at.monotonic + min(at.settings.resync_interval, wait)
        fetching.misses += 1
    # The line that the target is down says it of these runs, too: each poll that gives up has tried others.
    implied = not result.finished and result.error is not None and error.reason is result.error.reason
    if not implied and not fetching.logged:
        run = catalog.key_of(catalog.spelling(key))
        if unknown:
            message = "Glue does not know these runs; they are asked for at growing intervals"
            catalog.log.add_run("warning", message, run)
        else:
            catalog.log.add_run(
                "warning", "runs cannot be read", run, reason=error.reason.value, error=str(error)
            )
    fetching.logged = not implied
