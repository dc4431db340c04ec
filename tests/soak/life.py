"""Days of an exporter in minutes: its own store, poller and exposition, on a clock that is moved on.

Real are the polls (what is asked for, and when listings are read to the end), the state on disk with restarts
and reloads, and the text that is scraped. Stand-ins are the clock, and Glue with the client that reads it.
"""

import math
import random
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from exporter.errors import Reason
from exporter.metrics.exposition import Exposition
from exporter.model.settings import Access, Settings, Target
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.store.retention import REMEMBERED
from exporter.store.storage import FILE_NAME
from exporter.store.store import Store
from tests.soak.course import VANISHING, course, delays
from tests.soak.history import Spool
from tests.soak.world import DAY, HOUR, RETENTION, World, WorldReader
from tests.support.clock import ManualClock
from tests.support.reader import ACCOUNT
from tests.support.store_bench import FullDisk, views

FIRST_START = 12 * HOUR
"""Unix time: promtool's tests begin at 0, and views have a past."""
AGEING = 4 * HOUR
"""Seconds between two polls of the days after the last one."""
OBLIVION = REMEMBERED + RETENTION + 2 * AGEING
"""Seconds after its creation by which a run is forgotten, unless it is shown: each step shows at a poll."""
POLL_INTERVAL = 240.0
"""Seconds between two polls, and between two scrapes."""
SILENT_FAULTS = (Reason.UNAVAILABLE, Reason.TIMEOUT, Reason.UNEXPECTED)
"""What a single poll may fail with, without any alert."""
BYTES_A_RUN = 1500
"""That a run which is remembered may take in memory."""
KEPT_OF_A_VIEW = 4
"""Runs: the newest, the last success, the last failure, and one in progress."""
ROOM_ON_DISK = 1.1
"""So much may the database grow: free pages are used again, some of them not fully."""
REST = 8 * HOUR
"""After the last day nothing new starts, so that in the end all is counted. Nobody scrapes it."""


