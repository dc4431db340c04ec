"""Forgets what need not be remembered any longer, so that the state stays bounded."""

import sqlite3
from collections.abc import Iterable, Sequence
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


def forget_abandoned(connection: sqlite3.Connection, watched_catalogs: Iterable[int], before: float) -> None:
    """Forget what no configuration has watched since before this time, in every catalog.

    The views of watched catalogs are left to :func:`prune`.
    """
    watched = ",".join(str(int(row)) for row in watched_catalogs)
    views = f"SELECT id FROM views WHERE unwatched_since < ? AND catalog NOT IN ({watched})"  # noqa: S608 (numbers)
    connection.execute(f"DELETE FROM runs WHERE view IN ({views})", [before])  # noqa: S608 (our own text)
    connection.execute(f"DELETE FROM views WHERE id IN ({views})", [before])  # noqa: S608 (our own text)
    connection.execute("DELETE FROM runs WHERE view IS NULL AND unlisted_since < ?", [before])
    connection.execute(
        f"DELETE FROM catalogs WHERE id NOT IN ({watched})"  # noqa: S608 (numbers)
        " AND id NOT IN (SELECT catalog FROM patterns UNION SELECT catalog FROM views)"
        " AND NOT EXISTS (SELECT 1 FROM runs WHERE catalog = catalogs.id)"
    )


def prune(
    target: str, views: ViewBook, records: RunRecords, configured: ConfiguredRuns, at: Moment
) -> list[WatchedView]:
    """Forget old runs of the target's views, whose listings have just been read, and views of the catalog.

    Returns the watched views that lost runs by it.

    A run that is shown, or that a view's last success or failure is told from, stays.
    """
    for row in views.forget_unwatched(at.now - KEPT_UNWATCHED):
        records.forget_view(row, keep=set(configured.all()))
    old: dict[int, list[RunRecord]] = {}
    for record in records.unlisted_before(at.now - REMEMBERED):
        if record.view is not None and configured.owner(record.run.run_id) is None:
            old.setdefault(record.view, []).append(record)
    return [
        watched
        for watched in list(views.of(target))
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
