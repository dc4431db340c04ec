"""What ``/metrics`` answers: listens to the store, and joins at a scrape what has been encoded before."""

import threading
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from exporter.clock import Clock
from exporter.metrics.encoding import Encoded, Format, encode
from exporter.metrics.exporter_families import EXPORTER_FAMILIES
from exporter.metrics.level import Level, family_texts
from exporter.metrics.negotiation import accepts_gzip, negotiate_format
from exporter.metrics.response import PlainCache, Scrape, respond
from exporter.metrics.run_families import RUN_FAMILIES, run_rests
from exporter.metrics.segment import EMPTY
from exporter.metrics.shelf import Shelved
from exporter.metrics.target_families import TARGET_FAMILIES, TargetFigures
from exporter.model.run import RunKey
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries


def process_registry() -> CollectorRegistry:
    """Return a registry with the usual ``process_*`` and ``python_*`` of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _TargetText:
    """One target's text; encoded again at a scrape only after more requests."""

    __slots__ = ("_encoded", "_series")

    def __init__(self, series: TargetSeries) -> None:
        self._series = series
        self._encoded = self._encode()

    def encoded(self) -> Encoded:
        """Return the text with the counters of now."""
        if self._encoded[0] != self._series.requests.version:
            self._encoded = self._encode()
        return self._encoded[1]

    def _encode(self) -> tuple[int, Encoded]:
        version = self._series.requests.version  # before the counters: what comes between is encoded again
        return version, encode(TARGET_FAMILIES, TargetFigures.of(self._series))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a scrape reads, all of one commit."""

    runs: Shelved
    targets: tuple[_TargetText, ...]
    exporter: Shelved


class Exposition:
    """The text of all series: changed by any thread through ``apply``, read by any through ``scrape``.

    Each change is encoded once and published as a new immutable snapshot, so a scrape waits for nobody
    and never sees half a commit.
    """

    def __init__(self, clock: Clock, *, registry: CollectorRegistry | None = None) -> None:
        """``registry``: further metrics, rendered at each scrape; see ``process_registry``."""
        self._clock = clock
        self._registry = registry
        self._lock = threading.Lock()
        """Held while a change is applied; never by a scrape."""
        self._runs = Level[RunKey, RunSeries](RUN_FAMILIES, run_rests)
        self._targets: dict[str, _TargetText] = {}
        self._snapshot = _Snapshot(self._runs.shelved(), (), _loose(len(EXPORTER_FAMILIES)))
        self._cache = PlainCache()

    def apply(self, changes: SeriesChanges) -> None:
        """Take over one commit of the store."""
        with self._lock:
            runs, exporter = self._snapshot.runs, self._snapshot.exporter
            if changes.runs:
                self._runs.apply(changes.runs)
                runs = self._runs.shelved()
            for target, series in changes.targets.items():
                if series is None:
                    self._targets.pop(target, None)
                else:
                    self._targets[target] = _TargetText(series)
            if changes.exporter is not None:
                exporter = _loose(len(EXPORTER_FAMILIES), encode(EXPORTER_FAMILIES, changes.exporter))
            self._snapshot = _Snapshot(runs, tuple(self._targets.values()), exporter)

    def scrape(self, accept: str | None = None, accept_encoding: str | None = None) -> Scrape:
        """Answer a request with these headers: the text format without gzip where they are absent."""
        snapshot = self._snapshot
        now = self._clock.time()
        form = negotiate_format(accept)
        targets = _loose(len(TARGET_FAMILIES), *(target.encoded() for target in snapshot.targets))
        return respond(
            (
                family_texts(RUN_FAMILIES, snapshot.runs, now),
                family_texts(TARGET_FAMILIES, targets, now),
                family_texts(EXPORTER_FAMILIES, snapshot.exporter, now),
            ),
            self._registry_text(form),
            form,
            gzip=accepts_gzip(accept_encoding),
            cache=self._cache,
        )

    def _registry_text(self, form: Format) -> bytes:
        if self._registry is None:
            return b""
        render, _ = choose_encoder(form.value)
        return render(self._registry).removesuffix(b"# EOF\n")


def _loose(families: int, *items: Encoded) -> Shelved:
    return Shelved((EMPTY,) * families, items)