@dataclass
class Soak:
    """The whole of it."""

    folder: Path
    views: int
    days: float
    seed: int = 7
    hidden: frozenset[str] = frozenset()
    """Tables to leave out of the history: of thousands of views not all can be looked at."""
    besides: list[int] = field(default_factory=list)
    """Resident bytes, once an hour, without the runs that are remembered: until some are forgotten, they are
    more every hour."""
    starts: int = 0
    reloads: int = 0
    faults: int = 0
    faulty: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 (a seeded course of events)
        self.folder.mkdir()
        self.history = Spool(self.folder / "scrapes", self.hidden)
        self.clock = ManualClock(FIRST_START)
        self.worlds = {
            "prod": World("prod", "eu-west-1", self.views, FIRST_START, self.seed),
            "lake": World("lake", "us-east-1", 15, FIRST_START, self.seed + 1),
        }
        self.incidents = course(self.worlds["prod"], self.worlds["lake"], self.days)
        everyone = {view.table: view for world in self.worlds.values() for view in world.views}
        for incident in self.incidents:
            if incident.subject in everyone:
                span = (incident.kind, FIRST_START + incident.begin, FIRST_START + incident.end)
                everyone[incident.subject].incidents.append(span)
        self._start()

    @property
    def settings(self) -> Settings:
        """Two targets; every other reload adds a pattern that matches nothing new."""
        more = ("database_9.*",) if self.reloads % 2 else ()
        return Settings(
            targets=(
                Target(
                    name="prod",
                    access=Access(aws_region=self.worlds["prod"].region),
                    catalog_id=ACCOUNT,
                    views=views("*.*", *more),
                ),
                Target(
                    name="lake",
                    access=Access(aws_region=self.worlds["lake"].region),
                    catalog_id=ACCOUNT,
                    views=views("database_*.*", "database_0.nowhere"),
                ),
            ),
            poll_interval=POLL_INTERVAL,
            resync_interval=HOUR,
            runs_per_view=0,
        )

    def live(self) -> None:
        for tick in range(round((self.days * DAY + REST) / POLL_INTERVAL)):
            self._step(tick)
        self.incidents += [late for world in self.worlds.values() for late in delays(world, FIRST_START)]

    def go_on(self) -> list[str]:
        """Live on under an even load until every run of the days is forgotten; return where the state grows.

        Nobody scrapes. Polls are rare; each finds more, and none misses a run.
        """
        self._rest(resting=False)
        self._age(OBLIVION + DAY)
        wrong, sizes = [], []
        for _ in range(2):
            before = self.ended()
            self._age(OBLIVION)
            sizes.append(self.file.stat().st_size)
            rows, new = self.rows(), self.ended() - before
            if rows > new + KEPT_OF_A_VIEW * self.views_in_all:
                wrong.append(f"{rows} runs are remembered, of {self.views_in_all} views with {new} new runs")
        if sizes[1] > sizes[0] * ROOM_ON_DISK:
            wrong.append(f"under an even load the database grew from {sizes[0]} to {sizes[1]} bytes")
        self._rest(resting=True)
        self._age(REST)  # what ended last is told late
        return wrong

    def _rest(self, *, resting: bool) -> None:
        for world in self.worlds.values():
            world.resting = resting

    def _age(self, seconds: float) -> None:
        for _ in range(round(seconds / AGEING)):
            self.clock.advance(AGEING)
            for world in self.worlds.values():
                world.advance(self.clock.time())
            for name in self.polls:
                self._poll(name)

    @property
    def views_in_all(self) -> int:
        return sum(len(world.views) for world in self.worlds.values())

    def ended(self) -> int:
        ledgers = (world.ledger.items() for world in self.worlds.values())
        return round(sum(value for key, value in chain(*ledgers) if key.name == "runs_total"))

    def rows(self) -> int:
        with closing(sqlite3.connect(self.file)) as connection:
            return int(connection.execute("SELECT count(*) FROM records WHERE kind = 'runs'").fetchone()[0])

    @property
    def file(self) -> Path:
        return self.folder / "state" / FILE_NAME

    def now(self) -> float:
        return self.clock.time() - FIRST_START

    def under_way(self, kind: str, subject: str = "") -> bool:
        return any(
            i.kind == kind and i.subject == subject and i.begin <= self.now() < i.end for i in self.incidents
        )

    def _start(self) -> None:
        self.starts += 1
        self.exposition = Exposition(self.clock, process_metrics=False)
        self.storage, rows = FullDisk.open(self.folder / "state")
        self.store = Store(self.clock, [self.exposition.apply], self.storage, rows)
        self.refused = False
        """Whether the last configuration that was read was invalid."""
        self.store.configure(self.settings)
        self.readers = {
            name: WorldReader(world, self.store.requests(name)) for name, world in self.worlds.items()
        }
        self.polls = {
            target.name: TargetPoll(
                Polling(target, self.readers[target.name], self.store, self.clock, threading.Event())
            )
            for target in self.settings.targets
        }

    def _step(self, tick: int) -> None:
        self.clock.advance(POLL_INTERVAL)
        for name, world in self.worlds.items():
            world.resting = self.now() > self.days * DAY
            vanished = self.under_way("vanished", name)
            world.dropped = {view.table for view in world.views[-VANISHING:]} if vanished else set()
            world.advance(self.clock.time())
        away = self.under_way("away")
        if not away:
            self._happen(tick)
            for name in self.polls:
                self._poll(name)
        if self.now() <= self.days * DAY:
            index = round(self.clock.time() / POLL_INTERVAL)
            self.history.add(index, None if away else self.exposition.scrape().body())
        if tick % round(HOUR / POLL_INTERVAL) == 0:
            self.besides.append(resident() - BYTES_A_RUN * self.rows())

    def _happen(self, tick: int) -> None:
        """Restart, reload, fill the disk."""
        full = self.under_way("full disk")
        self.storage.full = full
        if tick and not full and self.dice.random() < POLL_INTERVAL / (6 * HOUR):
            self.store.close()
            self._start()
        # While the file is invalid nothing is reloaded; once it is fixed, it is read again.
        bad = self.under_way("bad configuration")
        if self.dice.random() < POLL_INTERVAL / (8 * HOUR) and not bad:
            self.reloads += 1
            self.store.configure(self.settings)
            self.store.note_reload(successful=True)
        if bad != self.refused:
            self.refused = bad
            self.store.note_reload(successful=not bad)

    def _poll(self, name: str) -> None:
        if self.under_way("halted", name):
            return
        reader = self.readers[name]
        reader.failing, reader.share = None, 1.0
        if self.now() <= self.days * DAY and self.dice.random() < 0.01 and not self.faulty.get(name):
            reader.failing = self.dice.choice(SILENT_FAULTS)
            self.faults += 1
        self.faulty[name] = reader.failing is not None  # twice in a row would be an incident
        for kind, reason, share in (
            ("down", Reason.UNAVAILABLE, 1.0),
            ("denied", Reason.ACCESS_DENIED, 1.0),
            ("throttled", Reason.THROTTLED, 0.7),
        ):
            if self.under_way(kind, name):
                reader.failing, reader.share = reason, share
        self.polls[name].run(lambda: None)
        # In this clock no time passes until the resync has ended, too.
        self.polls[name].resync.wait(math.inf, lambda: None)


def resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status tells no VmRSS")
