"""Asks for the status page and its data without a socket, and scenes to ask about."""

import html
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.routing import BaseRoute

from exporter.errors import GlueError, Reason
from exporter.metrics.exposition import accepts_gzip
from exporter.store.store import Store
from exporter.web.app import make_app
from exporter.web.pages import status_routes
from exporter.web.status import Reading, read_status
from tests.support.clock import ManualClock
from tests.support.status_scene import Scene, refresh, view
from tests.support.store_bench import target
from tests.support.web import Client

HOSTILE = '"><script>alert(1)</script>\u202e\x1b[31m\u0000{{ 7*7 }}&amp;'
RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and that of each row of its tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.rows: dict[str, list[str]] = {}
        """By the ID of the table; those of its head aside."""
        self._cells: list[str] = []
        self.feed(page)
        self.text = " ".join(self.text.split())
        self.rows = {name: [" ".join(row.split()) for row in rows[1:]] for name, rows in self.rows.items()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.elements.append((tag, known))
        if tag == "table":
            self._cells = self.rows.setdefault(known.get("id", "").removesuffix("-table"), [])
        elif tag == "tr":
            self._cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "
        if self._cells:
            self._cells[-1] += data

    def all(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def those(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [known for name, known in self.elements if name == tag and attributes.items() <= known.items()]


def views_on_page(page: str) -> dict[str, set[str]]:
    """Return what stands by itself in each row of the table of views, the tags of its states among it."""
    table = page.partition('id="views-table"')[2].partition("</table>")[0]
    found = {}
    for row in table.split('<tr role="row">')[2:]:
        name = re.search(r"#runs[^>]*><bdi>([^<]*)</bdi>", row)
        assert name, row
        lines = re.sub(r"<[^>]*>", "\n", row).splitlines()
        found[html.unescape(name[1])] = {line.strip() for line in lines}
    return found


class Watched(Protocol):
    """What is shown: a store, and the clock that it is shown at."""

    store: Store
    clock: ManualClock


class Browser(Client):
    """Asks the application without a socket."""

    def __init__(self, scene: Watched, *, more: Sequence[BaseRoute] = ()) -> None:
        self._scene = scene
        pages = [*status_routes(self._read, accepts_gzip), *more]
        unused: Any = None
        super().__init__(make_app(scrape=unused, trouble=unused, ready=unused, pages=pages))

    def _read(self) -> Reading:
        return read_status(self._scene.store, self._scene.clock.time())

    def page(self, url: str = "/") -> Page:
        answer = self.get(url)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def status(self, url: str = "/api/v1/status") -> dict[str, Any]:
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
    scene = Scene(target("prod", "sales.*", "none.*", "missing"))
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
    scene = Scene(target("prod", "*.*", "<b>.*", "plain"))
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
