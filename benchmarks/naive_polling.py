"""The naive exporter's costs: ``python -m benchmarks.naive_polling ENDPOINT RUNS``; prints JSON.

With an endpoint, the CPU of a ``Get`` for each of so many runs; without one, the memory of a run.
"""

import json
import sys
import time

from benchmarks.lifelike import records
from benchmarks.naive import NaiveExporter
from benchmarks.processes import proportional_bytes


def main(endpoint: str, runs: int) -> None:
    """Measure one of both."""
    exporter = NaiveExporter()
    if endpoint:
        run_ids = [record["MaterializedViewRefreshTaskRunId"] for record in records(runs)]
        exporter.poll(endpoint, run_ids[:10])
        cpu = time.process_time()
        exporter.poll(endpoint, run_ids)
        print(json.dumps({"cpu_per_get": (time.process_time() - cpu) / runs}))
        return
    before = proportional_bytes("self")
    for record in records(runs):
        exporter.take_in(record)
    print(json.dumps({"bytes_per_run": (proportional_bytes("self") - before) / runs}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
