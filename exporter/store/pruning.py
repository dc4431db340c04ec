"""Forgets what need not be remembered any longer, so that the state stays bounded."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.model.run import Status
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.moment import Moment
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.view_book import ViewBook, WatchedView

REMEMBERED = 7 * 86400.0
"""Seconds for which a run of a watched view is remembered after Glue has stopped to list it."""
KEPT_UNWATCHED = 90 * 86400.0
"""Seconds for which what no configuration watches is kept."""


def prune(views: ViewBook, records: RunRecords, configured: ConfiguredRuns, at: Moment) -> list[WatchedView]:
    """Forget old runs and views of a catalog; return the watched views that lost runs by it.

    A run that is shown, or that a view's last success or failure is told from, stays.
    """
    for row in views.forget_unwatched(at.now - KEPT_UNWATCHED):
        records.forget_view(row)
    old: dict[int, list[RunRecord]] = {}
    for record in records.unlisted_before(at.now - REMEMBERED):
        if record.view is not None and configured.owner(record.run.run_id) is None:
            old.setdefault(record.view, []).append(record)
    return [
        watched
        for watched in list(views.watched())
        if _prune_view(watched, views, records, old.get(watched.record.id, ()), at)
    ]


def _prune_view(
    watched: WatchedView, views: ViewBook, records: RunRecords, old: Sequence[RunRecord], at: Moment
) -> bool:
    if not old:
        return False
    row = watched.record.id
    success = records.newest_with_status(row, Status.SUCCEEDED)
    failure = records.newest_with_status(row, Status.FAILED)
    newest = records.newest(row, max(1, at.settings.runs_per_view))
    kept = {record.run.run_id for record in (*newest, success, failure) if record}
    forgotten = {record.run.run_id for record in old} - kept
    in_a_row = forgotten.intersection(records.failures_in_a_row(row))
    if in_a_row:
        after = success.run.run_id if success else None
        same = watched.record.forgotten_after == after
        views.update(
            watched,
            replace(
                watched.record,
                forgotten_failures=len(in_a_row) + (watched.record.forgotten_failures if same else 0),
                forgotten_after=after,
            ),
        )
    records.forget(forgotten)
    return bool(forgotten)
