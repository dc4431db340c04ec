"""Forgets what need not be remembered any longer, so that the state stays bounded."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from exporter.model.run import Status, run_key
from exporter.store.catalog import Catalog
from exporter.store.runs import Moment, RunRecord
from exporter.store.views import ViewState

REMEMBERED = 7 * 86400.0
"""Seconds for which a run of a watched view is remembered after Glue has stopped listing it."""
KEPT_UNWATCHED = 90 * 86400.0
"""Seconds for which what no configuration watches is kept."""
MOST_FAILURES = 1000
"""Failures in a row that are remembered for as long as their view does not succeed."""


def forget_unwatched(catalog: Catalog, now: float, *, all_known: bool) -> None:
    """Date what no configuration watches any more, and forget what none has watched for long.

    ``all_known``: no other target may turn out to watch this catalog; until then nothing new is dated.
    """
    before = now - KEPT_UNWATCHED
    for name, view in list(catalog.views.items()):
        since = view.record.unwatched_since
        if view.owner is None and since is None and all_known:
            catalog.update(view, replace(view.record, unwatched_since=now))
        elif view.owner is None and since is not None and since < before:
            catalog.forget_view(name)
    for key, record in list(catalog.runs.items()):
        if record.view is None:
            _forget_unwatched_run(catalog, key, record, now, all_known=all_known)
    used = {arn for view in catalog.views.values() for arn in view.record.view.sources or ()}
    for arn in catalog.sources.keys() - used:
        del catalog.sources[arn]
        catalog.unsaved.sources[arn] = None
    for key, at in list(catalog.unreadable.items()):
        if at < before:
            catalog.take_unreadable(key, new=False)


def _forget_unwatched_run(
    catalog: Catalog, key: str, record: RunRecord, now: float, *, all_known: bool
) -> None:
    since = record.unlisted_since
    if key in catalog.ownership.runs:
        if since is not None:
            catalog.put(key, record._replace(unlisted_since=None))
    elif since is None and all_known:
        catalog.put(key, record._replace(unlisted_since=now))
    elif since is not None and since < now - KEPT_UNWATCHED:
        catalog.put(key, None)


def forget_unlisted(catalog: Catalog, views: Iterable[ViewState], at: Moment) -> None:
    """Forget old runs of these views, whose listings have just been read.

    A run that is shown, or that a view's last success or failures come from, stays.
    """
    for view in views:
        old = {
            run_key(record.run.run_id)
            for record in view.runs.values()
            if record.unlisted_since is not None and record.unlisted_since < at.now - REMEMBERED
        } - catalog.ownership.runs.keys()
        if not old:
            continue
        kept = [
            *islice(view.newest_first(), max(1, at.settings.runs_per_view)),
            view.newest_with_status(Status.SUCCEEDED),
            view.newest_with_status(Status.FAILED),
            *view.failures_in_a_row()[:MOST_FAILURES],
        ]
        for key in old - {run_key(record.run.run_id) for record in kept if record}:
            catalog.put(key, None)
