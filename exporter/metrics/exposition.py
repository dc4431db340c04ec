"""What ``/metrics`` answers: listens to the store, and sends at a scrape what has been rendered before.

A scrape consists of a static part, which lasts until the next commit, and of a tail that is written anew: the
durations of runs in progress, request counters, and the values of the process.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from exporter.clock import Clock
from exporter.metrics.blocks import (
    BLOCK_ITEMS,
    GZIP_HEADER,
    Level,
    LevelSnapshot,
    Segment,
    gzip_end,
    inflate,
    join,
    slices,
)
from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.run_families import RUN_FAMILIES, is_final, run_labels
from exporter.metrics.text import NO_LABELS, Family, Format, Rendered, exposition, labels, live_text, render
from exporter.metrics.view_families import VIEW_FAMILIES, view_labels
from exporter.model.run import RunKey
from exporter.model.view import ViewKey
from exporter.store.series import RunSeries, SeriesChanges, TargetSeries, ViewSeries

T = TypeVar("T")

_KEPT_BYTES = 4 << 20
"""A static part of at most this many compressed bytes, of 10,000 runs say, is also kept in one piece: to join
and send its slices would make a scrape take half as long again. Of a larger one the blocks alone are kept."""
_END_OF_OPENMETRICS = b"# EOF\n"
_VERSIONS = {"text/plain": "0.0.4", "application/openmetrics-text": "1.0.0"}


class Scrape(NamedTuple):
    """An answer, ready to be sent."""

    content_type: str
    content_encoding: str | None
    """``gzip``, or None for plain bytes."""
    length: int
    """Bytes of the body as it is sent."""
    chunks: Iterator[bytes]
    """The body, to be read once. It is joined or inflated on the way, and so never held at once."""

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks)


class _Static:
    """What does not change between two commits: views and runs, but for the live lines."""

    def __init__(self, views: LevelSnapshot, runs: LevelSnapshot) -> None:
        self._levels = views, runs
        self.live = runs.live
        self._joined: dict[Format, Segment] = {}

    def joined(self, form: Format) -> Segment:
        """Return the text as the beginning of a gzip file. Two scrapes at once may both join it."""
        if form not in self._joined:
            parts = [segment for level in self._levels for segment in level.segments(form)]
            joined = join([GZIP_HEADER, *parts])
            if joined.size <= _KEPT_BYTES:
                joined = joined._replace(chunks=(b"".join(joined.chunks),))
            self._joined[form] = joined
        return self._joined[form]


class _Target:
    """One target's text, rendered again at a scrape only after more requests."""

    def __init__(self, families: Sequence[Family[TargetSeries]], series: TargetSeries) -> None:
        self._families = families
        self._series = series
        self._last: tuple[int, Rendered] = -1, Rendered(())

    def rendered(self) -> Rendered:
        """Return the text with the counters of now."""
        version = self._series.requests.version  # before the counters: what comes between is rendered again
        if self._last[0] != version:
            own = labels(target=self._series.target)
            self._last = version, render(self._families, self._series, own)
        return self._last[1]


class _Snapshot(NamedTuple):
    """What a scrape reads, all of one commit."""

    static: _Static
    exporter: Sequence[Rendered]
    """One item, or none before it is known."""
    targets: tuple[_Target, ...]


