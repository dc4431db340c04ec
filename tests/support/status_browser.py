"""Asks for the status page and its data without a socket, and scenes to ask about."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
from starlette.routing import BaseRoute

from exporter.errors import GlueError, Reason
from exporter.store.store import Store
from exporter.web.app import Site, make_app
from exporter.web.status_page import StatusPage
from exporter.web.status_snapshot import Reading, read_status
from tests.support.clock import ManualClock
from tests.support.status_scene import ABOUT, Scene, refresh, view, watching

HOSTILE = '"><script>alert(1)</script>\u202e\x1b[31m\u0000{{ 7*7 }}&amp;'
RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Watched(Protocol):
    """What is shown: a store, and the clock that it is shown at."""

    store: Store
    clock: ManualClock


class Browser:
    """Asks the application without a socket."""

    def __init__(self, scene: Watched, *, shard: str = "0/1", more: Sequence[BaseRoute] = ()) -> None:
        """``more``: routes beside the status page's."""
        self.reads = 0
        self._scene = scene
        page = StatusPage(self._read, replace(ABOUT, shard=shard))
        unused: Any = None
        self._app = make_app(Site(scrape=unused, trouble=unused, ready=unused, pages=[*page.routes, *more]))

    def _read(self) -> Reading:
        self.reads += 1
        return read_status(self._scene.store, self._scene.clock.time())

    def request(self, method: str, url: str, **headers: str) -> httpx.Response:
        """Send one request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
                return await client.request(method, url, headers=headers)

        return asyncio.run(send())

    def get(self, url: str) -> httpx.Response:
        """Ask for a page."""
        return self.request("GET", url)

    def status(self, url: str = "/api/v1/status") -> dict[str, Any]:
        """Return what the API tells."""
        answer = self.get(url)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = json.loads(answer.content)
        return document

    def rows(self, kind: str, **parameters: str) -> list[str]:
        """Return what these parameters show of ``views``, ``runs`` or ``targets``, by name or run ID."""
        items = self.status(f"/api/v1/status?{urlencode(parameters)}")[kind]["items"]
        if kind == "views":
            return [f"{item['database']}.{item['table']}" for item in items]
        return [item["run_id" if kind == "runs" else "target"] for item in items]


def small_scene() -> Scene:
    """Return a small scene with one of each."""
    scene = Scene(watching("prod", "sales.*", "none.*", run_ids=("missing",)))
    scene.poll(
        "prod",
        (view("sales.orders"), view("sales.stock")),
        (
            refresh(RUN_ID, "sales.orders", status="FAILED", error_message="Access Denied", role="arn:x"),
            refresh("ok", "sales.stock"),
        ),
        errors={"missing": GlueError(Reason.NOT_FOUND, "unknown", operation="Get")},
    )
    return scene


def hostile_scene() -> Scene:
    """Return a scene where AWS says nothing but mischief."""
    scene = Scene(watching("prod", "*.*", "<b>.*", run_ids=("plain",)))
    hostile = refresh(
        HOSTILE,
        f"{HOSTILE.replace('.', '')}.{HOSTILE}",
        status=HOSTILE,
        refresh_type=HOSTILE,
        error_message=HOSTILE * 20,
        role=HOSTILE,
    )
    failed = refresh("plain", "a.b", status="FAILED", error_message=f"{HOSTILE}\r\nmore")
    assert hostile.database
    assert hostile.table
    name = f"{hostile.database}.{hostile.table}"
    scene.poll("prod", (view(name), view("a.b")), (hostile, failed))
    scene.poll("prod", error=GlueError(Reason.UNEXPECTED, HOSTILE, operation="GetTables"))
    return scene
