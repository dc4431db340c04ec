"""What scrapes take over HTTP, beside the naive exporter and servers that send the same bytes from memory."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping

from benchmarks.client import Client, Timing, at_once, in_turn, middle, percentile, totals
from benchmarks.glue import load_records
from benchmarks.lifelike import going_on
from benchmarks.processes import resident_bytes, running
from benchmarks.programs import (
    PROMETHEUS,
    Glue,
    all_read,
    exporter,
    glue_with,
    scraped,
    sending,
    watching_runs,
    watching_views,
)
from benchmarks.results import Line, milliseconds

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
AT_ONCE = 16
_BUSY = ("benchmarks.busy",)


def ended(runs: int, times: int = 600) -> Iterator[Line]:
    """Scrape ended runs, with gzip: against the naive exporter, and against their own bytes; 16 at once."""
    load = {"runs": runs}
    with glue_with(load) as glue, exporter(watching_runs(glue, load)) as program:
        all_read(program)
        answer = scraped(program.port, **PROMETHEUS)
        with sending(answer) as fixed:
            found = in_turn({"ours": program.port, **fixed}, times, **PROMETHEUS)
            many = {
                name: at_once(port, AT_ONCE, 10, **PROMETHEUS)
                for name, port in {"ours": program.port, **fixed}.items()
            }
    naive = _naive(load)
    name = f"scrape of {runs:,} ended runs, gzip"
    ours = middle(found["ours"])
    yield Line(
        f"{name}: naive ÷ ours", milliseconds(ours), f"naive {milliseconds(naive)}",
        naive / ours, 1000, at_least=True, details={"runs": runs, "naive": naive, "ours": ours},
    )  # fmt: skip
    yield _against_bytes(name, found, 1.2, {"runs": runs, "bytes": len(answer.body)})
    yield Line(
        f"{AT_ONCE} scrapers at once, per scrape ÷ one alone", milliseconds(many["ours"]),
        f"one alone {milliseconds(ours)}; same bytes at once {milliseconds(many['same_stack'])}",
        many["ours"] / ours, 1.0, details=many,
    )  # fmt: skip


def views(count: int, times: int = 100) -> Iterator[Line]:
    """Watched views, one run of each shown, one in a hundred of them active."""
    load = {"views": count}
    with glue_with(load) as glue, exporter(watching_views(glue), runs_per_view=1) as program:
        all_read(program)
        answer = scraped(program.port, **PROMETHEUS)
        plain = scraped(program.port, Accept=TEXT).body
        series = sum(not line.startswith(b"#") for line in plain.splitlines())
        with sending(answer) as fixed:
            found = in_turn({"ours": program.port, **fixed}, times, **PROMETHEUS)
    name = f"scrape of {count:,} views, runs_per_view 1 ({series:,} series), gzip"
    yield _against_bytes(name, found, 1.5, {"views": count, "series": series, "bytes": len(answer.body)})


def large(runs: int, active: int, times: int = 25) -> Iterator[Line]:
    """Scrape ended and active runs, in both formats, with gzip and without; and while polls never pause."""
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
                    found = in_turn({"ours": program.port, **fixed}, times, **headers)
                yield _against_bytes(f"{name}, {form}, gzip, idle", found, 1.2, {"bytes": len(answer.body)})
                first = min(timing.first_byte for timing in found["ours"])
                yield Line(
                    f"{name}, {form}, gzip: first byte", milliseconds(first), "", first * 1000, 10, unit=" ms"
                )
            before = resident_bytes(program.pid)
            for form, accept in (("text", TEXT), ("OpenMetrics", OPENMETRICS)):
                with Client(program.port, Accept=accept) as client:
                    plain = min(totals([client.time() for _ in range(3)]))
                yield Line(f"{name}, {form}, without gzip", milliseconds(plain), "", plain, 1.0, unit=" s")
            grown = (resident_bytes(program.pid) - before) / 2**20
            yield Line(
                "memory that scrapes without gzip left behind", f"{grown:.1f} MiB", "", grown, 32, unit=" MiB"
            )
        with exporter(target, module=_BUSY) as program, _changing(glue, load):
            yield from _while_polling(program.port, name)


def _while_polling(port: int, name: str) -> Iterator[Line]:
    headers = {"Accept": OPENMETRICS, "Accept_Encoding": "gzip"}
    with sending(scraped(port, **headers)) as fixed:
        found = in_turn({"ours": port, "same_stack": fixed["same_stack"]}, 200, **headers)
    slow = {kind: percentile(timings, 99) for kind, timings in found.items()}
    yield Line(
        f"{name}, OpenMetrics, gzip, polls without a pause: p99 of 200 scrapes", milliseconds(slow["ours"]),
        f"same bytes, at the same time {milliseconds(slow['same_stack'])}",
        slow["ours"] / slow["same_stack"], 2.0,
        details={"p99": slow, "median": {kind: middle(timings) for kind, timings in found.items()}},
    )  # fmt: skip


def _against_bytes(
    name: str, found: Mapping[str, list[Timing]], goal: float, details: dict[str, float]
) -> Line:
    ours, same, bare = (middle(found[kind]) for kind in ("ours", "same_stack", "bare"))
    least = {kind: min(totals(timings)) for kind, timings in found.items()}
    return Line(
        f"{name}: ours ÷ same bytes", milliseconds(ours),
        f"same server {milliseconds(same)}; bare socket {milliseconds(bare)}",
        ours / same, goal,
        details={**details, "ours": ours, "same_stack": same, "bare": bare, "least": least,
                 "ratio_of_least": least["ours"] / least["same_stack"]},
    )  # fmt: skip


def _naive(load: Mapping[str, int]) -> float:
    with running("benchmarks.naive_server", json.dumps(load), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        # Its server closes the connection after each answer.
        times = []
        for _ in range(3):
            with Client(port, **PROMETHEUS) as client:
                times.append(client.time_to_the_end())
    return sorted(times)[1]


class _changing:  # noqa: N801 (a context manager)
    """Lets a tenth of the active runs go on, twice a second."""

    def __init__(self, glue: Glue, load: Mapping[str, int]) -> None:
        self._glue = glue
        self._runs = load_records(dict(load))[: load["active"]]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._change)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _change(self) -> None:
        turn = 0
        while not self._over.wait(0.5):
            turn += 1
            some = self._runs[turn % 10 :: 10]
            self._glue.put([going_on(run, progress=100.0 * turn) for run in some])
