"""A fleet: 5,000 views at the start and in a steady state, memory at 100,000 runs, many databases."""

import contextlib
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.lifelike import SOURCE_DATABASES, view_databases, views
from benchmarks.processes import cpu_seconds, resident_bytes, run_json
from benchmarks.programs import (
    INTERVAL,
    Program,
    all_read,
    calls,
    exporter,
    exposition,
    glue_with,
    wait_for,
    watching_runs,
    watching_views,
)
from benchmarks.results import Line, milliseconds

MINUTES = 2
"""How long a steady state is measured."""
QUIET_MINUTES, BUSY_MINUTES = 3, 2
"""Without a resync, and with one in the middle, where both are measured."""


def views_by_glob_and_name(count: int) -> Iterator[Line]:
    """Watch views that refresh every hour: the start, and a steady minute at the default intervals."""
    starts = {}
    for kind, names in (("glob", []), ("name", [".".join(name) for name in views(count)])):
        what = f"{count:,} views by {kind}"
        with (
            glue_with({"hourly": count}) as glue,
            exporter(watching_views(glue, *names), poll_interval="30s") as program,
        ):
            wait_for(partial(_is_up, program), seconds=120, every=1)
            starts[kind] = program.cpu_until_ready
            yield Line(
                f"{what}: CPU until ready", f"after {program.ready_after:.1f} s", f"{calls(program)} calls",
                starts[kind], 6, unit=" s",
            )  # fmt: skip
            if kind == "glob":
                yield from _steady(f"… {count // 60} refreshes a minute", program)
    yield Line(
        "… by name ÷ by glob", milliseconds(starts["name"]), milliseconds(starts["glob"]),
        starts["name"] / starts["glob"], 1.3,
    )  # fmt: skip


def _steady(what: str, program: Program) -> Iterator[Line]:
    time.sleep(60)  # until the start is over
    made, cpu = calls(program), cpu_seconds(program.pid)
    time.sleep(60 * MINUTES)
    share = (cpu_seconds(program.pid) - cpu) / (60 * MINUTES)
    yield Line(f"{what}: CPU", "", "", share * 100, 2, unit=" % of a core")
    yield Line(f"{what}: calls a minute", "", "", (calls(program) - made) / MINUTES, 3, unit="")
    yield Line(f"{what}: resident", "", "", resident_bytes(program.pid) / 1e6, 140, unit=" MB")


def source_tables(count: int, tables: int) -> Iterator[Line]:
    """Watch views with and without their source tables, at the same time: the start, and a steady state."""
    patterns = [f"{database}.*" for database in view_databases()]
    resync = f"{1 + QUIET_MINUTES + BUSY_MINUTES // 2}m"
    intervals = {"poll_interval": "30s", "resync_interval": resync}
    with contextlib.ExitStack() as stack:
        glues = [stack.enter_context(glue_with({"hourly": count, "sources": tables})) for _ in "ab"]
        programs = [
            stack.enter_context(
                exporter({**watching_views(glue, *patterns), "source_tables": read}, **intervals)
            )
            for glue, read in zip(glues, (True, False), strict=True)
        ]
        wait_for(partial(_is_up, programs[0]), seconds=120, every=1)
        made = calls(programs[0])
        assert f'source_tables{{target="benchmark",state="read"}} {tables}' in exposition(programs[0])
        pages = [math.ceil(number / 100) for number in Counter(name for name, _ in views(count)).values()]
        least = sum(pages) + min(tables, SOURCE_DATABASES) + math.ceil(count / 1000)
        yield Line(
            f"{count:,} views over {tables:,} source tables in {SOURCE_DATABASES} databases: calls",
            f"{made}", f"{least} pages hold all", made / least, 1.1,
        )  # fmt: skip
        time.sleep(60)  # until the start is over
        quiet = _used(programs, QUIET_MINUTES)
        busy = _used(programs, BUSY_MINUTES)
        held = [resident_bytes(program.pid) for program in programs]
    # Between two resyncs both do the same work. Their mean counts, or noise would be multiplied.
    rest = sum(quiet) / 2 * (15 - BUSY_MINUTES) / QUIET_MINUTES
    yield Line(
        "… CPU of a quarter of an hour with its resync ÷ without source tables",
        milliseconds(rest + busy[0]), milliseconds(rest + busy[1]), (rest + busy[0]) / (rest + busy[1]), 1.1,
    )  # fmt: skip
    yield Line(
        "… resident memory ÷ without source tables",
        f"{held[0] / 1e6:,.0f} MB", f"{held[1] / 1e6:,.0f} MB", held[0] / held[1], 1.1,
    )  # fmt: skip


def _used(programs: Sequence[Program], minutes: float) -> list[float]:
    """Return the processor time that each program uses in the next minutes."""
    before = [cpu_seconds(program.pid) for program in programs]
    time.sleep(60 * minutes)
    return [cpu_seconds(program.pid) - used for program, used in zip(programs, before, strict=True)]


def databases(count: int) -> Iterator[Line]:
    """Read an account of many databases at the default rate, on a clock that runs faster."""
    found = run_json("benchmarks.account", str(count))
    yield Line(
        f"{count:,} databases, 5 requests a second: every view has its last success",
        f"after {found['seconds']:.0f} s",
        f"{found['calls']:.0f} calls, {found['calls'] / 5:.0f} s at that rate",
        found["seconds"], 120, unit=" s",
    )  # fmt: skip
    yield Line(
        "… meanwhile, a failed run of a known view shows",
        f"after {found['failure']:.0f} s", "polled every 30 s", found["failure"], 32, unit=" s",
    )  # fmt: skip


def memory(runs: int) -> Iterator[Line]:
    """Return what a settled run takes beyond the same program with a hundredth of them."""
    few, number = runs // 100, runs // 100
    for what, loads in (
        ("watched by ID", ({"runs": few}, {"runs": runs})),
        ("of views", ({"views": number}, {"views": number, "runs_each": runs // number})),
    ):
        found = []
        for load in loads:
            with glue_with(load) as glue:
                target = watching_runs(glue, load) if "runs" in load else watching_views(glue)
                with exporter(target) as program:
                    all_read(program)
                    time.sleep(INTERVAL + 1)
                    found.append(resident_bytes(program.pid))
        each = (found[1] - found[0]) / (runs - few)
        yield Line(
            f"memory per settled run at {runs:,}, {what}", f"{found[1] / 1e6:,.0f} MB",
            f"{few:,} runs {found[0] / 1e6:,.0f} MB", each, 1500, unit=" bytes",
        )  # fmt: skip


def _is_up(program: Program) -> bool:
    return re.search(r"^glue_mv_exporter_target_up{.*} 1$", exposition(program), re.MULTILINE) is not None
