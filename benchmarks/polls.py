"""What polls cost in CPU and calls, and settled runs in memory: programs against a bare Glue."""

import time
from collections.abc import Iterator, Sequence

from benchmarks.client import in_turn, totals
from benchmarks.processes import cpu_seconds, proportional_bytes, run_json
from benchmarks.programs import INTERVAL, PROMETHEUS, all_read, exporter, glue_with, watching_runs
from benchmarks.results import Line, milliseconds

POLLS = 3
GETS = 500


def cpu_and_calls(runs: int, active: int) -> Iterator[Line]:
    """Return what a poll costs while nothing runs, with some active runs, and with many."""
    per_poll: dict[int, float] = {}
    for number, calls_allowed in ((0, 0.0), (20, 20.0), (active, float(-(-runs // 1000)))):
        load = {"runs": runs, "active": number}
        with glue_with(load) as glue, exporter(watching_runs(glue, load)) as program:
            all_read(program)
            if number == active:
                gets = run_json("benchmarks.naive_polling", glue.url, str(GETS))
            # The first polls after the start may have been among them.
            time.sleep(INTERVAL)
            glue.forget_calls()
            cpu = cpu_seconds(program.pid)
            time.sleep(POLLS * INTERVAL)
            per_poll[number] = (cpu_seconds(program.pid) - cpu) / POLLS
            calls = glue.calls() / POLLS
        yield Line(
            f"calls per poll, {runs:,} runs of which {number:,} active", f"{calls:g}", f"naive {runs:,}",
            calls, min(calls_allowed, float(number)), unit="",
        )  # fmt: skip
    each = max(0.0, per_poll[active] - per_poll[0]) / active
    get = gets["cpu_per_get"]
    yield Line(
        "CPU per unsettled run and poll ÷ a Get through boto3",
        milliseconds(each), f"a Get {milliseconds(get)}",
        each / get, 0.05, unit="",
        details={"idle_poll": per_poll[0], "poll": per_poll[active], "active": active, "get": get},
    )  # fmt: skip


def memory(growth: Sequence[int], naive_runs: int) -> Iterator[Line]:
    """Return what a settled run takes beyond the same program that watches a single one.

    In the details, how memory, scrapes and the start grow with the runs.
    """
    found = {}
    for number in (1, *growth):
        load = {"runs": number}
        with glue_with(load) as glue, exporter(watching_runs(glue, load)) as program:
            all_read(program)
            time.sleep(INTERVAL + 1)
            resident = proportional_bytes(program.pid)
            scrapes = in_turn({"ours": program.port}, 30, **PROMETHEUS)["ours"]
            found[number] = {
                "resident": resident,
                "scrape": min(totals(scrapes)),
                "ready": program.ready_after,
            }
    runs, idle = max(growth), found[1]["resident"]
    each = (found[runs]["resident"] - idle) / (runs - 1)
    naive = run_json("benchmarks.naive_polling", "", str(naive_runs))["bytes_per_run"]
    yield Line(
        f"memory per settled run at {runs:,}", f"{each:,.0f} bytes", f"naive {naive:,.0f} bytes",
        each, 1024, unit=" bytes",
        details={"by_runs": {str(number): figures for number, figures in found.items()}, "naive": naive},
    )  # fmt: skip
