"""What a real Prometheus spends on the shipped rules: ``python -m benchmarks --only rules``.

One Prometheus scrapes a synthetic exposition: first without rules, then with the rules that are evaluated
every few minutes, on seven days of recorded history, then with all others, while all views are well, one in
twenty is in trouble, and all are.
CPU is that of the process for each evaluation, less what the process takes in that time without rules.
"""

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from benchmarks.lifelike import ACCOUNT, REGION, views
from benchmarks.processes import cpu_seconds, fetch
from benchmarks.programs import folder, wait_for
from benchmarks.results import Line
from benchmarks.views_exposition import exposition
from exporter.metrics.text import labels
from exporter.model.view import ViewKey
from tests.e2e.neighbours import Prometheus, prometheus
from tools.render_rules import render

RECORDED = {
    "view:glue_mv_success_duration_seconds:max10m": range(300, 400),
    "view:glue_mv_success_dpu_seconds:max10m": range(600, 800),
    "view:glue_mv_full:max10m": range(1),
    "view:glue_mv_failures:max10m": range(1),
}
"""What the history rules read, a value every ten minutes, and the values that come in turn."""
STATES = {"all well": None, "one in twenty in trouble": 20, "all in trouble": 1}
EVERY = 5
"""Seconds between two evaluations, and between two scrapes."""
MEASURED = 6
"""Evaluations that are measured."""
SCRAPED_AS = {"cluster": "eu", "namespace": "monitoring", "job": "glue-mv-exporter"}
_DAY = 86400
_STEP = 600


def rules(count: int) -> Iterator[Line]:
    """Measure one evaluation of the rules for so many views."""
    with _served() as page, folder() as place:
        _write_history(place, count)
        scraped = {"targets": [f"127.0.0.1:{page.port}"], "labels": SCRAPED_AS}
        config: dict[str, Any] = {
            "global": {"scrape_interval": f"{EVERY}s", "evaluation_interval": f"{EVERY}s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": SCRAPED_AS["job"], "static_configs": [scraped]}],
        }
        with prometheus(place, None, "--web.enable-lifecycle", **config) as running:
            yield from _evaluations(_Measured(running, place / "rules.yml"), page, count)


def _evaluations(server: "_Measured", page: "_Page", count: int) -> Iterator[Line]:
    often, seldom = _groups()
    page.body = exposition(count, troubled_every=None)
    server.load([])
    server.scraped(count)
    idle = server.cpu_per_second()
    server.load([*often, *seldom])
    server.evaluated(2)
    server.load(seldom)
    what = f"{count:,} views, rules evaluated seldom: CPU per evaluation"
    cpu, wall = server.measure(idle)
    yield Line(what, f"wall: {wall}", "", cpu, 5, unit=" s")
    server.load(often)
    for state, every in STATES.items():
        page.body = exposition(count, troubled_every=every)
        server.evaluated(3)
        what = f"{count:,} views, {state}, all other rules: CPU per evaluation"
        cpu, wall = server.measure(idle)
        yield Line(what, f"wall: {wall}", f"{server.alerts():,} alerts", cpu, 2, unit=" s")


def _groups() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shipped groups: those of each evaluation, and those with an interval of their own.

    All are to be evaluated often here.
    """
    groups = yaml.safe_load(render())["groups"]
    often = [group | {"interval": f"{EVERY}s"} for group in groups if "interval" not in group]
    seldom = [group | {"interval": f"{EVERY}s"} for group in groups if "interval" in group]
    return often, seldom


def _write_history(place: Path, count: int) -> None:
    """Write a week of recorded values as the blocks of the Prometheus in this folder."""
    end = int(time.time()) // _STEP * _STEP
    times = [f" {moment}\n" for moment in range(end - 7 * _DAY, end, _STEP)]
    text = place / "history.txt"
    with text.open("w") as out:
        for name, values in RECORDED.items():
            samples = [f" {value}{moment}" for value, moment in zip(cycle(values), times, strict=False)]
            for database, table in views(count):
                key = ViewKey(REGION, ACCOUNT, database, table)
                series = f"{name}{{{labels(**SCRAPED_AS, **key._asdict())}}}"
                out.write("".join([series + sample for sample in samples]))
        out.write("# EOF\n")
    subprocess.run(
        [
            *("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"),
            "--max-block-duration=486h",  # it reads all of the text for each block
            *(text, place / "data"),
        ],
        check=True,
        capture_output=True,
    )
    text.unlink()


@dataclass(slots=True)
class _Page:
    """What is scraped."""

    port: int
    body: bytes = b""


@contextlib.contextmanager
def _served() -> Iterator[_Page]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page = _Page(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class _Measured:
    """A running Prometheus, and the groups that it evaluates."""

    server: Prometheus
    rules: Path
    loaded: list[str] = field(default_factory=list)

    def load(self, groups: Sequence[dict[str, Any]]) -> None:
        """Evaluate these groups and no others."""
        self.rules.write_text(yaml.safe_dump({"groups": list(groups)}, width=1000))
        fetch(f"{self.server.url}/-/reload", "POST")
        self.loaded[:] = [group["name"] for group in groups]

    def scraped(self, count: int) -> None:
        """Wait until the views are there."""
        query = f"count(glue_mv_refresh_view_info) == {count}"
        wait_for(lambda: bool(self.server.query(query)), seconds=120, every=1)

    def cpu_per_second(self) -> float:
        """Measure the share of a core that it uses while it evaluates nothing."""
        seconds = EVERY * MEASURED
        before = cpu_seconds(self.server.pid)
        time.sleep(seconds)
        return (cpu_seconds(self.server.pid) - before) / seconds

    def evaluated(self, times: int) -> None:
        """Wait until each loaded group has been evaluated so many times more."""
        before = self._evaluations()
        wait_for(
            lambda: all(count >= before[name] + times for name, count in self._evaluations().items()),
            seconds=600,
            every=1,
        )

    def measure(self, idle: float) -> tuple[float, str]:
        """Return the seconds of CPU that one evaluation takes, and in words those that each group took."""
        self.evaluated(1)
        before, cpu, began = self._evaluations(), cpu_seconds(self.server.pid), time.monotonic()
        self.evaluated(MEASURED)
        used = cpu_seconds(self.server.pid) - cpu - idle * (time.monotonic() - began)
        after = self._evaluations()
        # Where Prometheus cannot keep up, it misses evaluations of the group that takes long.
        wall = self._of_each_group("last_duration_seconds").items()
        return (
            used / min(after[name] - before[name] for name in self.loaded),
            ", ".join(f"{name.removeprefix('glue-mv-')} {seconds:.2f} s" for name, seconds in wall),
        )

    def alerts(self) -> int:
        """Return how many alerts are pending or firing."""
        found = self.server.query("count(ALERTS)")
        return int(found[0]["value"][1]) if found else 0

    def _evaluations(self) -> dict[str, float]:
        """Return how often each loaded group has been evaluated."""
        scheduled, missed = map(self._of_each_group, ("iterations_total", "iterations_missed_total"))
        return {name: scheduled[name] - missed[name] for name in self.loaded}

    def _of_each_group(self, what: str) -> dict[str, float]:
        """Return what Prometheus says of each loaded group of rules; 0 for one that it does not know yet."""
        text = fetch(f"{self.server.url}/metrics").decode()
        found = re.findall(rf'^prometheus_rule_group_{what}{{.*;(.*)"}} (\S+)', text, re.MULTILINE)
        return dict.fromkeys(self.loaded, 0.0) | {name: float(value) for name, value in found}
