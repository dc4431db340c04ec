"""Soaks the exporter: days in minutes, with everything going wrong, and the alerts that tell of it.

python -m tests.soak [--views N] [--days N] [--alerts-of N]
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import structlog
from prometheus_client.parser import text_string_to_metric_families

from tests.soak.course import OVERDUE, Incident
from tests.soak.history import Fired
from tests.soak.life import FIRST_START, POLL_INTERVAL, Burden, Soak
from tests.soak.world import HOUR, Ledger

VIEW = "glue_mv_refresh_view_"
BY_AGE = "OverdueByAge"
"""What the rule of old would have sent."""
BUDGET = "GlueMVFreshnessBudgetBurn"
LOOKS_BACK = 6
"""Hours, for that alert."""
KEPT_OF_A_VIEW = 3
"""Runs: the newest, the last success, the last failure."""
ROOM = 1.15
"""So much may memory grow: that beside the runs after the first third; all of it once as much is
forgotten as comes anew."""
ROOM_ON_DISK = 1.1
"""So much may a file grow then: free pages are used again, some of them not fully."""


def compare_counters(soak: Soak) -> list[str]:
    """Return where the counters differ from what the simulator knows."""
    shown: dict[str, Ledger] = {}
    for family in text_string_to_metric_families(soak.exposition.scrape().body().decode()):
        for name, labels, value, *_ in family.samples:
            table = labels.get("table", "")
            ledger = shown.setdefault(table, Ledger()) if name.startswith(VIEW) else Ledger()
            if name == f"{VIEW}runs_total" and value:
                ledger.runs[table, labels["status"], labels["refresh_type"]] += int(value)
            elif name == f"{VIEW}dpu_seconds_total":
                ledger.dpu_seconds[table] = ledger.dpu_seconds.get(table, 0.0) + value
            elif name == f"{VIEW}processed_bytes_total":
                ledger.processed_bytes[table] += int(value)
            elif name == f"{VIEW}run_duration_seconds_count":
                ledger.durations[table] += int(value)
    wrong = []
    for world in soak.worlds.values():
        for view in world.views:
            if view.table in world.dropped:
                continue
            told, true = shown.get(view.table, Ledger()), world.ledger
            pairs = (
                (told.runs, Counter({key: n for key, n in true.runs.items() if key[0] == view.table})),
                (
                    round(told.dpu_seconds.get(view.table, 0.0), 3),
                    round(true.dpu_seconds.get(view.table, 0.0), 3),
                ),
                (told.processed_bytes[view.table], true.processed_bytes[view.table]),
                (told.durations[view.table], true.durations[view.table]),
            )
            wrong += [f"{view.table}: {a} is shown, {b} is true" for a, b in pairs if a != b]
    return wrong


def hours_of(incident: Incident) -> set[int]:
    """Return the hours since the Unix epoch in which its alerts may fire."""
    begin, end = FIRST_START + incident.begin, FIRST_START + incident.end + incident.grace
    return set(range(int(begin / HOUR), int(end / HOUR) + 1))


def explain(incidents: list[Incident]) -> dict[tuple[str, str], set[int]]:
    """Return the hours in which each alert may fire for each subject.

    A view that is overdue uses up its target's budget; here more of it, as eight are looked at at once.
    """
    explained: dict[tuple[str, str], set[int]] = {}
    for incident in incidents:
        hours = hours_of(incident)
        for alert in (*incident.alerts, *incident.tolerated):
            explained.setdefault((alert, incident.subject), set()).update(hours)
            if alert == OVERDUE:
                target, _, _ = incident.subject.rpartition("_")
                explained.setdefault((BUDGET, target), set()).update(
                    range(min(hours), max(hours) + LOOKS_BACK + 1)
                )
    return explained


def compare_alerts(incidents: list[Incident], fired: list[Fired]) -> list[str]:
    """Return the incidents without their alerts, and the alerts without an incident."""
    first = FIRST_START / HOUR
    hours = {(found.alert, found.subject): set(found.hours) for found in fired}
    wrong = [
        f"{incident.kind} of {incident.subject or 'the exporter'}: no {alert}"
        for incident in incidents
        for alert in incident.alerts
        if not hours.get((alert, incident.subject), set()) & hours_of(incident)
    ]
    explained = explain(incidents)
    for key, when in hours.items():
        without = sorted(hour - int(first) for hour in when - explained.get(key, set()) if hour >= first)
        if without:
            wrong.append(f"{key[0]} of {key[1] or 'the exporter'} without an incident, in hours {without}")
    return wrong


def count_overdue(incidents: list[Incident], fired: list[Fired]) -> dict[str, list[int]]:
    """Return how often views were told to be overdue, and how often falsely: as shipped, and by age alone."""
    explained = explain(incidents)
    found = {OVERDUE: [0, 0], BY_AGE: [0, 0]}
    for one in fired:
        if one.alert in found:
            for hours in one.times():
                found[one.alert][0] += 1
                found[one.alert][1] += not hours & explained.get((OVERDUE, one.subject), set())
    return found


def compare_burdens(views: int, early: Burden, late: Burden) -> list[str]:
    """Return where the state is larger than what must be remembered, or grows under an even load."""
    wrong = [
        f"{burden.rows} runs are remembered, of {views} views with {burden.new} new runs"
        for burden in (early, late)
        # Besides, there may be one under way.
        if burden.rows > burden.new + (KEPT_OF_A_VIEW + 1) * views
    ]
    wrong += [
        f"the {what} grew from {before} to {after} bytes under an even load"
        for what, before, after, room in (
            ("database's file", early.file, late.file, ROOM_ON_DISK),
            ("memory", early.memory, late.memory, ROOM),
        )
        if after > before * room
    ]
    return wrong


def main() -> int:
    """Soak, compare, print the figures; return the exit status."""
    parser = argparse.ArgumentParser(description="Days of an exporter in minutes.")
    parser.add_argument("--views", type=int, default=2000)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--alerts-of", type=int, default=45, help="views whose alerts are looked at")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        seen = {f"prod_{number}" for number in range(chosen.alerts_of)}
        seen |= {f"prod_{number}" for number in range(chosen.views - 3, chosen.views)}
        hidden = frozenset(f"prod_{number}" for number in range(chosen.views)) - seen
        soak = Soak(Path(folder) / "soak", chosen.views, chosen.days, hidden=hidden)
        soak.live()
        lived, counted = time.monotonic(), soak.ended()
        wrong = [f"after {chosen.days} days: {line}" for line in compare_counters(soak)]
        warm, end = soak.besides[len(soak.besides) // 3], soak.besides[-1]
        if end > warm * ROOM:
            wrong.append(f"memory beside the runs grew from {warm >> 20} to {end >> 20} MiB")
        soak.grow_old()
        wrong += [f"after being forgotten: {line}" for line in compare_counters(soak)]
        views = sum(len(world.views) for world in soak.worlds.values())
        if soak.rows_after > KEPT_OF_A_VIEW * views:
            wrong.append(f"{soak.rows_after} runs of {views} views are remembered permanently")
        early, late = soak.go_on()
        wrong += [f"after going on: {line}" for line in compare_counters(soak)]
        wrong += compare_burdens(views, early, late)
        fired = soak.history.read().fired(Path(folder), POLL_INTERVAL)
        wrong += compare_alerts(soak.incidents, [one for one in fired if one.alert != BY_AGE])
        overdue = count_overdue(soak.incidents, fired)
        resting = {view.table for view in soak.worlds["prod"].views if view.source.rests} - hidden
        well = resting - {incident.subject for incident in soak.incidents}
        if overdue[BY_AGE][1] < len(well):
            wrong.append(f"{overdue[BY_AGE][1]} false alerts by age, of {len(well)} views that rest")
        soak.store.close()
    figures = {
        "views": views,
        "hours": round(chosen.days * 24),
        "ended_runs": counted,
        "starts": soak.starts,
        "reloads": soak.reloads,
        "single_faults": soak.faults,
        "incidents": sum(bool(incident.alerts) for incident in soak.incidents),
        "alerts": len(fired),
        "views_that_rest": len(resting),
        "overdue_and_false": overdue,
        "memory_mib": [value >> 20 for value in soak.memory[:: max(1, len(soak.memory) // 8)]],
        "beside_the_runs_mib": [value >> 20 for value in soak.besides[:: max(1, len(soak.besides) // 8)]],
        "state_kib": [value >> 10 for value in soak.sizes[:: max(1, len(soak.sizes) // 8)]],
        "runs_remembered": [soak.rows_before, soak.rows_after],
        "even_load": [asdict(early), asdict(late)],
        "seconds": [round(lived - began), round(time.monotonic() - lived)],
    }
    print(json.dumps(figures))  # noqa: T201 (the result)
    for line in wrong:
        print(f"WRONG: {line}")  # noqa: T201 (the result)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
