"""The changed series of runs, read from the tables as they are asked for.

A first commit may change 100,000 runs. All their values at once took more memory than everything that is
kept of them, and the allocator did not give it back.
"""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import repeat

from exporter.model.run import Run, RunKey
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.run_records import RunRecords
from exporter.store.series import RunSeries

AT_ONCE = 500
"""Runs that are read together; more are read while they are gone through."""


@dataclass(frozen=True, slots=True)
class CatalogRunChanges:
    """One catalog's part."""

    place: tuple[str, str]
    """Region and ID of the catalog."""
    records: RunRecords
    configured: ConfiguredRuns
    shown: set[str]
    """Runs that have series."""
    not_as_before: AbstractSet[str]
    """Runs whose series may not be what they were when the state was closed, settled or not."""
    gone: Sequence[str]
    """Runs that have none any more."""

    def read(self) -> Iterator[tuple[RunKey, RunSeries | None]]:
        """Yield every change."""
        for run_id, run in self._few() if len(self.shown) <= AT_ONCE else self._many():
            key = RunKey(*self.place, run_id)
            yield key, RunSeries(key, run, self.configured.up(run_id))
        for run_id in self.gone:
            yield RunKey(*self.place, run_id), None

    def take_out(self, groups: Iterable[Sequence[str]]) -> list[Sequence[str] | None]:
        """Leave runs out, see :meth:`RunChanges.take_out`."""
        own = _by_themselves(self.shown)
        taken: list[Sequence[str] | None] = []
        for run_ids in groups:
            found = list(map(own.get, run_ids, repeat("")))
            as_before = all(found) and (not self.not_as_before or self.not_as_before.isdisjoint(found))
            taken.append(found if as_before and self.configured.are_settled(found) else None)
        self.shown.difference_update(*filter(None, taken))
        return taken

    def _few(self) -> Iterator[tuple[str, Run | None]]:
        found = self.records.there(list(self.shown))
        return ((run_id, found.get(run_id)) for run_id in self.shown)

    def _many(self) -> Iterator[tuple[str, Run | None]]:
        wanted = _by_themselves(self.shown)
        # The text of runs of one table compresses best where they stand side by side.
        rows = self.records.rows_by_table(wanted)
        for start in range(0, len(rows), AT_ONCE):
            for run in self.records.in_rows(rows[start : start + AT_ONCE]):
                yield wanted.pop(run.run_id), run  # the ID as it is: a copy would stay
        yield from dict.fromkeys(wanted).items()


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

    def take_out(self, place: tuple[str, str], groups: Sequence[Sequence[str]]) -> list[Sequence[str] | None]:
        """Leave each group of runs of a catalog out in which all are shown, settled, and as they were.

        Returns their IDs as the store has them: those that were given need not stay. None for other groups.
        """
        part = next((part for part in self._parts if part.place == place), None)
        return part.take_out(groups) if part else [None] * len(groups)

    def places(self) -> set[tuple[str, str]]:
        """Return region and ID of the catalogs that something is told of."""
        return {part.place for part in self._parts}

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


def _by_themselves(run_ids: AbstractSet[str]) -> dict[str, str]:
    """Return the IDs by themselves: what finds the store's own ID by another that is equal."""
    return dict(zip(run_ids, run_ids, strict=True))


def changed_runs(parts: Sequence[CatalogRunChanges]) -> Mapping[RunKey, RunSeries | None]:
    """Return the changes: the few of an ordinary commit as they are now, many as they are asked for."""
    changes = RunChanges(parts)
    return changes if len(changes) > AT_ONCE else dict(changes.read())
