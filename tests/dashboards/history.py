"""Hours of scrapes of a real exporter that watches the demo's Glue, as blocks that Prometheus reads.

The clock is moved on. Beside the demo's views there are one that has everything, and one in a region that
cannot be read in the end; and Glue rejects some requests.
"""

import math
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.cli.exporter_process import Exporter, make_exporter
from exporter.glue.client import ClientFactory
from exporter.glue.sessions import fixed_session
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.simulated_glue.runs import RunScript, RunStatus, Schedule
from exporter.simulated_glue.scenario import demo_scenario
from tests.support.bare_faults import ACCESS_DENIED, THROTTLED, UNAVAILABLE
from tests.support.clock import SteppedClock
from tests.support.moto_glue import MotoGlue

HOUR = 3600.0
LENGTH = 5.2 * HOUR
STEP = 240.0
"""Seconds between two scrapes: less than Prometheus' memory of five minutes."""
EXTERNAL_URL = "http://glue.example.org"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SCRAPED_AS = 'job="glue-mv-exporter",instance="exporter-0"'
REGIONS = {"demo": "eu-west-1", "partner": "us-gov-west-1"}
"""Of each target."""
VIEW = "sales.returns"
"""A view that has everything: successes, failures, a run in progress, sources, an interval."""


@dataclass(frozen=True, slots=True)
class History:
    """What Prometheus is given."""

    blocks: Path
    end: float
    """Unix time of the last scrape."""


def record(folder: Path) -> History:
    """Live through the hours, and write what was scraped as blocks into a folder."""
    # A whole number of steps, as the ends of time ranges are: so numbers and tables are of the same moment.
    end = (time.time() - 30) // STEP * STEP
    start = end - LENGTH
    clock = SteppedClock()
    clock.jump(start - clock.time())
    text = folder / "scrapes.txt"
    with MotoGlue(now=clock.time) as glue, text.open("w") as out:
        demo = glue.catalog(REGIONS["demo"])
        demo_scenario(demo)
        half_hours = Schedule(first=start, every=HOUR / 2)
        demo.add_view(
            VIEW, refresh_seconds=1800, plan=_plan, schedule=half_hours, sources=("landing.clicks",)
        )
        glue.catalog(REGIONS["partner"]).add_view("partner.settlements", schedule=half_hours)
        settings = _settings(glue.url)
        exporter = make_exporter(
            settings,
            storage_path=str(folder / "state"),
            clients=ClientFactory(clock, session_factory=fixed_session),
            clock=clock,
            external_url=EXTERNAL_URL,
        )
        exporter.store.configure(settings)
        polls = [exporter.scheduler._poll(target, threading.Event()) for target in settings.targets]
        moment = start
        while moment <= end:
            clock.advance(max(0.0, moment - clock.time()))
            _trouble(glue, end - moment)
            for poll in polls:
                poll.run(lambda: None)
                # It goes on in a thread of its own: to its end before the clock is moved on.
                poll.resync.wait(math.inf, lambda: None)
            out.writelines(f"{sample} {moment:.3f}\n" for sample in _scrape(exporter))
            moment += STEP
        out.write("# EOF\n")
        exporter.close()
    blocks = folder / "blocks"
    subprocess.run(
        [
            *("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"),
            "--max-block-duration=486h",  # it reads all of the text for each block: one is enough
            *(text, blocks),
        ],
        check=True,
        capture_output=True,
    )
    return History(blocks, moment - STEP)


def _plan(ordinal: int) -> RunScript:
    """Return the run of a view that takes long and, in the end, fails."""
    outcome = RunStatus.FAILED if ordinal > 7 else RunStatus.SUCCEEDED
    return RunScript(start_delay=30, duration=1000, outcome=outcome)


def _settings(endpoint: str) -> Settings:
    """Return what the exporter watches: no runs get series of their own."""
    targets = (
        Target(
            name=name,
            access=Access(aws_region=region, endpoint_url=endpoint),
            catalog_id="123456789012",
            views=(ViewPattern(database="*", table="*"),),
            max_requests_per_second=1000.0,
        )
        for name, region in REGIONS.items()
    )
    return Settings(poll_interval=60.0, runs_per_view=0, targets=tuple(targets))


def _trouble(glue: MotoGlue, left: float) -> None:
    """Let Glue misbehave as it did at this moment: so many seconds before the end."""
    glue.behave()
    if left % (2 * HOUR) < 1200:
        glue.misbehave(THROTTLED, aws_region=REGIONS["demo"], times=1)
    if 2 * HOUR < left < 2.2 * HOUR:
        glue.misbehave(UNAVAILABLE, aws_region=REGIONS["demo"], times=1)
    if left < 2100:
        glue.misbehave(ACCESS_DENIED, aws_region=REGIONS["partner"])


def _scrape(exporter: Exporter) -> Iterator[str]:
    """Yield the samples as Prometheus keeps them: with job and instance, and its own about the scrape."""
    started = time.perf_counter()
    text = b"".join(exporter.exposition.scrape(OPENMETRICS).chunks).decode()
    took = time.perf_counter() - started
    samples = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in samples:
        yield re.sub(r"^(\w+)(?:\{(.*)\})? ", rf"\1{{{SCRAPED_AS},\2}} ", line, count=1).replace(",} ", "} ")
    yield f"up{{{SCRAPED_AS}}} 1"
    yield f"scrape_duration_seconds{{{SCRAPED_AS}}} {took}"
    yield f"scrape_samples_scraped{{{SCRAPED_AS}}} {len(samples)}"
