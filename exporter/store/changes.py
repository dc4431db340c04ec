"""Which series of one catalog have changed since they were last published."""

from collections.abc import Iterable

from exporter.model.run import RunKey
from exporter.model.view import ViewKey
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.run_changes import CatalogRunChanges
from exporter.store.run_records import RunRecords
from exporter.store.series import ViewSeries
from exporter.store.view_book import Name, ViewBook, WatchedView


class Changes:
    """What a catalog has to tell its listeners. Commits note it, and publishing takes it away."""

    def __init__(
        self,
        place: tuple[str, str],
        *,
        configured: ConfiguredRuns,
        views: ViewBook,
        records: RunRecords,
    ) -> None:
        self._place = place
        """Region and ID of the catalog."""
        self._configured = configured
        self._views = views
        self._records = records
        self._touched_runs: set[str] = set()
        self._waiting: dict[str, set[str]] = {}
        """Those that their target's first poll will show, by target."""
        self._altered: set[str] = set()
        """Those of which something else is remembered than when they were told of, or the start."""
        self._touched_views: dict[Name, WatchedView] = {}
        self._shown: dict[int, frozenset[str]] = {}
        """Run IDs shown because of a view, by the view's row."""
        self._shown_in: dict[str, int] = {}
        """The same the other way round."""
        self._left: set[str] = set()
        """Runs that were configured, or shown because of a view, and are so no longer."""
        self._published_views: set[Name] = set()

    def run_key(self, run_id: str) -> RunKey:
        """Return the run's key among those of all catalogs."""
        return RunKey(*self._place, run_id)

    def touch_runs(self, run_ids: Iterable[str]) -> None:
        """Note that the series of these runs may have changed."""
        self._touched_runs.update(run_ids)

    def alter_run(self, run_id: str) -> None:
        """Note that something else is remembered of a run now."""
        self._altered.add(run_id)
        self._touched_runs.add(run_id)

    def claimed(self, before: set[str]) -> None:
        """Note that it was decided anew who watches what; ``before``: the runs that were configured then."""
        owners = self._configured.owners
        left = before - owners.keys()
        self._left |= left
        self._touched_runs |= left
        self._touched_runs |= owners.keys() - before if before else set(owners)
        # Other targets may watch them now.
        self._touched_runs.update(*self._waiting.values())
        self._waiting = {}

    def touch_view(self, watched: WatchedView) -> None:
        """Note that the series of the view may have changed."""
        self._touched_views[watched.record.database, watched.record.table] = watched

    def shown(self, view: int) -> frozenset[str]:
        """Return the IDs of the runs that are shown because of the view in this row."""
        return self._shown.get(view, frozenset())

    def summarise(self, targets: set[str], runs_per_view: int) -> None:
        """Summarise anew those of these targets' views that were noted."""
        for watched in self._touched_views.values():
            if watched.owner in targets:
                shown = self._views.summarise(watched, self._records, runs_per_view)
                self._show(watched.record.id, frozenset(shown))
        rows = {watched.record.id for watched in self._views.watched()}
        for row in self._shown.keys() - rows:
            self._show(row, frozenset())

    def published(self, run_ids: set[str]) -> set[str]:
        """Return those of these runs of which the listeners know all that there is to tell."""
        return run_ids.difference(self._touched_runs, *self._waiting.values())

    def take_runs(self, targets: set[str]) -> CatalogRunChanges:
        """Return the changed series of runs, for what these targets (and nobody any more) watch."""
        touched, self._touched_runs = self._touched_runs, set()
        left, self._left = self._left, set()
        for target in self._waiting.keys() & targets:
            touched |= self._waiting.pop(target)
        # Not the difference to its keys, which goes through all of these.
        of_views = touched.difference(self._configured.owners)
        touched -= of_views
        self._put_off(touched, targets)
        records = self._records.get(of_views & self._shown_in.keys())
        there = {run_id for run_id, record in records.items() if record.there}
        gone = [run_id for run_id in of_views - there if run_id in left or run_id in self._shown_in]
        told, self._altered = self._altered & touched, self._altered - touched - of_views
        return CatalogRunChanges(
            self._place,
            self._records,
            self._configured,
            shown=touched | there,
            not_as_before=there | told,
            gone=gone,
        )

    def take_views(self, targets: set[str]) -> dict[ViewKey, ViewSeries | None]:
        """Return the changed series of views, for what these targets (and nobody any more) watch."""
        touched, self._touched_views = self._touched_views, {}
        changes: dict[ViewKey, ViewSeries | None] = {}
        for name, watched in touched.items():
            if self._views.get(name) is not watched:
                continue
            if watched.owner not in targets:
                self._touched_views[name] = watched  # its target's first poll will show it
            else:
                changes[ViewKey(*self._place, *name)] = watched.series(*self._place)
                self._published_views.add(name)
        for name in self._published_views - self._views.names():
            changes[ViewKey(*self._place, *name)] = None
            self._published_views.discard(name)
        return changes

    def _put_off(self, touched: set[str], targets: set[str]) -> None:
        """Have those configured runs wait of which the target is none of these."""
        if not targets:  # a start: they are put off in groups as soon as one target has been polled
            self._touched_runs |= touched
            touched.clear()
        elif not self._configured.targets <= targets:
            owners = self._configured.owners
            for run_id in list(touched):
                if (target := owners[run_id]) not in targets:
                    touched.remove(run_id)
                    self._waiting.setdefault(target, set()).add(run_id)

    def _show(self, row: int, run_ids: frozenset[str]) -> None:
        before = self._shown.pop(row, frozenset())
        if run_ids:
            self._shown[row] = run_ids
        self._left |= before - run_ids
        for run_id in before - run_ids:
            if self._shown_in.get(run_id) == row:  # another view may show it by now
                del self._shown_in[run_id]
        self._shown_in.update(dict.fromkeys(run_ids - before, row))
        self._touched_runs |= before ^ run_ids
