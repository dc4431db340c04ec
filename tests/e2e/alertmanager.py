"""A real Alertmanager with the shipped example of a configuration, and somebody who receives its messages."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.neighbours import running
from tests.e2e.program import wait_until
from tests.support.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.example.yml"


@dataclass(frozen=True, slots=True)
class Message:
    """What one webhook received at once."""

    receiver: str
    """The last part of the path: the name of the receiver in the example."""
    body: Mapping[str, Any]


class Webhook:
    """Receives on 127.0.0.1 what Alertmanager sends."""

    def __init__(self) -> None:
        received: list[Message] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.append(Message(self.path.strip("/"), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def alerts(self, status: str, **labels: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the received alerts with this status and these labels, each with its receiver."""
        return [
            (message.receiver, alert)
            for message in list(self.received)
            for alert in message.body["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]

    def told(self, **labels: str) -> list[tuple[str, int]]:
        """Return the messages that tell of firing alerts with these labels: receiver and how many each."""
        found = [
            (
                message.receiver,
                sum(
                    alert["status"] == "firing" and labels.items() <= alert["labels"].items()
                    for alert in message.body["alerts"]
                ),
            )
            for message in list(self.received)
        ]
        return [(receiver, number) for receiver, number in found if number]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class Alertmanager:
    """The API of a running Alertmanager."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"

    def alerts(self) -> list[dict[str, Any]] | None:
        """Return all alerts that it knows, the inhibited ones too; None while it does not serve yet."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts", timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)
                return found
        except (urllib.error.URLError, ConnectionError):
            return None

    def post(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Let it know of alerts with these labels."""
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
def alertmanager(folder: Path, webhook: Webhook, *, waits: str = "1s") -> Iterator[Alertmanager]:
    """Run it with the example as it is shipped, but quicker and to this webhook.

    ``waits``: how long it waits for more alerts on targets before it tells of one.
    """
    config = yaml.safe_load(EXAMPLE.read_text())
    config["route"] = _quicker(config["route"], {"30s": "1s", "2m": waits})
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{webhook.url}/{receiver['name']}"}]
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    manager = Alertmanager(free_port())
    with running(
        folder,
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={manager.address}",
        "--cluster.listen-address=",
    ):
        wait_until(lambda: manager.alerts() is not None, 30, "Alertmanager serves")
        yield manager
