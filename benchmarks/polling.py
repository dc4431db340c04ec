"""What polling costs: both exporters as programs, against a bare Glue in a process of its own."""

import contextlib
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.lifelike import ACCOUNT, REGION, records
from benchmarks.processes import cpu_seconds, fetch, resident_bytes, run_json, running

INTERVAL = 5
"""Seconds between polls: the shortest that the exporter allows."""
POLLS = 4
ACTIVE_SHARE = 100
"""One run of so many goes on; the others are settled."""

Figures = Mapping[str, float]


def measure(runs: int) -> tuple[Figures, Figures]:
    """Return the figures of this exporter and of the naive one: CPU and calls per poll, memory per run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.json"
        file.write_text(json.dumps(list(records(runs, active=runs // ACTIVE_SHARE))))
        with _bare_glue(file) as endpoint:
            naive = run_json("benchmarks.naive_polling", endpoint, str(file))
            naive["calls_per_poll"] = _calls(endpoint) - runs // 10
            few = _ours(endpoint, file, runs=runs // 10)
            ours = _ours(endpoint, file, runs=runs)
    # Against the same program with fewer runs: what every process needs belongs to no run.
    ours["bytes_per_run"] = (ours.pop("resident") - few["resident"]) / (runs - runs // 10)
    return ours, naive


def _ours(endpoint: str, file: Path, *, runs: int) -> dict[str, float]:
    """Watch the first ``runs`` of the records."""
    run_ids = [record["MaterializedViewRefreshTaskRunId"] for record in json.loads(file.read_text())][:runs]
    config = file.with_name("config.yaml")
    target = {
        "name": "benchmark",
        "aws_region": REGION,
        "catalog_id": ACCOUNT,
        "endpoint_url": endpoint,
        "max_requests_per_second": 1000,
        "runs": run_ids,
    }
    config.write_text(json.dumps({"poll_interval": f"{INTERVAL}s", "targets": [target]}))  # JSON is YAML
    address = f"127.0.0.1:{_free_port()}"
    flags = ("--config.file", str(config), "--web.listen-address", address, "--log.level", "error")
    with running("exporter", "serve", *flags) as process:
        metrics = f"http://{address}/metrics"
        _until(lambda: _all_fetched(process, metrics), seconds=600)
        time.sleep(INTERVAL)
        fetch(f"{endpoint}/calls", "DELETE")
        cpu = cpu_seconds(process.pid)
        time.sleep(POLLS * INTERVAL)
        return {
            "cpu_per_poll": (cpu_seconds(process.pid) - cpu) / POLLS,
            "calls_per_poll": _calls(endpoint) / POLLS,
            "resident": resident_bytes(process.pid),
        }


def _all_fetched(process: "subprocess.Popen[str]", metrics: str) -> bool:
    """Tell whether every run has been read, and so all that ended are settled."""
    if process.poll() is not None:
        raise ChildProcessError("the exporter has ended")
    try:
        text = fetch(metrics).decode()
    except urllib.error.URLError:
        return False
    return 'target_runs{target="benchmark",state="unfetched"} 0\n' in text


def _until(fulfilled: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not fulfilled():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.5)


@contextlib.contextmanager
def _bare_glue(file: Path) -> Iterator[str]:
    with running("tests.support.bare_glue", "--records", str(file), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _calls(endpoint: str) -> int:
    return sum(json.loads(fetch(f"{endpoint}/calls")).values())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
