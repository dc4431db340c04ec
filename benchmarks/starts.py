"""How long starts take: with a large state, and with a small configuration."""

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.client import scraped
from benchmarks.processes import ENVIRONMENT
from benchmarks.programs import (
    all_read,
    calls,
    exporter,
    folder,
    glue_with,
    watching_runs,
    watching_views,
)
from benchmarks.results import Line, milliseconds

_BOTO3 = "import boto3; boto3.client('glue', region_name='eu-west-1')"
_TIMES = 7


def with_state(views: int, runs: int) -> Iterator[Line]:
    """Start with so many settled runs of views in the state."""
    with folder() as place, glue_with({"views": views, "runs_each": runs // views}) as glue:
        target, flags = watching_views(glue), ("--storage.path", str(place))
        with exporter(target, *flags) as program:
            all_read(program)
        with exporter(target, *flags) as program:
            yield Line(
                f"start with {runs:,} runs of {views:,} views in the state: ready",
                milliseconds(program.ready_after),
                f"{calls(program)} calls, {program.cpu_until_ready:.1f} s of CPU",
                program.ready_after, 5, unit=" s",
            )  # fmt: skip


def small() -> Iterator[Line]:
    """From nothing to the first scrape of one run, and what importing boto3 and making a client takes."""
    load = {"runs": 1}
    ours, boto3 = [], []
    with glue_with(load) as glue:
        for _ in range(_TIMES):
            begun = time.perf_counter()
            with exporter(watching_runs(glue, load)) as program:
                assert b"glue_mv_refresh_run_status" in scraped(program.port).body
                ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", _BOTO3], env=ENVIRONMENT, check=True)
            boto3.append(time.perf_counter() - begun)
    yield Line(
        "first scrape of a small configuration ÷ importing boto3 and making a client",
        milliseconds(median(ours)), f"boto3 {milliseconds(median(boto3))}",
        median(ours) / median(boto3), 1.5,
    )  # fmt: skip