class Exposition:
    """The text of all series: changed by any thread through ``apply``, read by any through ``scrape``.

    Each change is rendered once and published as a new immutable snapshot, so a scrape never waits for a
    commit and never sees half of one.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        process_metrics: bool = True,
        counters: bool = True,
        block_items: int = BLOCK_ITEMS,
    ) -> None:
        """``process_metrics``: with ``process_*`` and ``python_*``; ``counters``: also counters, histograms.

        A program that ends after one scrape leaves both out: the first would pass for node_exporter's
        own in a textfile, the second would never count further than to that scrape.
        """
        self._clock = clock
        self._block_items = block_items
        self._process = _process_text() if process_metrics else lambda _: b""
        self._run_families = _chosen(RUN_FAMILIES, counters=counters)
        self._view_families = _chosen(VIEW_FAMILIES, counters=counters)
        self._target_families = _chosen(TARGET_FAMILIES, counters=counters)
        self._exporter_families = _chosen(EXPORTER_FAMILIES, counters=counters)
        self._lock = threading.Lock()
        """Held while a change is applied; never by a scrape."""
        self._exporter: Sequence[Rendered]
        self._start_anew()
        self._snapshot = _Snapshot(self._static(), (), ())

    def apply(self, changes: SeriesChanges) -> None:
        """Take over one commit of the store. If this raises, scrapes go on with the previous snapshot."""
        with self._lock:
            if changes.everything:
                self._start_anew()
            self._runs.apply(changes.runs)
            self._views.apply(changes.views)
            for target, series in changes.targets.items():
                if series is None:
                    self._targets.pop(target, None)
                else:
                    self._targets[target] = _Target(self._target_families, series)
            if changes.exporter is not None:
                self._exporter = [render(self._exporter_families, changes.exporter, NO_LABELS)]
            unchanged = not (changes.everything or changes.runs or changes.views)
            static = self._snapshot.static if unchanged else self._static()
            self._snapshot = _Snapshot(static, self._exporter, tuple(self._targets.values()))

    def scrape(self, accept: str | None = None, accept_encoding: str | None = None) -> Scrape:
        """Answer a request with these headers: the text format without gzip where they are absent."""
        snapshot = self._snapshot
        form = negotiate_format(accept)
        static = snapshot.static.joined(form)
        tail = b"".join(
            (
                live_text(snapshot.static.live, self._clock.time()),
                exposition(self._exporter_families, snapshot.exporter, form),
                exposition(self._target_families, [one.rendered() for one in snapshot.targets], form),
                self._process(form),
                _END_OF_OPENMETRICS if form is Format.OPENMETRICS else b"",
            )
        )
        if not accepts_gzip(accept_encoding):
            return Scrape(form.value, None, static.length + len(tail), chain(inflate(static.chunks), [tail]))
        end = gzip_end(static, tail)
        return Scrape(form.value, "gzip", static.size + len(end), slices((*static.chunks, end)))

    def _start_anew(self) -> None:
        self._runs = Level[RunKey, RunSeries](self._run_families, run_labels, is_final, self._block_items)
        # A view changes once per refresh, and no value of it grows by itself.
        self._views = Level[ViewKey, ViewSeries](
            self._view_families, view_labels, lambda _: True, self._block_items
        )
        self._targets: dict[str, _Target] = {}
        self._exporter = ()

    def _static(self) -> _Static:
        return _Static(self._views.snapshot(), self._runs.snapshot())


def _process_text() -> Callable[[Format], bytes]:
    """Return what writes client_python's families of a process in a format."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    encoders = {form: choose_encoder(form.value)[0] for form in Format}
    return lambda form: encoders[form](registry).removesuffix(_END_OF_OPENMETRICS)


def _chosen(families: Sequence[Family[T]], *, counters: bool) -> tuple[Family[T], ...]:
    return tuple(family for family in families if counters or family.type == "gauge")


@lru_cache(32)  # those of a scraper are always the same, and their length is bounded
def negotiate_format(accept: str | None) -> Format:
    """Choose OpenMetrics where it is named and wanted no less than the text format; else the text format."""
    wanted = dict.fromkeys(_VERSIONS, 0.0)
    for name, parameters, quality in _choices(accept):
        if name in wanted and parameters.get("version", _VERSIONS[name]) == _VERSIONS[name]:
            wanted[name] = max(wanted[name], quality)
    text, openmetrics = wanted.values()
    return Format.OPENMETRICS if openmetrics and openmetrics >= text else Format.TEXT


@lru_cache(32)
def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client accepts gzip, by its name or as any encoding."""
    qualities = {name: quality for name, _, quality in _choices(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _choices(header: str | None) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Read the elements of a header, such as ``text/plain;version=0.0.4;q=0.5``. A wrong q is a refusal."""
    for element in (header or "").lower().split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        yield name, parameters, quality if 0 <= quality <= 1 else 0.0
