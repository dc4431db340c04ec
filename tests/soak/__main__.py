"""Soaks the exporter: days in minutes, with everything going wrong, and the alerts that tell of it.

python -m tests.soak [--views N] [--days N] [--alerts-of N]
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from itertools import count, takewhile
from pathlib import Path

import structlog
from prometheus_client.parser import text_string_to_metric_families

from tests.soak.course import OVERDUE, Incident
from tests.soak.life import FIRST_START, POLL_INTERVAL, Soak
from tests.soak.world import HOUR, Counted

VIEW = "glue_mv_refresh_view_"
COUNTERS = ("runs_total", "dpu_seconds_total", "processed_bytes_total", "run_duration_seconds_count")
BY_AGE = "OverdueByAge"
"""What a rule by age alone would have sent."""
BUDGET = "GlueMVFreshnessBudgetBurn"
LOOKS_BACK = 6
"""Hours, for that alert."""
ROOM = 1.15
"""So much may memory beside the runs grow after the first third."""

Hours = dict[tuple[str, str], set[int]]
"""By alert and subject: hours since the Unix epoch."""


def compare_counters(soak: Soak) -> list[str]:
    """Return where the counters differ from what the simulator knows."""
    shown: defaultdict[Counted, float] = defaultdict(float)
    for family in text_string_to_metric_families(soak.exposition.scrape().body().decode()):
        for name, labels, value, *_ in family.samples:
            if (counter := name.removeprefix(VIEW)) in COUNTERS:
                key = Counted(
                    counter, labels["table"], labels.get("refresh_type", ""), labels.get("status", "")
                )
                shown[key] += value
    true = {key: value for world in soak.worlds.values() for key, value in world.ledger.items()}
    dropped = {table for world in soak.worlds.values() for table in world.dropped}
    return [
        f"{key}: {shown[key]} is shown, {true.get(key)} is true"
        for key in {**shown, **true}
        if key.table not in dropped and round(shown[key], 3) != round(true.get(key, 0.0), 3)
    ]


def hours_of(incident: Incident) -> set[int]:
    """Return the hours in which its alerts may fire."""
    begin, end = FIRST_START + incident.begin, FIRST_START + incident.end + incident.grace
    return set(range(int(begin / HOUR), int(end / HOUR) + 1))


def explain(incidents: list[Incident]) -> Hours:
    """Return the hours in which each alert may fire for each subject.

    A view that is overdue uses up its target's budget; here more of it, as eight are looked at at once.
    """
    explained: Hours = defaultdict(set)
    for incident in incidents:
        hours = hours_of(incident)
        for alert in (*incident.alerts, *incident.tolerated):
            explained[alert, incident.subject] |= hours
            if alert == OVERDUE:
                target, _, _ = incident.subject.rpartition("_")
                explained[BUDGET, target] |= set(range(min(hours), max(hours) + LOOKS_BACK + 1))
    return explained


def compare_alerts(incidents: list[Incident], fired: Hours) -> list[str]:
    """Return the incidents without their alerts, and the alerts without an incident."""
    first = int(FIRST_START / HOUR)
    wrong = [
        f"{incident.kind} of {incident.subject or 'the exporter'}: no {alert}"
        for incident in incidents
        for alert in incident.alerts
        if not fired.get((alert, incident.subject), set()) & hours_of(incident)
    ]
    explained = explain(incidents)
    for (alert, subject), hours in fired.items():
        if alert == BY_AGE:
            continue
        without = sorted(
            hour - first for hour in hours - explained.get((alert, subject), set()) if hour >= first
        )
        if without:
            wrong.append(f"{alert} of {subject or 'the exporter'} without an incident, in hours {without}")
    return wrong


def count_overdue(incidents: list[Incident], fired: Hours) -> dict[str, list[int]]:
    """Return how often views were told to be overdue, and how often falsely: as shipped, and by age alone."""
    explained = explain(incidents)
    found = {OVERDUE: [0, 0], BY_AGE: [0, 0]}
    for (alert, subject), hours in fired.items():
        for first in hours if alert in found else ():
            if first - 1 not in hours:
                in_a_row = set(takewhile(hours.__contains__, count(first)))
                found[alert][0] += 1
                found[alert][1] += not in_a_row & explained.get((OVERDUE, subject), set())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Days of an exporter in minutes.")
    parser.add_argument("--views", type=int, default=2000)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--alerts-of", type=int, default=45, help="views whose alerts are looked at")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        # The last few views are those that vanish.
        numbers = {*range(chosen.alerts_of), *range(chosen.views - 3, chosen.views)}
        hidden = frozenset(f"prod_{number}" for number in set(range(chosen.views)) - numbers)
        soak = Soak(Path(folder) / "soak", chosen.views, chosen.days, hidden=hidden)
        soak.live()
        ended = soak.ended()
        wrong = [f"after {chosen.days} days: {line}" for line in compare_counters(soak)]
        warm, end = soak.besides[len(soak.besides) // 3], soak.besides[-1]
        if end > warm * ROOM:
            wrong.append(f"memory beside the runs grew from {warm >> 20} to {end >> 20} MiB")
        wrong += soak.go_on()
        wrong += [f"after going on: {line}" for line in compare_counters(soak)]
        fired = soak.history.read().fired(Path(folder), POLL_INTERVAL)
        wrong += compare_alerts(soak.incidents, fired)
        soak.store.close()
    figures = {
        "ended_runs": ended,
        "starts": soak.starts,
        "reloads": soak.reloads,
        "single_faults": soak.faults,
        "incidents": sum(bool(incident.alerts) for incident in soak.incidents),
        "alerts": len(fired),
        "overdue_and_false": count_overdue(soak.incidents, fired),
        "beside_the_runs_mib": [value >> 20 for value in soak.besides[:: max(1, len(soak.besides) // 8)]],
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures))  # noqa: T201 (the result)
    for line in wrong:
        print(f"WRONG: {line}")  # noqa: T201 (the result)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
