"""The naive exporter as a program: ``python -m benchmarks.naive_server LOAD``; prints its port."""

import json
import signal
import sys

from prometheus_client import start_http_server

from benchmarks.glue import load_records
from benchmarks.naive import NaiveExporter


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
