"""A thread per target that polls it at its times, and the watchdog's view of them and of the resyncs."""

import math
import threading
import zlib
from collections.abc import Callable
from functools import partial

from exporter.clock import Clock
from exporter.model.reader import CatalogReader
from exporter.model.settings import Settings, Target
from exporter.poller.listing import Polling
from exporter.poller.poll import TargetPoll
from exporter.poller.workers import TICK
from exporter.store.series import RequestStats
from exporter.store.store import Store

STUCK_AFTER = 60.0
"""Seconds without a heartbeat after which a target's job counts as stuck."""

ReaderFactory = Callable[[Target, RequestStats, threading.Event], CatalogReader]
"""Makes the reader of a target; the event is set when the target is no longer polled."""


def first_gap(target: str, interval: float) -> float:
    """Return the seconds between a target's first two polls: half an interval to a whole one.

    All targets are polled at once when the program starts, and spread over the interval from then
    on; the same name always gives the same place.
    """
    return interval * (0.5 + 0.5 * zlib.crc32(target.encode()) / 2**32)


class Scheduler:
    """Starts and stops the targets' threads, and reports whether they are alive."""

    def __init__(self, store: Store, readers: ReaderFactory, clock: Clock) -> None:
        self._store = store
        self._readers = readers
        self._clock = clock
        self._threads: dict[str, TargetThread] = {}
        self._lock = threading.Lock()

    def configure(self, settings: Settings) -> None:
        """Poll these targets from now on, at once. One that asks Glue for the same as before goes on."""
        with self._lock:
            wanted = {target.name: target for target in settings.targets}
            for name, thread in list(self._threads.items()):
                target = wanted.get(name)
                # Before the store knows of the new target by this name: what the old one read is not its.
                if target is None or _asks_for(target) != _asks_for(thread.polling.target):
                    thread.end()
                    del self._threads[name]
            try:
                self._store.configure(settings)
            finally:  # also where what has changed could not be published: the next commit does it
                for thread in self._threads.values():
                    thread.wake.set()
                for name, target in wanted.items():
                    if name not in self._threads:
                        thread = TargetThread(self._poll(target, threading.Event()))
                        thread.thread.start()  # before it is watched: until then it looks dead
                        self._threads[name] = thread

    def poll_once(
        self, settings: Settings, report: Callable[[], object] = lambda: None, *, tables: bool = True
    ) -> None:
        """Poll every target once, all at the same time; return when all have ended, and report until then.

        Each waits for its first resync to be complete, however long that takes. Without ``tables`` no tables
        are read: views are known by their runs. In the main thread KeyboardInterrupt ends the waiting.
        """
        self._store.configure(settings)
        never = threading.Event()
        threads = [
            threading.Thread(
                target=partial(self._poll(target, never, tables=tables).run, first_resync_within=math.inf),
                args=(lambda: None,),
                daemon=True,
            )
            for target in settings.targets
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                # Not for longer: a signal that comes to another thread is noticed when this wait ends.
                thread.join(TICK)
                report()

    def stop(self, seconds: float) -> bool:
        """End all polling; wait ``seconds`` at most for commits under way. Return whether all ended."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.end()
        deadline = self._clock.monotonic() + seconds
        for thread in threads:
            thread.thread.join(max(0.0, deadline - self._clock.monotonic()))
        return not any(thread.thread.is_alive() for thread in threads)

    def trouble(self) -> str | None:
        """Return why polling is not alive, in one line; None while it is."""
        now = self._clock.monotonic()
        # Not under the lock: a reload may hold it for long, and health must answer then, too.
        for name, thread in self._threads.copy().items():
            if thread.polling.stop.is_set():
                continue
            if not thread.thread.is_alive():
                return f"the poll loop of target {name} has died"
            if (late := now - thread.expected) > 0:
                return f"the poll loop of target {name} has been stuck for {late + STUCK_AFTER:.0f} s"
            if (silent := now - thread.poll.resync.heartbeat) > STUCK_AFTER:
                return f"the resync of target {name} has been stuck for {silent:.0f} s"
        return None

    def _poll(self, target: Target, stop: threading.Event, *, tables: bool = True) -> TargetPoll:
        reader = self._readers(target, self._store.requests(target.name), stop)
        return TargetPoll(Polling(target, reader, self._store, self._clock, stop, tables=tables))


def _asks_for(target: Target) -> tuple[object, ...]:
    """Return all that a poll and a resync are made for; run IDs are looked up at each poll."""
    return target.access, target.catalog_id, target.views, target.exclude_views, target.source_tables


class TargetThread:
    """The thread that polls one target until it is ended."""

    def __init__(self, poll: TargetPoll) -> None:
        self.poll, self.polling = poll, poll.polling
        self.wake = threading.Event()
        """Set: poll now, or look at ``stop``."""
        self._store, self._clock = poll.polling.store, poll.polling.clock
        self._heartbeat()
        name = f"poll {poll.polling.target.name}"
        self.thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def end(self) -> None:
        """Let the thread end as soon as it can."""
        self.polling.stop.set()
        self.wake.set()

    def _heartbeat(self) -> None:
        self.expected = self._clock.monotonic() + STUCK_AFTER
        """Monotonic seconds by which the next heartbeat is due."""

    def _loop(self) -> None:
        planned = self._clock.monotonic()
        gap = first_gap(self.polling.target.name, self._store.settings.poll_interval)
        while not self.polling.stop.is_set():
            self._heartbeat()
            self.poll.run(self._heartbeat)
            # The times that this poll overran are left out.
            planned += gap * (1 + max(0, (self._clock.monotonic() - planned) // gap))
            gap = self._store.settings.poll_interval
            self.expected = planned + STUCK_AFTER
            if self._clock.wait(self.wake, max(0.0, planned - self._clock.monotonic())):
                self.wake.clear()
                planned = self._clock.monotonic()
                # As at the start: all were woken at once, and are to be spread again.
                gap = first_gap(self.polling.target.name, gap)
