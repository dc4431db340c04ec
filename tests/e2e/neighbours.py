"""The exporter's neighbours: a real Prometheus, a real Alertmanager, and who receives its messages."""

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.e2e.program import Program, wait_until
from tests.support.ports import held_port
from tools.render_rules import RENDERED

EXAMPLE = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.example.yml"


@contextmanager
def running(folder: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server with its ``log`` in this folder. Leaving the ``with`` block stops it.

    Raises AssertionError with the log where it has ended by itself.
    """
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)


class Prometheus(NamedTuple):
    """The API of a running Prometheus."""

    url: str
    pid: int

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
        return self.api("query", query=expression)["result"]

    def firing(self, alert: str) -> list[Mapping[str, str]]:
        found = [one["labels"] for one in self.api("alerts")["alerts"] if one["state"] == "firing"]
        return [labels for labels in found if labels["alertname"] == alert]

    def await_ready(self) -> None:
        wait_until(lambda: _answer(f"{self.url}/-/ready") is not None, 90, "Prometheus serves")


def _answer(url: str) -> bytes | None:
    """Return what is answered; None while nobody serves there, or not yet."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: bytes = answer.read()
            return found
    except (urllib.error.URLError, ConnectionError):
        return None


@contextmanager
def prometheus(
    folder: Path, scraped_port: int | None = None, *flags: str, blocks: Path | None = None, **more: Any
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
    with (
        held_port() as port,
        running(
            folder,
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *flags,
        ) as process,
    ):
        server = Prometheus(f"http://127.0.0.1:{port}", process.pid)
        server.await_ready()
        yield server


@contextmanager
def watched_demo(folder: Path) -> Iterator[tuple[Program, Prometheus]]:
    """Run the demo, and a Prometheus that scrapes it and evaluates the shipped rules every second."""
    intervals = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    rules: dict[str, Any] = {"rule_files": [str(RENDERED)], "global": intervals}
    with (
        Program(folder / "demo", ("demo",)) as program,
        prometheus(folder / "prometheus", program.port, **rules) as server,
    ):
        yield program, server


class Webhook:
    """Receives on 127.0.0.1 what Alertmanager sends."""

    def __init__(self) -> None:
        received: list[tuple[str, Sequence[Mapping[str, Any]]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.append((self.path.strip("/"), body["alerts"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._received = received
        """The receiver, as the example names it, and the alerts of each message."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def alerts(self, status: str, **labels: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the received alerts with this status and these labels, each with its receiver."""
        return [
            (receiver, alert)
            for receiver, alerts in list(self._received)
            for alert in alerts
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]

    def messages(self, **labels: str) -> list[tuple[str, int]]:
        """Return receiver and number of alerts of each message with firing alerts that have these labels."""
        numbers = []
        for receiver, alerts in list(self._received):
            firing = [alert["labels"] for alert in alerts if alert["status"] == "firing"]
            numbers.append((receiver, sum(labels.items() <= found.items() for found in firing)))
        return [(receiver, number) for receiver, number in numbers if number]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Alertmanager(NamedTuple):
    """The API of a running Alertmanager."""

    address: str

    def inhibited(self) -> Mapping[frozenset[tuple[str, str]], bool]:
        """Return the labels of each alert that it knows, and whether another one holds it back."""
        known = json.loads(_answer(f"http://{self.address}/api/v2/alerts") or b"[]")
        return {frozenset(one["labels"].items()): bool(one["status"]["inhibitedBy"]) for one in known}

    def post(self, alerts: Sequence[Mapping[str, str]]) -> None:
        body = json.dumps([{"labels": labels} for labels in alerts]).encode()
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()


def _quicker(route: Mapping[str, Any], waits: Mapping[str, str]) -> dict[str, Any]:
    """Return a route, and those within it, with other waits for more alerts of a group."""
    changed = {**route, "group_interval": "1s"}
    if "group_wait" in route:
        changed["group_wait"] = waits[route["group_wait"]]
    if "routes" in route:
        changed["routes"] = [_quicker(one, waits) for one in route["routes"]]
    return changed


@contextmanager
def alertmanager(folder: Path, webhook: str, *, waits: str = "1s") -> Iterator[Alertmanager]:
    """Run it with the example as it is shipped, but quicker and to this webhook.

    ``waits``: how long it waits for more alerts on targets before it tells of one.
    """
    config = yaml.safe_load(EXAMPLE.read_text())
    config["route"] = _quicker(config["route"], {"30s": "1s", "2m": waits})
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}"}]
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with (
        held_port() as port,
        running(
            folder,
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ),
    ):
        ready = f"http://127.0.0.1:{port}/-/ready"
        wait_until(lambda: _answer(ready) is not None, 90, "Alertmanager serves")
        yield Alertmanager(f"127.0.0.1:{port}")
