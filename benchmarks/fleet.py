"""A fleet: 5,000 views at the start and in a steady state, memory at 100,000 runs."""

import re
import time
from collections.abc import Iterator
from functools import partial

from benchmarks.lifelike import views
from benchmarks.processes import cpu_seconds, resident_bytes
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
