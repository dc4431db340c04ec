"""The changed series of runs, read from the tables as they are asked for.

A first commit may change 100,000 runs. All their values at once took more memory than everything that is
kept of them, and the allocator did not give it back.
"""

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from exporter.model.run import RunKey
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.run_records import RunRecords
from exporter.store.series import RunSeries

AT_ONCE = 500
"""Runs that are read together."""


@dataclass(frozen=True, slots=True)
class CatalogRunChanges:
    """One catalog's part."""

    place: tuple[str, str]
    """Region and ID of the catalog."""
    records: RunRecords
    configured: ConfiguredRuns
    shown: Sequence[str]
    """Runs that have series."""
    gone: Sequence[str]
    """Runs that have none any more."""

    def read(self) -> Iterator[tuple[RunKey, RunSeries | None]]:
        """Yield every change."""
        shown = iter(self.shown)
        while some := list(islice(shown, AT_ONCE)):
            found = self.records.there(some)
            for run_id in some:
                key = RunKey(*self.place, run_id)
                yield key, RunSeries(key, found.get(run_id), self.configured.up(run_id))
        for run_id in self.gone:
            yield RunKey(*self.place, run_id), None


class RunChanges(Mapping[RunKey, RunSeries | None]):
    """The changes of all catalogs, to be gone through with ``items`` while nothing else changes."""

    def __init__(self, parts: Sequence[CatalogRunChanges]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part.shown) + len(part.gone) for part in self._parts)

    def __iter__(self) -> Iterator[RunKey]:
        return (
            RunKey(*part.place, run_id)
            for part in self._parts
            for run_ids in (part.shown, part.gone)
            for run_id in run_ids
        )

    def __getitem__(self, key: RunKey) -> RunSeries | None:
        for found, series in self.read():
            if found == key:
                return series
        raise KeyError(key)

    def items(self) -> ItemsView[RunKey, RunSeries | None]:
        """Return the pairs, read in the order in which they are gone through."""
        return _Items(self)

    def read(self) -> Iterator[tuple[RunKey, RunSeries | None]]:
        """Yield every change."""
        for part in self._parts:
            yield from part.read()


class _Items(ItemsView[RunKey, RunSeries | None]):
    _mapping: RunChanges

    def __iter__(self) -> Iterator[tuple[RunKey, RunSeries | None]]:
        return self._mapping.read()


def changed_runs(parts: Sequence[CatalogRunChanges]) -> Mapping[RunKey, RunSeries | None]:
    """Return the changes: the few of an ordinary commit as they are now, many as they are asked for."""
    changes = RunChanges(parts)
    return changes if len(changes) > AT_ONCE else dict(changes.read())
