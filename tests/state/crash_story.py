"""A story of an exporter, with every write of it recorded.

:func:`main` belongs in a process of its own: SQLite is watched in all of it.
"""

import copy
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exporter.model.patterns import Name
from exporter.model.settings import Target
from tests.state.naive_model import DAY, Model
from tests.state.small_glue import Poll, SmallGlue, poll
from tests.state.watched_disk import Step, WatchedDisk
from tests.support.clock import START, ManualClock
from tests.support.store_bench import StoreBench, target

CONFIGURATIONS: tuple[tuple[Target, ...], ...] = (
    (target("prod", "sales.*", "hr.people"),),
    (target("first", "sales.orders"), target("second", "sales.*", "run-0", "run-9")),
)
NAMES: tuple[Name, ...] = (("sales", "orders"), ("sales", "returns"), ("hr", "people"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that the exporter did, with what was so before and after it."""

    name: str
    first_step: int
    """Of the steps that were made in it; the next act's is the end."""
    now: float
    configuration: int
    glue: SmallGlue
    before: Model
    """What should be known where nothing of this act is on disk."""
    after: Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The whole story."""

    folder: Path
    steps: list[Step]
    acts: list[Act]


@dataclass
class Story:
    """Tells it, and writes it down."""

    folder: Path
    steps: list[Step] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    glue: SmallGlue = field(default_factory=SmallGlue)
    model: Model = field(default_factory=Model)
    clock: ManualClock = field(default_factory=ManualClock)
    configuration: int = 0

    def tell(self) -> Record:
        self._disk = WatchedDisk(self._watch)
        self.glue.views = dict.fromkeys(NAMES, START - DAY)
        for number in range(3):
            self._end(self._start(number), dpu_seconds=5.0)
        self._act("the first start", self._open, self.model)
        self._load(0)
        self._poll()
        running = [self._start(number) for number in range(3)]
        self._poll()
        self._end(running[0], dpu_seconds=None)
        self._end(running[1], status="FAILED", dpu_seconds=2.0)
        self._poll()
        self.glue.change(running[0], dpu_seconds=8.5, processed_bytes=4096)
        self._end(running[2], status="STOPPED", dpu_seconds=1.0)
        self._poll()
        self.glue.forgotten.add(running[1])
        self._poll(after=4000.0)
        many = [self._start(number) for number in range(24)]
        for place, run_id in enumerate(many):
            self._end(run_id, status=["SUCCEEDED", "FAILED"][place % 2], dpu_seconds=place + 0.25)
        self._poll(order="oldest first")
        self._restart()
        self._poll(after=8 * DAY)
        self.glue.forgotten.update(many[:20])
        self._poll()
        self._poll(after=8 * DAY)
        self._load(1)
        self._end(self._start(1), dpu_seconds=3.0)
        self._poll()
        self._load(0)
        self._poll(listing="early")
        self._restart()
        self._end(self._start(0), dpu_seconds=7.0)
        self._poll()
        self._act("the end", self._bench.stop, self.model)
        return Record(folder=self.folder, steps=self.steps, acts=self.acts)

    def _watch(self, step: Step) -> int | None:
        """See each write before it is made; return an error of SQLite to refuse it."""
        self.steps.append(step)
        return None

    def _act(self, name: str, do: Callable[[], object], after: Model) -> None:
        act = Act(
            name=name,
            first_step=len(self.steps),
            now=self._now,
            configuration=self.configuration,
            glue=copy.deepcopy(self.glue),
            before=self.model.copy(),
            after=after.copy(),
        )
        self.acts.append(act)
        self.model = after
        do()

    @property
    def _now(self) -> float:
        return self.clock.time()

    def _open(self) -> None:
        self._bench = StoreBench(self.folder, self.clock)

    def _restart(self) -> None:
        self._act("a stop", self._bench.stop, self.model)
        self._act("a start", self._open, self.model)
        self.model = self.model.copy()
        self.model.begin_life()
        self._load(self.configuration)

    def _load(self, configuration: int) -> None:
        self.configuration = configuration
        after = self.model.copy()
        configure(after, configuration, self._now)
        self._act("a reload", lambda: load(self._bench, configuration), after)

    def _poll(self, after: float = 30.0, listing: str = "complete", order: str = "newest first") -> None:
        self.clock.advance(after)
        for one in CONFIGURATIONS[self.configuration]:
            watch = self._bench.store.watch(one.name)
            assert watch
            outcome = poll(self.glue, one, watch, Poll(listing=listing, order=order))
            known = self.model.copy()
            known.commit(outcome, self._now)
            self._act(f"a poll of {one.name}", partial(self._bench.commit, outcome), known)

    def _start(self, number: int) -> str:
        return self.glue.start(NAMES[number % len(NAMES)], self._now)

    def _end(self, run_id: str, *, dpu_seconds: float | None, status: str = "SUCCEEDED") -> None:
        self.glue.change(
            run_id,
            status=status,
            refresh_type="FULL",
            dpu_seconds=dpu_seconds,
            processed_bytes=1024,
            start_time=self._now - 45.0,
            end_time=self._now,
            last_updated=self._now,
        )


def load(bench: StoreBench, configuration: int) -> None:
    bench.configure(*CONFIGURATIONS[configuration])
    for one in CONFIGURATIONS[configuration]:
        assert one.catalog_id
        bench.store.catalog_known(one.name, one.catalog_id)


def configure(model: Model, configuration: int, now: float) -> None:
    model.configure(CONFIGURATIONS[configuration], 1, now)


def main() -> None:
    """Tell the story in the first argument's folder, and write what was recorded to the second's file."""
    Path(sys.argv[2]).write_bytes(pickle.dumps(Story(Path(sys.argv[1])).tell()))
