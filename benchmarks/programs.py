"""The programs that are compared: this exporter against a bare Glue, and a server of fixed bytes."""

import contextlib
import gzip
import json
import re
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.client import Answer, scraped
from benchmarks.glue import load_records
from benchmarks.lifelike import ACCOUNT, REGION
from benchmarks.processes import cpu_seconds, fetch, running
from tests.support.ports import held_port

INTERVAL = 5
"""Seconds between polls: the shortest that the exporter allows."""
PROMETHEUS = {"Accept": "text/plain;version=0.0.4", "Accept_Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Program:
    """A running exporter."""

    port: int
    pid: int
    ready_after: float
    """Seconds from its start until ``/-/ready`` said so."""
    cpu_until_ready: float
    """Processor time, in seconds."""


@contextlib.contextmanager
def glue_with(load: Mapping[str, int]) -> Iterator[str]:
    """Run a bare Glue that holds the load; yields its URL."""
    with running("benchmarks.glue", json.dumps(load), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that goes with the block."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def watching_runs(glue: str, load: Mapping[str, int]) -> dict[str, Any]:
    """Return a target that watches the runs of the load by their IDs."""
    run_ids = [record["MaterializedViewRefreshTaskRunId"] for record in load_records(dict(load))]
    return {**_target(glue), "runs": run_ids}


def watching_views(glue: str, *names: str) -> dict[str, Any]:
    """Return a target that watches these views; by default every view."""
    return {**_target(glue), "views": list(names) or ["*.*"]}


@contextlib.contextmanager
def exporter(target: Mapping[str, Any], *flags: str, **settings: Any) -> Iterator[Program]:
    """Run the exporter, and wait until it is ready."""
    with folder() as place, held_port() as port:
        config = place / "config.yaml"
        config.write_text(json.dumps({"poll_interval": f"{INTERVAL}s", **settings, "targets": [target]}))
        address = f"127.0.0.1:{port}"
        options = ("--config.file", str(config), "--web.listen-address", address, "--log.level", "error")
        begun = time.perf_counter()
        with running("exporter", "serve", *options, *flags) as process:
            # Each request takes a millisecond of the program's time.
            wait_for(lambda: _is_ready(process, f"http://{address}/-/ready"), seconds=600, every=0.025)
            yield Program(port, process.pid, time.perf_counter() - begun, cpu_seconds(process.pid))


@contextlib.contextmanager
def sending(answer: Answer) -> Iterator[int]:
    """Run a server of fixed bytes; yields its port."""
    with folder() as place:
        file = place / "body"
        file.write_bytes(answer.body)
        Path(f"{file}.json").write_text(json.dumps(answer.headers))
        with running("benchmarks.fixed", str(file), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield int(process.stdout.readline())


def exposition(program: Program) -> str:
    """Scrape once, as Prometheus does."""
    return gzip.decompress(scraped(program.port, **PROMETHEUS).body).decode()


def calls(program: Program) -> int:
    """Return how many calls it has made."""
    counts = re.findall(r"^glue_mv_exporter_api_requests_total{.*} (.+)$", exposition(program), re.MULTILINE)
    return round(sum(map(float, counts)))


def all_read(program: Program) -> None:
    """Wait until every run has been read, and so all that ended are settled."""
    lines = ('state="unfetched"} 0\n', 'state="settling"} 0\n')
    wait_for(lambda: all(line in scraped(program.port).body.decode() for line in lines), seconds=600)


def wait_for(fulfilled: Callable[[], bool], *, seconds: float, every: float = 0.01) -> None:
    """Wait until it is so; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not fulfilled():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(every)


def _target(glue: str) -> dict[str, Any]:
    return {
        "name": "benchmark",
        "aws_region": REGION,
        "catalog_id": ACCOUNT,
        "endpoint_url": glue,
        "max_requests_per_second": 500,
    }


def _is_ready(process: "subprocess.Popen[str]", url: str) -> bool:
    if process.poll() is not None:
        raise ChildProcessError("the exporter has ended")
    try:
        fetch(url)
    except urllib.error.URLError:
        return False
    return True
