"""Forgets what need not be remembered any longer, so that the state stays bounded."""

from collections.abc import Iterable
from dataclasses import replace

from exporter.model.run import Status, run_key
from exporter.store.catalog import Catalog
from exporter.store.runs import Moment
from exporter.store.views import ViewState

REMEMBERED = 7 * 86400.0
"""Seconds for which a run of a watched view is remembered after Glue has stopped listing it."""
KEPT_UNWATCHED = 90 * 86400.0
"""Seconds for which what no configuration watches is kept."""


def forget_unwatched(catalog: Catalog, now: float) -> None:
    """Forget the views and runs that no configuration has watched for long, and sources of no view."""
    before = now - KEPT_UNWATCHED
    for name, view in list(catalog.views.items()):
        since = view.record.unwatched_since
        if view.owner is None and since is not None and since < before:
            catalog.forget_view(name)
    for key, record in list(catalog.runs.items()):
        since = record.unlisted_since
        if record.view is None and since is not None and since < before and key not in catalog.ownership.runs:
            catalog.forget_run(key)
    catalog.sources.keep({arn for view in catalog.views.values() for arn in view.record.sources or ()})
    for key, at in list(catalog.unreadable.items()):
        if at < before:
            catalog.take_unreadable(key, new=False)


def forget_unlisted(catalog: Catalog, views: Iterable[ViewState], at: Moment) -> None:
    """Forget old runs of these views, whose listings have just been read.

    A run that is shown, or that a view's last success or failure is told by, stays.
    """
    for view in views:
        old = {
            run_key(record.run.run_id)
            for record in view.runs
            if record.unlisted_since is not None and record.unlisted_since < at.now - REMEMBERED
        } - catalog.ownership.runs.keys()
        if old:
            _forget(catalog, view, old, at)


def _forget(catalog: Catalog, view: ViewState, old: set[str], at: Moment) -> None:
    success = view.newest_with_status(Status.SUCCEEDED)
    failure = view.newest_with_status(Status.FAILED)
    newest = [
        one for one, _ in zip(view.newest_first(), range(max(1, at.settings.runs_per_view)), strict=False)
    ]
    kept = {run_key(record.run.run_id) for record in (*newest, success, failure) if record}
    forgotten = old - kept
    in_a_row = forgotten & {run_key(record.run.run_id) for record in view.failures_in_a_row()}
    if in_a_row:
        after = success.run.run_id if success else None
        before = view.record.forgotten_failures if view.record.forgotten_after == after else 0
        catalog.update(
            view,
            replace(view.record, forgotten_failures=len(in_a_row) + before, forgotten_after=after),
        )
    for key in forgotten:
        catalog.forget_run(key)
