"""One poll of the naive exporter, measured: ``python -m benchmarks.naive_polling ENDPOINT RECORDS``."""

import json
import sys
import time
from pathlib import Path

from benchmarks.naive import NaiveExporter
from benchmarks.processes import resident_bytes


def main(endpoint: str, records: str) -> None:
    """Poll some of the runs, and then all of them."""
    run_ids = [record["MaterializedViewRefreshTaskRunId"] for record in json.loads(Path(records).read_text())]
    exporter = NaiveExporter()
    few = len(run_ids) // 10
    exporter.poll(endpoint, run_ids[:few])
    before = resident_bytes("self")
    cpu = time.process_time()
    exporter.poll(endpoint, run_ids)
    print(
        json.dumps(
            {
                "cpu_per_poll": time.process_time() - cpu,
                "bytes_per_run": (resident_bytes("self") - before) / (len(run_ids) - few),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
