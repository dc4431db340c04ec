"""The exporter that one writes first: ``python -m benchmarks.naive LOAD``; prints its port.

It has the series of this exporter, and a ``Gauge`` for each of them.
"""

import json
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from benchmarks.glue import load_records
from benchmarks.lifelike import ACCOUNT, REGION

_RUN = ("aws_region", "catalog_id", "database", "table", "run_id")
_STATUSES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")
_PREFIX = "glue_mv_refresh_run_"
_VALUES = {
    "DPUSeconds": "dpu_seconds",
    "ProcessedBytes": "processed_bytes",
    "CreationTime": "creation_timestamp_seconds",
    "StartTime": "start_timestamp_seconds",
    "EndTime": "end_timestamp_seconds",
    "LastUpdated": "last_updated_timestamp_seconds",
}


class NaiveExporter:
    """Takes what Glue reports of runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._up = self._gauge("up", ("aws_region", "catalog_id", "run_id"))
        self._status = self._gauge("status", (*_RUN, "status"))
        self._duration = self._gauge("duration_seconds", _RUN)
        self._info = self._gauge("info", (*_RUN, "refresh_type", "role", "customer_id"))
        self._values = {member: self._gauge(name, _RUN) for member, name in _VALUES.items()}

    def take_in(self, record: Mapping[str, Any]) -> None:
        """Set the gauges of one run."""
        labels = (
            REGION,
            ACCOUNT,
            record["DatabaseName"],
            record["TableName"],
            record["MaterializedViewRefreshTaskRunId"],
        )
        self._up.labels(REGION, ACCOUNT, labels[-1]).set(1)
        for status in _STATUSES:
            self._status.labels(*labels, status).set(int(status == record["Status"]))
        for member, gauge in self._values.items():
            if member in record:
                gauge.labels(*labels).set(record[member])
        if "EndTime" in record:
            self._duration.labels(*labels).set(record["EndTime"] - record["StartTime"])
        self._info.labels(*labels, record["RefreshType"], record["Role"], record["CustomerId"]).set(1)

    def _gauge(self, name: str, labels: Iterable[str]) -> Gauge:
        return Gauge(_PREFIX + name, name, labels, registry=self.registry)


def main(load: dict[str, int]) -> None:
    """Serve until SIGTERM, as prometheus_client's documentation shows it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    exporter = NaiveExporter()
    for record in load_records(load):
        exporter.take_in(record)
    server, _ = start_http_server(0, addr="127.0.0.1", registry=exporter.registry)
    print(server.server_port, flush=True)
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
