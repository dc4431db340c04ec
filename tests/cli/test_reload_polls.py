"""What a reload does to the polls of others, and what it must not wait for."""

import threading
from collections.abc import Iterator

import pytest

from exporter.model.settings import Target
from exporter.poller import Scheduler
from exporter.store.series import RequestStats, SeriesChanges
from exporter.store.store import Store
from tests.poller.bench import running, watch
from tests.support.clock import SAFETY_NET, ManualClock, eventually
from tests.support.reader import MemoryReader
from tests.support.store_bench import target


class Rig:
    """A scheduler over catalogs in memory, with a listener that can be held up."""

    def __init__(self) -> None:
        self.clock = ManualClock(held=True)
        self.go_on = threading.Event()
        self.go_on.set()
        self.held_up = threading.Event()
        self.store = Store(self.clock, [self._listen])
        self.scheduler = Scheduler(self.store, _reader, self.clock)

    def _listen(self, _: SeriesChanges) -> None:
        if not self.go_on.is_set():
            self.held_up.set()
            self.go_on.wait(SAFETY_NET)


def _reader(wanted: Target, _requests: RequestStats, _stop: threading.Event) -> MemoryReader:
    return MemoryReader(map(running, wanted.run_ids))


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.go_on.set()
    assert rig.scheduler.stop(SAFETY_NET)


def test_targets_are_spread_over_the_interval_again_after_a_reload(rig: Rig) -> None:
    """All are polled at once; from then on they must not always ask at the same moment."""
    targets = [target(f"account-{number}", f"run-{number}") for number in range(20)]
    rig.scheduler.configure(watch(*targets))
    rig.clock.await_waiters(20)
    rig.clock.advance(7.0)
    rig.scheduler.configure(watch(*targets))
    now = rig.clock.time()
    eventually(lambda: all(state.series.last_poll_time == now for state in rig.store.targets()))
    times = rig.clock.await_waiters(20)
    assert max(times) - min(times) > 10.0


def test_health_answers_while_a_reload_waits(rig: Rig) -> None:
    """A question for health gets an answer, also where the store is held for long."""
    rig.scheduler.configure(watch(target("a", "1")))
    rig.clock.await_waiters()
    rig.go_on.clear()
    reload = threading.Thread(target=rig.scheduler.configure, args=(watch(target("b", "2")),), daemon=True)
    reload.start()
    assert rig.held_up.wait(SAFETY_NET)
    told: list[str | None] = []
    asking = threading.Thread(target=lambda: told.append(rig.scheduler.trouble()), daemon=True)
    asking.start()
    asking.join(5.0)
    assert told == [None], "the target that has just been ended is no trouble"
    rig.go_on.set()
    reload.join(SAFETY_NET)
