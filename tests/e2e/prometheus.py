"""A real Prometheus: one that scrapes a live exporter, or one on a recorded history."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.neighbours import running
from tests.e2e.program import wait_until
from tests.support.ports import free_port


@dataclass(frozen=True, slots=True)
class Prometheus:
    """The API of a running Prometheus."""

    url: str

    def api(self, path: str, **parameters: str | float) -> Any:
        """Return the data of an answer. Raises AssertionError with Prometheus' own words if it refuses."""
        asked = urllib.parse.urlencode(parameters, doseq=True)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{asked}", timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            with problem:
                raise AssertionError(f"{problem.read().decode()}: {parameters}") from None

    def query(self, expression: str) -> Any:
        """Return the instant vector of an expression."""
        return self.api("query", query=expression)["result"]

    def ready(self) -> bool:
        """Tell whether it serves queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def prometheus(
    folder: Path, scraped_port: int | None = None, *, blocks: Path | None = None, **more: Any
) -> Iterator[Prometheus]:
    """Run Prometheus to scrape an exporter, or on these blocks; with more of a configuration."""
    folder.mkdir(exist_ok=True)
    if blocks is not None:
        shutil.copytree(blocks, folder / "data")
    targets = [] if scraped_port is None else [{"targets": [f"127.0.0.1:{scraped_port}"]}]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "glue", "static_configs": targets}],
    } | more
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    server = Prometheus(f"http://127.0.0.1:{port}")
    with running(
        folder,
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=debug",
    ):
        wait_until(server.ready, 30, "Prometheus serves")
        yield server
