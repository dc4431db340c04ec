"""What a scrape costs, without the network: ``python -m benchmarks.scraping {ours,naive} RUNS``."""

import contextlib
import gzip
import json
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator

from prometheus_client.exposition import generate_latest

from benchmarks.lifelike import ACCOUNT, REGION, records
from benchmarks.naive import NaiveExporter
from exporter.clock import SystemClock
from exporter.glue.record import parse_run
from exporter.metrics import Exposition
from exporter.model.run import RunKey
from exporter.store.series import RunSeries, SeriesChanges


def best_of(times: int, work: Callable[[], object]) -> float:
    """Return the seconds that the work takes when nothing else gets in its way."""
    seconds: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def naive(runs: int) -> dict[str, float]:
    """Measure plain gauges."""
    exporter = NaiveExporter()
    for record in records(runs):
        exporter.take_in(record)
    text = generate_latest(exporter.registry)
    times = max(2, 3000 // runs)
    return {
        "scrape": best_of(times, lambda: generate_latest(exporter.registry)),
        "scrape_with_gzip": best_of(times, lambda: gzip.compress(generate_latest(exporter.registry))),
        "series": _series(text),
    }


def ours(runs: int) -> dict[str, float]:
    """Measure this exporter's exposition."""
    exposition = Exposition(SystemClock(), process_metrics=False)
    series = [
        RunSeries(RunKey(REGION, ACCOUNT, run.run_id), run, up=True) for run in map(parse_run, records(runs))
    ]
    begun = time.perf_counter()
    exposition.apply(SeriesChanges(runs={one.key: one for one in series}))
    encoding = time.perf_counter() - begun
    body = exposition.scrape(None, "gzip").body()
    with _sink() as sink:
        sent = best_of(20, lambda: sink.sendall(body))

        def scrape_and_send() -> None:
            for chunk in exposition.scrape(None, "gzip").chunks:
                sink.sendall(chunk)

        scraped_and_sent = best_of(20, scrape_and_send)
    return {
        "scrape": best_of(20, lambda: exposition.scrape(None, "gzip").body()),
        "send": sent,
        "scrape_and_send": scraped_and_sent,
        "change": _change(exposition, series),
        "encoding": encoding,
        "series": _series(zlib.decompress(body, wbits=31)),
    }


@contextlib.contextmanager
def _sink() -> Iterator[socket.socket]:
    """Yield a socket whose other end takes whatever comes."""
    ours, other = socket.socketpair()
    buffer = bytearray(1 << 20)

    def swallow() -> None:
        while other.recv_into(buffer):
            pass

    reader = threading.Thread(target=swallow)
    with ours, other:
        reader.start()
        yield ours
        ours.shutdown(socket.SHUT_WR)
        reader.join()


def _change(exposition: Exposition, series: list[RunSeries]) -> float:
    """Return the seconds that one changed run among all costs."""
    changed = RunSeries(series[0].key, series[1].run, up=False)
    turns = iter([changed, series[0]] * 5)

    def change() -> None:
        exposition.apply(SeriesChanges(runs={series[0].key: next(turns)}))

    return best_of(10, change)


def _series(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


if __name__ == "__main__":
    measure = {"ours": ours, "naive": naive}[sys.argv[1]]
    print(json.dumps(measure(int(sys.argv[2]))))
