"""The level of runs: there may be 100,000, so they are kept in little room, and across starts."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256

from exporter.metrics.block import Block
from exporter.metrics.encoding import encode
from exporter.metrics.family import Family
from exporter.metrics.kept_blocks import KeptBlock, Place
from exporter.metrics.level import Level, LevelText
from exporter.metrics.run_families import RUN_FAMILIES, RunFigures, run_rests
from exporter.model.run import Run, RunKey
from exporter.store.run_changes import RunChanges
from exporter.store.series import RunSeries, TargetSeries

_WHOLE = Run(
    run_id="specimen", database="sales", table="orders", status="SUCCEEDED", refresh_type="FULL", role="role",
    customer_id="123456789012", creation_time=1.5, start_time=2.5, end_time=4.25, last_updated=5.5,
    dpu_seconds=60.25, processed_bytes=1024,
)  # fmt: skip
_SPECIMENS = tuple(
    RunSeries(RunKey("eu-west-1", "123456789012", run.run_id), run, up=True)
    for run in (
        _WHOLE,
        _WHOLE._replace(status="FAILED", refresh_type="OTHER", dpu_seconds=1e16, processed_bytes=10**16),
        _WHOLE._replace(status="PAUSED", database='"\\\n\xe4', role="\u2028", customer_id=None),
        Run(run_id="bare", status="STOPPED"),
    )
)
"""Ended runs of every kind that is written in a way of its own."""


class RunLevel:
    """What is told of runs, as text."""

    def __init__(self, families: Sequence[Family[RunFigures]], kept: Sequence[KeptBlock] = ()) -> None:
        """``kept``: what :meth:`keep` has returned, if the state is opened as it was closed then."""
        self._first_catalog: Place | None = None
        self._level = Level[RunKey, RunSeries, RunFigures](
            families, RunFigures.of, run_rests, key=self._short_key
        )
        self._kept = kept
        self._polled: set[str] = set()
        """Targets that have been polled once; only kept up while something is kept."""

    def apply(self, changes: Mapping[RunKey, RunSeries | None]) -> None:
        """Put, replace and (None) take away runs; those are not read of which the text was kept."""
        if self._kept and isinstance(changes, RunChanges):
            for place in changes.places():
                self._take_up(place, changes)
        self._level.apply(changes)

    def text(self) -> LevelText:
        """Return the encoded runs of this moment."""
        return self._level.text()

    def let_go(self, polled: Mapping[str, TargetSeries | None]) -> None:
        """Keep nothing any longer once one of the targets comes for the second time, or goes (None)."""
        if self._kept:
            names = {target for target, series in polled.items() if series and series.up is not None}
            if names & self._polled or None in polled.values():
                self._kept = ()
            self._polled |= names

    def keep(self, resting: Mapping[Place, AbstractSet[str]]) -> Iterator[KeptBlock]:
        """Yield the blocks that hold nothing but these runs (IDs by region and catalog)."""
        for block in self._level.blocks():
            keys = [self._whole_key(key) for key in block.keys]
            place = keys[0][:2]
            run_ids = tuple(key.run_id for key in keys if key[:2] == place)
            if len(run_ids) == len(keys) and resting.get(place, frozenset()) >= set(run_ids):
                yield KeptBlock(place, Block(run_ids, block.lengths, block.segments))

    def _short_key(self, key: RunKey) -> Hashable:
        """Return the ID alone for runs of the first catalog: a tuple is a twelfth of what a run takes."""
        region, catalog, run_id = key
        return run_id if self._is_first((region, catalog)) else key

    def _is_first(self, place: Place) -> bool:
        if self._first_catalog is None:
            self._first_catalog = place
        return self._first_catalog == place

    def _whole_key(self, key: Hashable) -> RunKey:
        """Return what the short key was made of."""
        return key if isinstance(key, RunKey) else RunKey(*(self._first_catalog or ("", "")), str(key))

    def _take_up(self, place: Place, runs: RunChanges) -> None:
        """Put the blocks of a catalog whose runs are all as they were."""
        here = [
            kept.block
            for kept in self._kept
            if kept.place == place and self._level.has_none_of(self._keys(place, kept.block.keys))
        ]
        taken = runs.take_out(place, [block.keys for block in here])
        for block, run_ids in zip(here, taken, strict=True):
            if run_ids is not None:
                self._level.put_block(Block(self._keys(place, run_ids), block.lengths, block.segments))
        put = {id(block) for block, run_ids in zip(here, taken, strict=True) if run_ids is not None}
        self._kept = [kept for kept in self._kept if id(kept.block) not in put]

    def _keys(self, place: Place, run_ids: Sequence[str]) -> tuple[Hashable, ...]:
        return tuple(run_ids) if self._is_first(place) else tuple(RunKey(*place, one) for one in run_ids)


def specimen() -> str:
    """Return a digest of what runs are written as; where it is another, nothing that was kept fits."""
    digest = sha256()
    for series in _SPECIMENS:
        digest.update(b"".join(encode(RUN_FAMILIES, RunFigures.of(series)).lines))
    return digest.hexdigest()
