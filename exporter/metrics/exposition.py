"""What ``/metrics`` answers: listens to the store, and joins at a scrape what has been encoded before."""

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from exporter.clock import Clock
from exporter.metrics.block import Block
from exporter.metrics.encoding import Encoded, encode
from exporter.metrics.exporter_families import EXPORTER_FAMILIES
from exporter.metrics.family import Family
from exporter.metrics.kept_blocks import KeptBlock, Place
from exporter.metrics.level import Level, LevelText
from exporter.metrics.negotiation import accepts_gzip, negotiate_format
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.response import Scrape, ScrapeCache, respond
from exporter.metrics.run_families import RUN_FAMILIES, RunFigures, run_rests
from exporter.metrics.segment import EMPTY
from exporter.metrics.shelf import Shelved
from exporter.metrics.target_families import TARGET_FAMILIES, TargetFigures
from exporter.metrics.view_families import VIEW_FAMILIES, ViewFigures, view_rests
from exporter.model.run import Run, RunKey
from exporter.model.view import ViewKey
from exporter.store.run_changes import RunChanges
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries, ViewSeries

T = TypeVar("T")

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


class _TargetText:
    """One target's text; encoded again at a scrape only after more requests."""

    def __init__(self, families: Sequence[Family[TargetFigures]], series: TargetSeries) -> None:
        self._families = families
        self._series = series
        self._encoded = self._encode()

    def encoded(self) -> Encoded:
        """Return the text with the counters of now."""
        if self._encoded[0] != self._series.requests.version:
            self._encoded = self._encode()
        return self._encoded[1]

    def _encode(self) -> tuple[int, Encoded]:
        version = self._series.requests.version  # before the counters: what comes between is encoded again
        return version, encode(self._families, TargetFigures.of(self._series))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a scrape reads, all of one commit."""

    runs: LevelText
    views: LevelText
    targets: tuple[_TargetText, ...]
    exporter: LevelText


class Exposition:
    """The text of all series: changed by any thread through ``apply``, read by any through ``scrape``.

    Each change is encoded once and published as a new immutable snapshot, so a scrape waits for nobody
    and never sees half a commit.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        process_metrics: bool = True,
        counters: bool = True,
        kept: Sequence[KeptBlock] = (),
    ) -> None:
        """``process_metrics``: with ``process_*`` and ``python_*``; ``counters``: also counters, histograms.

        A program that ends after one scrape leaves both out: the first would pass for node_exporter's
        own in a textfile, the second would never count further than to that scrape.

        ``kept``: what :meth:`keep` has returned, if the state is opened as it was closed then.
        """
        self._clock = clock
        self._process = ProcessMetrics() if process_metrics else None
        self._run_families = _chosen(RUN_FAMILIES, counters=counters)
        self._view_families = _chosen(VIEW_FAMILIES, counters=counters)
        self._target_families = _chosen(TARGET_FAMILIES, counters=counters)
        self._exporter_families = _chosen(EXPORTER_FAMILIES, counters=counters)
        self._lock = threading.Lock()
        """Held while a change is applied; never by a scrape."""
        self._first_catalog: tuple[str, str] | None = None
        self._runs = Level[RunKey, RunSeries, RunFigures](
            self._run_families, RunFigures.of, run_rests, key=self._short_key
        )
        self._views = Level[ViewKey, ViewSeries, ViewFigures](self._view_families, ViewFigures.of, view_rests)
        self._targets: dict[str, _TargetText] = {}
        self._kept = kept
        self._complete = True
        """Whether all that was told of could be taken over."""
        self._polled: set[str] = set()
        """Targets that have been polled once; only kept up while something is kept."""
        self._snapshot = _Snapshot(self._runs.text(), self._views.text(), (), _loose(self._exporter_families))
        self._cache = ScrapeCache()
        self._target_text: tuple[Sequence[Encoded], LevelText] = (), _loose(self._target_families)
        """Of the last scrape."""

    def apply(self, changes: SeriesChanges) -> None:
        """Take over one commit of the store."""
        with self._lock:
            complete, self._complete = self._complete, False
            runs, views, exporter = self._snapshot.runs, self._snapshot.views, self._snapshot.exporter
            if changes.runs:
                if self._kept:
                    self._take_up_kept(changes.runs)
                self._runs.apply(changes.runs)
                runs = self._runs.text()
            if changes.views:
                self._views.apply(changes.views)
                views = self._views.text()
            for target, series in changes.targets.items():
                if series is None:
                    self._targets.pop(target, None)
                else:
                    self._targets[target] = _TargetText(self._target_families, series)
            if changes.exporter is not None:
                encoded = encode(self._exporter_families, changes.exporter)
                exporter = _loose(self._exporter_families, encoded)
            self._snapshot = _Snapshot(runs, views, tuple(self._targets.values()), exporter)
            if self._kept:
                self._let_go(changes.targets)
            self._complete = complete

    @staticmethod
    def specimen() -> str:
        """Return a digest of what runs are written as; where it is another, nothing that was kept fits."""
        digest = sha256()
        for series in _SPECIMENS:
            digest.update(b"".join(encode(RUN_FAMILIES, RunFigures.of(series)).lines))
        return digest.hexdigest()

    def keep(self, resting: Mapping[Place, AbstractSet[str]]) -> Iterator[KeptBlock]:
        """Yield the blocks that hold nothing but these runs (IDs by region and catalog).

        For who sees to it that nothing is applied meanwhile.
        """
        for block in self._runs.blocks() if self._complete else ():
            keys = [self._whole_key(key) for key in block.keys]
            place = keys[0][:2]
            run_ids = tuple(key.run_id for key in keys if key[:2] == place)
            if len(run_ids) == len(keys) and resting.get(place, frozenset()) >= set(run_ids):
                yield KeptBlock(place, Block(run_ids, block.lengths, block.segments))

    def scrape(self, accept: str | None = None, accept_encoding: str | None = None) -> Scrape:
        """Answer a request with these headers: the text format without gzip where they are absent."""
        snapshot = self._snapshot
        form = negotiate_format(accept)
        return respond(
            # What changes most comes last: it is not in the way of joining what stays.
            (snapshot.views, snapshot.runs, snapshot.exporter, self._text_of(snapshot.targets)),
            self._process.text(form) if self._process else b"",
            form,
            self._clock.time(),
            gzip=accepts_gzip(accept_encoding),
            cache=self._cache,
        )

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

    def _take_up_kept(self, runs: Mapping[RunKey, RunSeries | None]) -> None:
        """Put the kept blocks of settled runs that are among these changes, and leave those runs out."""
        if isinstance(runs, RunChanges):
            places = runs.places()
            self._kept = [
                one
                for one in self._kept
                if one.place not in places or not self._take_up(one.place, one.block, runs)
            ]

    def _take_up(self, place: Place, block: Block[str], runs: RunChanges) -> bool:
        if not self._runs.has_none_of(self._keys(place, block.keys)):
            return False
        run_ids = runs.take_out(place, block.keys)
        if run_ids is None:
            return False
        self._runs.put_block(Block(self._keys(place, run_ids), block.lengths, block.segments))
        return True

    def _keys(self, place: Place, run_ids: Sequence[str]) -> tuple[Hashable, ...]:
        return tuple(run_ids) if self._is_first(place) else tuple(RunKey(*place, one) for one in run_ids)

    def _let_go(self, targets: Mapping[str, TargetSeries | None]) -> None:
        """Keep nothing any longer once a target is polled for the second time, or goes."""
        polled = {target for target, series in targets.items() if series and series.up is not None}
        if polled & self._polled or None in targets.values():
            self._kept = ()
        self._polled |= polled

    def _text_of(self, targets: Sequence[_TargetText]) -> LevelText:
        encoded = tuple(target.encoded() for target in targets)
        before, text = self._target_text
        if encoded != before:
            text = _loose(self._target_families, *encoded)
            self._target_text = encoded, text
        return text


def _chosen(families: Sequence[Family[T]], *, counters: bool) -> tuple[Family[T], ...]:
    return tuple(family for family in families if counters or family.type == "gauge")


def _loose(families: Sequence[Family[Any]], *items: Encoded) -> LevelText:
    return LevelText(families, Shelved((EMPTY,) * len(families), items))
