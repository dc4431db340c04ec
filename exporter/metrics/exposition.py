"""What ``/metrics`` answers: listens to the store, and joins at a scrape what has been encoded before."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.clock import Clock
from exporter.metrics.encoding import Encoded, encode
from exporter.metrics.exporter_families import EXPORTER_FAMILIES
from exporter.metrics.family import Family
from exporter.metrics.level import Level, LevelText
from exporter.metrics.negotiation import accepts_gzip, negotiate_format
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.response import Scrape, ScrapeCache, respond
from exporter.metrics.run_families import RUN_FAMILIES, RunFigures, run_rests
from exporter.metrics.segment import EMPTY
from exporter.metrics.shelf import Shelved
from exporter.metrics.target_families import TARGET_FAMILIES, TargetFigures
from exporter.metrics.view_families import VIEW_FAMILIES, ViewFigures, view_rests
from exporter.model.run import RunKey
from exporter.model.view import ViewKey
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries, ViewSeries

T = TypeVar("T")


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
    ) -> None:
        """``process_metrics``: with ``process_*`` and ``python_*``; ``counters``: also counters, histograms.

        A program that ends after one scrape leaves both out: the first would pass for node_exporter's
        own in a textfile, the second would never count further than to that scrape.
        """
        self._clock = clock
        self._process = ProcessMetrics() if process_metrics else None
        self._run_families = _chosen(RUN_FAMILIES, counters=counters)
        self._view_families = _chosen(VIEW_FAMILIES, counters=counters)
        self._target_families = _chosen(TARGET_FAMILIES, counters=counters)
        self._exporter_families = _chosen(EXPORTER_FAMILIES, counters=counters)
        self._lock = threading.Lock()
        """Held while a change is applied; never by a scrape."""
        self._snapshot: _Snapshot
        self._start_anew()
        self._cache = ScrapeCache()
        self._target_text: tuple[Sequence[Encoded], LevelText] = (), _loose(self._target_families)
        """Of the last scrape."""

    def apply(self, changes: SeriesChanges) -> None:
        """Take over one commit of the store."""
        with self._lock:
            if changes.everything:
                self._start_anew()
            runs, views, exporter = self._snapshot.runs, self._snapshot.views, self._snapshot.exporter
            if changes.runs:
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

    def _start_anew(self) -> None:
        self._runs = Level[RunKey, RunSeries, RunFigures](self._run_families, RunFigures.of, run_rests)
        self._views = Level[ViewKey, ViewSeries, ViewFigures](self._view_families, ViewFigures.of, view_rests)
        self._targets: dict[str, _TargetText] = {}
        self._snapshot = _Snapshot(self._runs.text(), self._views.text(), (), _loose(self._exporter_families))

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
