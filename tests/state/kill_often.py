"""Kills exporters while runs end, and prints what each told before it died.

    python -m tests.state.kill_often FOLDER KILLS

A process of its own, because it forks: a hundred starts of Python would take a minute.
"""

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from exporter.model.run import Run
from exporter.model.settings import Settings
from exporter.store.storage import Storage
from exporter.store.store import Store
from tests.support.clock import START, ManualClock
from tests.support.outcome import Listed, Outcome
from tests.support.store_bench import Shown, target

VIEW = "sales.orders"
POLL_INTERVAL = 30.0
LISTED = 200
"""The newest runs; what is older, Glue has forgotten."""


def run_at(number: int, step: int) -> Run:
    """Return a run as Glue reports it: it ends when the next one starts, and its cost comes in two parts."""
    started = START + POLL_INTERVAL * number
    ended = step > number
    return Run(
        run_id=f"run-{number:06}",
        database="sales",
        table="orders",
        status="SUCCEEDED" if ended else "RUNNING",
        refresh_type="FULL",
        creation_time=started,
        start_time=started,
        end_time=started + POLL_INTERVAL if ended else None,
        dpu_seconds=(4.0 if step > number + 1 else 1.5) if ended else None,
        processed_bytes=1000 if ended else None,
    )


def live(folder: Path, first_step: int, told: int) -> None:
    """Poll once a step, and tell after each commit what is published, until killed."""
    clock, shown = ManualClock(START + POLL_INTERVAL * first_step), Shown()
    store = Store(clock, [shown], *Storage.open(folder), log=lambda _: None)
    store.configure(Settings(targets=(target("prod", VIEW),)))
    step = first_step
    while True:
        listed = tuple(run_at(number, step) for number in range(max(0, step - LISTED), step + 1))
        watch = store.watch("prod")
        asked = min((run.run_id for run in watch.unsettled), default="") if watch else ""
        Outcome(listings=(Listed(runs=listed),)).apply(store, clock.time())
        counters = shown.facts(VIEW).counters
        line = {
            "step": step,
            "runs": sum(counters.runs.values()),
            "dpu_seconds": sum(counters.dpu_seconds.values()),
            "processed_bytes": sum(counters.processed_bytes.values()),
            "durations": sum(counters.durations),
            "oldest_asked": int(asked.removeprefix("run-")) if asked else step,
        }
        os.write(told, json.dumps(line).encode() + b"\n")
        step += 1
        clock.advance(POLL_INTERVAL)


def kill_one(folder: Path, first_step: int, chance: random.Random) -> list[dict[str, float]]:
    """Start an exporter, kill it at some moment, and return what it told."""
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            live(folder, first_step, told)
        finally:
            os._exit(1)
    os.close(told)
    if chance.random() < 0.8:  # else it may be killed while it starts
        select.select([reading], [], [], 20.0)
    time.sleep(chance.uniform(0.0, 0.04))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as lines:
        text = lines.read()
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise SystemExit("the exporter died by itself")
    # The last line may be cut: it was not told.
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def main(folder: Path, kills: int) -> None:
    """Kill so many exporters, one after the other on one folder; print a line for each commit told."""
    chance = random.Random(7)  # noqa: S311 (the same moments at every run)
    step = 0
    for life in range(kills):
        lines = kill_one(folder, step, chance)
        for line in lines:
            print(json.dumps({"life": life, **line}))  # noqa: T201 (this is its result)
        # A commit may be on disk that was not told of; and while nobody watches, runs go on.
        step = int(max([step, *(line["step"] for line in lines)])) + 1 + chance.randrange(5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
