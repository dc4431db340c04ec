"""A day of scrapes of a real exporter, on a clock that a test moves, as blocks that Prometheus reads."""

import math
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.cli.exporter_process import Exporter, make_exporter
from exporter.glue import ClientFactory, fixed_session
from tests.dashboards import company
from tests.support.moto_glue import MotoGlue

STEP = 240.0
"""Seconds between two scrapes: less than Prometheus' memory of five minutes."""
EXTERNAL_URL = "http://glue.example.org"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SCRAPED_AS = 'job="glue-mv-exporter",instance="exporter-0"'


class Past:
    """A clock that goes as fast as this machine's, but some time ago; it can be moved on."""

    def __init__(self, seconds: float) -> None:
        self._behind = self._began_behind = seconds
        self._lock = threading.Lock()

    def time(self) -> float:
        """Return Unix time in seconds."""
        return time.time() - self._behind

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._began_behind - self._behind

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let the seconds pass at once."""
        if not event.is_set():
            self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._behind -= seconds


@dataclass(frozen=True, slots=True)
class History:
    """What Prometheus is given."""

    blocks: Path
    end: float
    """Unix time of the last scrape."""


def record(folder: Path) -> History:
    """Live through the day, and write what was scraped as blocks into a folder."""
    # A whole number of steps, as the ends of time ranges are: so numbers and tables are of the same moment.
    end = (time.time() - 30) // STEP * STEP
    start = end - company.LENGTH
    clock = Past(time.time() - start)
    text = folder / "scrapes.txt"
    with MotoGlue(now=clock.time) as glue, text.open("w") as out:
        company.found(glue.simulated, start)
        settings = company.settings(glue.url)
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
            company.trouble(glue, end - moment)
            for poll in polls:
                poll.run(lambda: None)
                # It goes on in a thread of its own: to its end before the clock is moved on.
                poll.resync.wait(math.inf, lambda: None)
            out.writelines(f"{sample} {moment:.3f}\n" for sample in scrape(exporter))
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
    text.unlink()
    return History(blocks, moment - STEP)


def scrape(exporter: Exporter) -> Iterator[str]:
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
