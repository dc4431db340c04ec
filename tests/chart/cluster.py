"""As much of an API server as Helm needs for a release. It stores objects and records patches."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.chart.charts import Manifest

APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"
KINDS = {
    "/api/v1": {
        "secrets": "Secret", "configmaps": "ConfigMap", "services": "Service",
        "serviceaccounts": "ServiceAccount", "pods": "Pod",
    },
    "/apis/apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patch:
    """A change that Helm has asked for."""

    path: str
    query: dict[str, str]
    type: str
    body: Manifest


class Cluster:
    """The objects by their paths, and all patches."""

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[str, Manifest] = {}
        self.patches: list[Patch] = []

    def patch(self, patch: Patch) -> Manifest:
        """Change an object, or create it."""
        self.patches.append(patch)
        found = self.objects.get(patch.path, {})
        # What nobody else manages and an apply no longer names is removed: the applied object is the object.
        self.objects[patch.path] = patch.body if patch.type == APPLY else merged(found, patch.body)
        return self.objects[patch.path]


def merged(old: Any, change: Any) -> Any:
    """Return the outcome of a strategic merge patch, as far as the chart's objects need it."""
    if isinstance(change, dict) and isinstance(old, dict):
        found = dict(old)
        for key, value in change.items():
            if value is None:
                found.pop(key, None)
            elif not key.startswith("$"):
                found[key] = merged(old.get(key), value)
        return found
    if isinstance(change, list) and isinstance(old, list) and all("name" in one for one in [*old, *change]):
        new = {one["name"]: one for one in change}
        kept = [merged(one, new.pop(one["name"], {})) for one in old]
        return [*kept, *new.values()]
    return change


_PROTOBUF = b"k8s\x00"


def secret(raw: bytes) -> Manifest:
    """Read a Secret, in which Helm keeps a release, as its client sends those: in Protocol Buffers."""
    (content,) = _fields(raw.removeprefix(_PROTOBUF))[2]
    parts = _fields(content)
    metadata = _fields(parts[1][0])
    pairs = [[_fields(one) for one in found] for found in (metadata.get(11, []), parts.get(2, []))]
    labels, data = ({one[1][0].decode(): one[2][0] for one in found} for found in pairs)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": metadata[1][0].decode(),
            "labels": {key: value.decode() for key, value in labels.items()},
        },
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """Return the texts and messages in a message, by their numbers; what is a number is left out."""
    found: dict[int, list[bytes]] = {}
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            value |= (message[place] & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if message[place - 1] < 0x80:
                return value

    while place < len(message):
        key = number()
        length = number()
        if key & 7 == 2:
            found.setdefault(key >> 3, []).append(message[place : place + length])
            place += length
    return found


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def _answer(self, value: Manifest, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def _body(self) -> Manifest:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        found: Manifest = secret(raw) if raw.startswith(_PROTOBUF) else json.loads(raw)
        return found

    def do_GET(self) -> None:
        """Answer discovery, an object, or a list."""
        path = self._path
        if path == "/version":
            self._answer({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})
        elif path == "/api":
            self._answer({"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            version = {"groupVersion": "apps/v1", "version": "v1"}
            group = {"name": "apps", "versions": [version], "preferredVersion": version}
            self._answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})
        elif path in KINDS:
            resources = [
                {"name": name, "kind": kind, "namespaced": True, "verbs": ["get", "create", "patch"]}
                for name, kind in KINDS[path].items()
            ]
            name = path.removeprefix("/apis/").removeprefix("/api/")
            self._answer({"kind": "APIResourceList", "groupVersion": name, "resources": resources})
        elif path in self.cluster.objects:
            self._answer(self.cluster.objects[path])
        elif path.rpartition("/")[2] in {name for names in KINDS.values() for name in names}:
            items = [one for place, one in self.cluster.objects.items() if place.startswith(f"{path}/")]
            wanted = dict(pair.split("=") for pair in self._query.get("labelSelector", "").split(",") if pair)
            items = [one for one in items if wanted.items() <= one["metadata"].get("labels", {}).items()]
            self._answer({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": items})
        else:
            reason = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            self._answer(reason, HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Create an object."""
        body = self._body()
        self.cluster.objects[f"{self._path}/{body['metadata']['name']}"] = body
        self._answer(body, HTTPStatus.CREATED)

    def do_PUT(self) -> None:
        """Replace an object."""
        self.cluster.objects[self._path] = self._body()
        self._answer(self.cluster.objects[self._path])

    def do_PATCH(self) -> None:
        """Change an object."""
        patch = Patch(self._path, self._query, self.headers["Content-Type"], self._body())
        self._answer(self.cluster.patch(patch))


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Serve an empty cluster."""
    found = Cluster()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cluster": found}))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
