"""An exporter and the bare Glue that it watches, on one clock that a test moves; what shows from outside."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter.glue.client import ClientFactory
from exporter.metrics.exposition import Exposition as ServedExposition
from exporter.model.settings import Settings, Target, ViewPattern
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.store.storage import Storage
from exporter.store.store import Store
from tests.e2e.exposition import Exposition
from tests.support.bare_glue import BareGlue
from tests.support.clock import ManualClock
from tests.support.glue_clients import session_with, target
from tests.support.log import Log
from tests.support.status_browser import Browser

RATE = 1_000_000.0
Views = str | ViewPattern
"""Views to watch: ``database.table``, or in full."""


class WatchedGlue:
    """One target, polled when a test says so; with ``folder``, its state survives :meth:`restart`."""

    def __init__(self, glue: BareGlue, folder: Path | None, views: Sequence[Views], **members: Any) -> None:
        self.glue = glue
        self.clock = ManualClock()
        glue.now = self.clock.time
        self._folder = folder
        self._target: Target = replace(
            target(glue.url, rate=RATE),
            views=tuple(map(_pattern, views)),
            **members,
        )
        self.log = Log().take()
        self.restarting = False
        """Whether the program restarts before every poll."""
        self._start()

    def _start(self) -> None:
        storage, rows = Storage.open(self._folder) if self._folder else (None, None)
        self._exposition = ServedExposition(self.clock, process_metrics=False)
        self._lines = Log()
        self.store = Store(self.clock, [self._exposition.apply], storage, rows, self._lines)
        self._factory = ClientFactory(self.clock, session_factory=session_with())
        self._poll: TargetPoll | None = None
        self.store.configure(Settings(targets=(self._target,)))

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        self.store.close()
        self._factory.close()

    def poll(self) -> None:
        """Poll once, and let a resync that this begins come to its end."""
        if self.restarting:
            self.restart()
        stop = threading.Event()
        if self._poll is None:
            requests = self.store.requests(self._target.name)
            reader = self._factory.catalog(self._target, requests, stop)
            self._poll = TargetPoll(Polling(self._target, reader, self.store, self.clock, stop))
        for _ in range(2):  # the second one reads what changed while the resync went on
            self._poll.run(lambda: None, first_resync_within=math.inf)
            self._poll.resync.wait(math.inf, lambda: None)
        self.log += self._lines.take()

    def at(self, time: float) -> None:
        """Let the clock go on to this Unix time, by polls a quarter of an hour apart."""
        while (left := time - self.clock.time()) > 0:
            self.clock.advance(min(left, 900.0))
            self.poll()

    def scrape(self) -> str:
        return self._exposition.scrape().body().decode()

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the one series of ``glue_mv_…`` that has these labels; None: there is none."""
        return Exposition(self.scrape()).value(f"glue_mv_{name}", **labels)

    @property
    def status(self) -> dict[str, Any]:
        (item,) = Browser(self).status()["views"]["items"]
        return dict(item)

    def logged(self, message: str) -> list[dict[str, object]]:
        """Return the fields of the lines whose message contains this."""
        return [line.fields for line in self.log if message in line.message]


def _pattern(views: Views) -> ViewPattern:
    if isinstance(views, ViewPattern):
        return views
    database, table = views.split(".")
    return ViewPattern(database=database, table=table)


@contextmanager
def watched_glue(
    folder: Path | None = None, views: Sequence[Views] = ("sales.*",), **members: Any
) -> Iterator[WatchedGlue]:
    with BareGlue() as glue:
        watched = WatchedGlue(glue, folder, views, **members)
        try:
            yield watched
        finally:
            watched.close()
