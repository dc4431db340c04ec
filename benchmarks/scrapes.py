"""What scrapes take over HTTP, beside the naive exporter and a server that sends the same bytes."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from operator import truediv
from statistics import median

from benchmarks.client import Client, Timing, in_turn, middle, scraped, totals
from benchmarks.processes import resident_bytes, running
from benchmarks.programs import (
    PROMETHEUS,
    all_read,
    exporter,
    glue_with,
    sending,
    watching_runs,
    watching_views,
)
from benchmarks.results import Line, milliseconds

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def ended(runs: int, times: int = 600) -> Iterator[Line]:
    """Scrape ended runs, with gzip: against the naive exporter, and against their own bytes."""
    load = {"runs": runs}
    name = f"scrape of {runs:,} ended runs, gzip"
    with glue_with(load) as glue, exporter(watching_runs(glue, load)) as program:
        all_read(program)
        answer = scraped(program.port, **PROMETHEUS)
        yield _against_naive(name, program.port, load)
        with sending(answer) as fixed:
            found = in_turn({"ours": program.port, "fixed": fixed}, times, **PROMETHEUS)
    yield _against_bytes(name, found, len(answer.body))


def views(count: int, times: int = 300) -> Iterator[Line]:
    """Watched views, one run of each shown, one in a hundred of them active."""
    load = {"views": count}
    with glue_with(load) as glue, exporter(watching_views(glue), runs_per_view=1) as program:
        all_read(program)
        answer = scraped(program.port, **PROMETHEUS)
        plain = scraped(program.port, Accept=TEXT).body
        series = sum(not line.startswith(b"#") for line in plain.splitlines())
        with sending(answer) as fixed:
            found = in_turn({"ours": program.port, "fixed": fixed}, times, **PROMETHEUS)
    name = f"scrape of {count:,} views, runs_per_view 1 ({series:,} series), gzip"
    yield _against_bytes(name, found, len(answer.body), goal=1.6)


def large(runs: int, active: int, times: int = 25) -> Iterator[Line]:
    """Scrape ended and active runs, in both formats, with gzip and without."""
    load = {"runs": runs + active, "active": active}
    name = f"{runs:,} ended and {active:,} active runs"
    with glue_with(load) as glue:
        target = watching_runs(glue, load)
        with exporter(target) as program:
            all_read(program)
            for form, accept in (("text", TEXT), ("OpenMetrics", OPENMETRICS)):
                headers = {"Accept": accept, "Accept_Encoding": "gzip"}
                answer = scraped(program.port, **headers)
                with sending(answer) as fixed:
                    found = in_turn({"ours": program.port, "fixed": fixed}, times, **headers)
                yield _against_bytes(f"{name}, {form}, gzip", found, len(answer.body))
                first = min(timing.first_byte for timing in found["ours"])
                yield Line(
                    f"{name}, {form}, gzip: first byte", milliseconds(first), "", first * 1000, 10, unit=" ms"
                )
            before = resident_bytes(program.pid)
            for form, accept in (("text", TEXT), ("OpenMetrics", OPENMETRICS)):
                with Client(program.port, Accept=accept) as client:
                    plain = min(totals([client.time() for _ in range(3)]))
                yield Line(f"{name}, {form}, without gzip", milliseconds(plain), "", plain, 1.5, unit=" s")
            grown = (resident_bytes(program.pid) - before) / 2**20
            yield Line(
                "memory that scrapes without gzip left behind", f"{grown:.1f} MiB", "", grown, 32, unit=" MiB"
            )


def _against_bytes(name: str, found: Mapping[str, list[Timing]], size: int, goal: float = 1.5) -> Line:
    ours, same = (milliseconds(middle(found[kind])) for kind in ("ours", "fixed"))
    ratio = median(map(truediv, totals(found["ours"]), totals(found["fixed"])))
    return Line(f"{name}: ours ÷ same {size / 1e6:.1f} MB", ours, f"same server {same}", ratio, goal)


def _against_naive(name: str, port: int, load: Mapping[str, int], turns: int = 3) -> Line:
    """Scrape the naive exporter, and after each time this one fifty times."""
    with running("benchmarks.naive", json.dumps(load), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        naive_port = int(process.stdout.readline())
        found = []
        for _ in range(turns):
            begun = time.perf_counter()
            scraped(naive_port, **PROMETHEUS)
            naive = time.perf_counter() - begun
            with Client(port, **PROMETHEUS) as client:
                ours = middle([client.time() for _ in range(50)])
            found.append((naive / ours, naive, ours))
    ratio, naive, ours = sorted(found)[turns // 2]
    return Line(
        f"{name}: naive ÷ ours", milliseconds(ours), f"naive {milliseconds(naive)}",
        ratio, 1000, at_least=True,
    )  # fmt: skip
