"""A real Prometheus: on a recorded history, or one that scrapes a live exporter."""

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.program import wait_until


@dataclass(frozen=True, slots=True)
class Prometheus:
    """The query API of a running Prometheus."""

    url: str

    def api(self, path: str, **parameters: str | float) -> Any:
        """Return the data of an answer. Raises AssertionError with Prometheus' own words if it refuses."""
        asked = urllib.parse.urlencode(parameters, doseq=True).encode()
        get = path.startswith("label/")  # the only ones that do not take a POST
        url = f"{self.url}/api/v1/{path}" + (f"?{asked.decode()}" if get else "")
        try:
            with urllib.request.urlopen(url, data=None if get else asked, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            with problem:
                raise AssertionError(f"{problem.read().decode()}: {parameters}") from None

    def ready(self) -> bool:
        """Tell whether it serves queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def prometheus(
    folder: Path, blocks: Path | None = None, scraped_port: int | None = None
) -> Iterator[Prometheus]:
    """Run Prometheus on these blocks, or to scrape an exporter. Leaving the ``with`` block stops it."""
    if blocks is not None:
        shutil.copytree(blocks, folder / "data")
    targets = [] if scraped_port is None else [{"targets": [f"127.0.0.1:{scraped_port}"]}]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "demo", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        wait_until(server.ready, 30, f"Prometheus serves: {(folder / 'log').read_text()}")
        yield server
    finally:
        process.terminate()
        process.wait(20)
