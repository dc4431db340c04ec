"""Reads the runs that targets ask for: one poll of each, of which all runs are shown."""

import threading
from dataclasses import dataclass, field, replace

from exporter.cli.found_runs import FoundRun
from exporter.cli.progress import Progress, poll_once
from exporter.clock import SystemClock
from exporter.glue import ClientFactory
from exporter.model.reader import CatalogReader
from exporter.model.settings import Settings, Target
from exporter.poller import EventLog, Scheduler
from exporter.store.series import RequestStats
from exporter.store.store import Store
from exporter.web.status_snapshot import read_status

ALL = 1_000_000_000
"""More runs than any account has."""
SHOWN = 5
"""Run IDs named in one line; the rest is counted."""


@dataclass(slots=True)
class Findings:
    """What reading all targets gave."""

    runs: list[FoundRun] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """One line for each target that could not be read, or not all of it."""
    notes: list[str] = field(default_factory=list)
    """One line for each thing that is not a failure, but worth knowing."""


def read_runs(settings: Settings, clients: ClientFactory, progress: Progress) -> Findings:
    """Poll all targets once. A run that two of them want is found once."""
    clock = SystemClock()
    store = Store(clock)
    settings = replace(settings, runs_per_view=ALL)

    def reader(target: Target, requests: RequestStats, stop: threading.Event) -> CatalogReader:
        return clients.catalog(target, requests, stop)

    scheduler = Scheduler(store, reader, clock, EventLog(quiet=True))
    # The runs themselves name their views: nothing but runs is asked for.
    poll_once(scheduler, store, settings, progress, tables=False)
    reading = read_status(store, clock.time())
    findings = Findings(
        errors=[f"target {state.target.name}: {state.error}" for state in store.targets() if state.error]
    )
    unknown: dict[str, list[str]] = {}
    for row in reading.runs:
        aws_region, catalog_id = row.place
        if row.run:
            findings.runs.append(
                FoundRun(target=row.target, aws_region=aws_region, catalog_id=catalog_id, run=row.run)
            )
        elif row.doubt == "not_found":
            unknown.setdefault(row.target, []).append(row.run_id)
    for target, run_ids in unknown.items():
        more = f" and {len(run_ids) - SHOWN} more" if len(run_ids) > SHOWN else ""
        findings.notes.append(f"target {target}: Glue does not know {', '.join(run_ids[:SHOWN])}{more}")
    return findings
