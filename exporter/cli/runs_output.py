"""Runs for programs: a JSON array, and a block of run IDs to paste into a configuration."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.cli.found_runs import FoundRun
from exporter.cli.runs_table import first_line, view_name
from exporter.config.schema import RUN_ID_PATTERN

TIMES = ("creation_time", "start_time", "end_time", "last_updated")
INDENT = " " * 4
"""Where the keys of a target stand in the configuration."""


def as_json(found: Iterable[FoundRun], now: float) -> str:
    """Return an array of objects, in ASCII, absent values as null; every object has the same keys."""
    return json.dumps([_object(one, now) for one in found], indent=2) + "\n"


def _object(found: FoundRun, now: float) -> dict[str, object]:
    run = found.run._asdict()
    duration = found.run.duration(now)
    place = {"target": found.target, "aws_region": found.aws_region, "catalog_id": found.catalog_id}
    times = {name: _iso(run[name]) for name in TIMES}
    return {**place, **run, **times, "duration_seconds": None if duration is None else round(duration, 3)}


def _iso(time: float | None) -> str | None:
    """Return a Unix time as ISO 8601 in UTC, to the millisecond, which is what Glue sends."""
    if time is None:
        return None
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_config(found: Iterable[FoundRun]) -> str:
    """Return a ``runs:`` block, indented as a target's keys are; one YAML document for each target."""
    by_target: dict[tuple[str, str, str], list[FoundRun]] = {}
    for one in found:
        by_target.setdefault((one.target, one.aws_region, one.catalog_id), []).append(one)
    if not by_target:
        return f"{INDENT}runs: []\n"
    blocks = [
        "".join(f"{INDENT}{line}\n" for line in _block(place, runs)) for place, runs in by_target.items()
    ]
    return "---\n".join(blocks)


def _block(place: tuple[str, str, str], runs: list[FoundRun]) -> Iterator[str]:
    name, aws_region, catalog_id = place
    yield f"# of the target {first_line(name)}: aws_region {aws_region}, catalog_id {first_line(catalog_id)}"
    yield "runs:" if any(_configurable(one) for one in runs) else "runs: []"
    for one in runs:
        comment = f"# {view_name(one.run)} {first_line(one.run.status) or 'without a status'}"
        if _configurable(one):
            yield f"  - {one.run.run_id}  {comment}"
        else:
            yield f"  {comment}: its ID is none that a configuration may hold"


def _configurable(found: FoundRun) -> bool:
    return re.fullmatch(RUN_ID_PATTERN, found.run.run_id) is not None
