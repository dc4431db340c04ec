"""Any sequence of polls, ends, late figures, crashes and reloads gives the counts of the naive model."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exporter.model.patterns import Name
from exporter.model.run import Run, run_key
from exporter.model.settings import Target
from exporter.store.results import Scope
from tests.state.naive_model import DAY, Counts, Figures, Model, shown_counts
from tests.state.small_glue import Poll, SmallGlue, list_runs, poll
from tests.support.clock import START
from tests.support.reader import ACCOUNT
from tests.support.store_bench import StoreBench, target

pytestmark = pytest.mark.timeout(400)  # it keeps a processor busy for half a minute, if it has one for itself

NAMES = (("sales", "orders"), ("sales", "returns"), ("hr", "people"))
CONFIGURED = ("run-0", "run-1")
"""Runs that some configurations name by their IDs."""
CONFIGURATIONS: tuple[tuple[tuple[Target, ...], int], ...] = (
    ((target("prod", "sales.*", "hr.people"),), 1),
    ((target("prod", "*.*", *CONFIGURED),), 2),
    ((target("renamed", "sales.*"),), 0),
    ((target("first", "sales.orders"), target("second", "sales.*", "hr.*")), 1),
    ((target("prod", "hr.*"), target("runs", *CONFIGURED)), 3),
    ((target("default", "*.*", exclude=["sales.returns"], catalog_id=None),), 1),
    ((target("elsewhere", "*.*", catalog_id="999999999999"),), 1),
)
GAPS = (0.0, 30.0, 30.0, 400.0, 700.0, 700.0, 4000.0, 2 * DAY, 8 * DAY, 8 * DAY, 91 * DAY)
"""Past the settle period, the hour, the 7 and the 90 days."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ends, and what of it Glue reports at once."""

    status: str = "SUCCEEDED"
    refresh_type: str | None = "FULL"
    dpu_seconds: float | None = None
    processed_bytes: int | None = None
    reported: bool = True
    """Whether its times are."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Some time passes, then a target is polled (or none is)."""

    after: float = 30.0
    which: int = 0
    how: Poll | None = Poll()


ENDINGS = st.builds(
    Ending,
    status=st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED", "FAILED", "STOPPED", "EXPIRED"]),
    refresh_type=st.sampled_from(["FULL", "INCREMENTAL", None, "PARTIAL"]),
    dpu_seconds=st.sampled_from([None, 4.0, 16.5]),
    processed_bytes=st.sampled_from([None, 0, 4096]),
    reported=st.booleans(),
)
POLLS = st.builds(
    Poll,
    tables=st.sampled_from(["read", "read", "read", "overlooked", "not read", "denied"]),
    listing=st.sampled_from(
        ["complete", "complete", "pages", "early", "skipping", "unreadable", "nameless", "failed"]
    ),
    order=st.sampled_from(["newest first", "oldest first", "by chance"]),
    victim=st.integers(0, 9),
)
LOOKS = st.builds(
    Look,
    after=st.sampled_from(GAPS),
    which=st.integers(0, 1),
    how=st.one_of(st.just(Poll()), st.just(Poll()), POLLS, st.none()),
)
RELOADS = st.none() | st.integers(0, len(CONFIGURATIONS) - 1)

QUICK_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""In memory where the system has such a folder: what is copied from it needs no waiting for a disk."""


class Counting(RuleBasedStateMachine):
    """One exporter after another, one Glue, and what users are promised."""

    on_disk = True

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="counting-", dir=QUICK_FOLDER))
        self.bench = StoreBench(self.root / "life1" if self.on_disk else None)
        self.glue = SmallGlue()
        self.model = Model()
        self.choice = 0
        self.saved = self.model.copy()
        """As last written to disk."""
        self.polled: set[str] = set()
        self.before: dict[Name, Counts] = {}
        """The counters as last published in this life."""

    @property
    def now(self) -> float:
        return self.bench.clock.time()

    def run_of(self, number: int, *, ended: bool | None = None) -> Run | None:
        runs = [
            r for i, r in self.glue.runs.items() if i not in self.glue.forgotten and ended in (None, r.ended)
        ]
        return runs[number % len(runs)] if runs else None

    # The world.

    @initialize(choice=st.integers(0, len(CONFIGURATIONS) - 1), old=st.integers(0, 3))
    def begin(self, choice: int, old: int) -> None:
        self.glue.views = dict.fromkeys(NAMES[:2], START - DAY)
        for number in range(old):
            self._end(self._start(number), Ending(dpu_seconds=5.0))
        self.load(choice)

    @rule(number=st.integers(0, 2), ending=st.none() | ENDINGS, looks=st.lists(LOOKS, max_size=2), then=LOOKS)
    def refresh(self, number: int, ending: Ending | None, looks: list[Look], then: Look) -> None:
        """Refresh a view, perhaps to the end, with and without polls on the way."""
        run_id = self._start(number)
        for look in looks:
            self._look(look)
        if ending and run_id not in self.glue.forgotten:
            self._end(run_id, ending)
        self._look(then)

    @rule(number=st.integers(0, 9), ending=ENDINGS, then=LOOKS)
    def end_run(self, number: int, ending: Ending, then: Look) -> None:
        if run := self.run_of(number, ended=False):
            self._end(run_key(run.run_id), ending)
        self._look(then)

    @rule(
        number=st.integers(0, 9),
        dpu_seconds=st.sampled_from([1.0, 20.0, 33.25]),
        processed_bytes=st.sampled_from([1, 8192]),
        kind=st.sampled_from(["FULL", "INCREMENTAL"]),
        then=LOOKS,
    )
    def report_late(
        self, number: int, dpu_seconds: float, processed_bytes: int, kind: str, then: Look
    ) -> None:
        """Tell more, or less, of an ended run: its cost, its times and its type."""
        if run := self.run_of(number, ended=True):
            end = run.end_time or self.now
            self.glue.change(
                run_key(run.run_id),
                dpu_seconds=dpu_seconds,
                processed_bytes=processed_bytes,
                start_time=run.start_time or end - 90.0,
                end_time=end,
                refresh_type=kind,
            )
        self._look(then)

    @rule(number=st.integers(0, 9), table=st.integers(0, 2), ending=ENDINGS, then=LOOKS)
    def report_elsewhere(self, number: int, table: int, ending: Ending, then: Look) -> None:
        if run := self.run_of(number):
            key = run_key(run.run_id)
            database, name = NAMES[table]
            self.glue.change(key, database=database, table=name)
            if run.ended:
                self._end(key, ending)
        self._look(then)

    @rule(number=st.integers(0, 9), looks=st.lists(LOOKS, max_size=3), back=st.booleans())
    def lose_run(self, number: int, looks: list[Look], *, back: bool) -> None:
        """Let Glue forget a run, for good or for a while that is shorter than the 7 days."""
        run = self.run_of(number)
        if not run:
            return
        key = run_key(run.run_id)
        self.glue.forgotten.add(key)
        since = self.now
        for look in looks:
            self._look(look)
        if back and self.now - since < 6 * DAY:
            self.glue.forgotten.discard(key)
            self._look(Look())

    @rule(number=st.integers(0, 2), looks=st.lists(LOOKS, max_size=3), back=st.booleans())
    def replace_view(self, number: int, looks: list[Look], *, back: bool) -> None:
        name = NAMES[number]
        was = self.glue.views.pop(name, None)
        if was is None:
            self.glue.views[name] = self.now
        for look in looks:
            self._look(look)
        if back and was is not None:
            self.glue.views[name] = self.now
            self._look(Look())

    # The exporter.

    @rule(looks=st.lists(LOOKS, min_size=1, max_size=3))
    def poll_somehow(self, looks: list[Look]) -> None:
        for look in looks:
            self._look(look)

    @rule(
        which=st.integers(0, 1),
        how=POLLS,
        cut=st.integers(0, 4),
        number=st.integers(0, 2),
        ending=ENDINGS,
        choices=st.lists(st.integers(0, len(CONFIGURATIONS) - 1), max_size=2),
        looks=st.lists(LOOKS, max_size=2),
    )
    def list_slowly(
        self,
        *,
        which: int,
        how: Poll,
        cut: int,
        number: int,
        ending: Ending,
        choices: list[int],
        looks: list[Look],
    ) -> None:
        """Read a listing while runs end, polls go on, and configurations come and go."""
        targets, _ = CONFIGURATIONS[self.choice]
        target = targets[which % len(targets)]
        if target.catalog_id not in (None, ACCOUNT) or not target.views:
            return
        listing = self.bench.store.open_listing(target.name, Scope())
        assert listing
        known = self.model.open_listing(target.name, slow=True)
        started = self._start(number)
        listed = list_runs(self.glue, how)
        keys = [run_key(run.run_id) for run in listed.runs]

        def hand_in(keys: list[str], *, last: bool) -> None:
            runs = tuple(run for key in keys if isinstance(run := self.glue.get(key), Run))
            unreadable = listed.unreadable if last else ()
            state: Any = {"last": last, "unreadable": unreadable, "denied": how.tables == "denied"}
            self.bench.hand_in(listing, *runs, **state)
            self.model.page(known, runs, self.now, **state)
            self._save()

        hand_in(keys[:cut], last=False)
        for choice in choices:
            self.load(choice)
        for look in looks:
            self._look(look)
        self._end(started, ending)
        if self.model.serves(target.name):
            hand_in(keys[cut:], last=listed.complete)

    @rule(
        choice=st.integers(0, len(CONFIGURATIONS) - 1),
        looks=st.lists(LOOKS, max_size=2),
        number=st.integers(0, 2),
        ending=ENDINGS,
        back=st.booleans(),
        restarts=st.booleans(),
    )
    def reload(
        self, choice: int, looks: list[Look], number: int, ending: Ending, *, back: bool, restarts: bool
    ) -> None:
        """Load another configuration, for good or for a while in which a run starts and ends."""
        before, run_id = self.choice, self._start(number)
        for chosen in (choice, before)[: 1 + back]:
            if restarts:
                self._begin_life(chosen)
            else:
                self.load(chosen)
            for look in looks:
                self._look(look)
            if not self.glue.runs[run_id].ended:
                self._end(run_id, ending)
        self._look(Look())

    @rule(
        crash=st.booleans(),
        choice=RELOADS,
        then=st.none() | LOOKS,
    )
    def end_life(self, choice: int | None, then: Look | None, *, crash: bool) -> None:
        """Kill the program or stop it, and start it again, perhaps with another configuration."""
        choice = self.choice if choice is None else choice
        if crash:
            self.bench.crash()
            self._know_less(choice)
        else:
            self._begin_life(choice)
        if then:
            self._look(then)

    @precondition(lambda self: self.on_disk)
    @rule(full=st.booleans())
    def fill_disk(self, *, full: bool) -> None:
        self.bench.disk.full = full

    def _begin_life(self, choice: int) -> None:
        self._save()
        self.bench.restart()
        self._know_less(choice)

    def _know_less(self, choice: int) -> None:
        self.model = self.saved.copy() if self.on_disk else Model()
        self.model.begin_life()
        self.polled.clear()
        self.before.clear()
        self.load(choice)

    def _start(self, number: int) -> str:
        return self.glue.start(NAMES[number % len(NAMES)], self.now)

    def _end(self, run_id: str, ending: Ending) -> None:
        self.glue.change(
            run_id,
            status=ending.status,
            refresh_type=ending.refresh_type,
            dpu_seconds=ending.dpu_seconds,
            processed_bytes=ending.processed_bytes,
            start_time=self.now - 45.0 if ending.reported else None,
            end_time=self.now if ending.reported or ending.status == "EXPIRED" else None,
            last_updated=self.now,
        )

    def _look(self, look: Look) -> None:
        self.bench.clock.advance(look.after)
        if look.how:
            self._poll(look.which, look.how)

    def _poll(self, which: int, how: Poll) -> None:
        targets, _ = CONFIGURATIONS[self.choice]
        polled = targets[which % len(targets)]
        watch = self.bench.store.watch(polled.name)
        assert watch is not None
        settled = {key for key, known in self.model.runs.items() if known.settled and not known.pruned}
        asked = {run_key(i) for i in (*watch.due, *(run.run_id for run in watch.unsettled))}
        glue = self.glue if polled.catalog_id in (None, ACCOUNT) else SmallGlue()
        if glue is self.glue:
            assert not asked & settled, "a settled run is never asked for again"
        outcome = poll(glue, polled, watch, how)
        self.bench.commit(outcome)
        self.polled.add(polled.name)
        if glue is self.glue:
            self.model.commit(outcome, self.now)
        else:
            self.model.pass_by(outcome, self.now)
        self._save()

    def load(self, choice: int) -> None:
        targets, runs_per_view = CONFIGURATIONS[choice]
        self.bench.configure(*targets, runs_per_view=runs_per_view)
        for one in targets:
            if self.bench.store.watch(one.name) is None:  # its account becomes known now
                self.model.next_tidying = 0.0
            self.bench.store.catalog_known(one.name, one.catalog_id or ACCOUNT)
        self.polled &= {t.name for t in targets}
        here = tuple(t for t in targets if t.catalog_id in (None, ACCOUNT))
        self.model.configure(here, runs_per_view, self.now)
        self.choice = choice
        self._save()

    def _save(self) -> None:
        if not (self.bench.storage and self.bench.storage.full):
            self.saved = self.model.copy()
        # What was away may have been forgotten: it may begin at 0.
        self.before = {name: counts for name, counts in self.before.items() if self.model.watched(name)}

    # What is promised.

    @invariant()
    def views_are_those_of_the_model(self) -> None:
        shown = {
            (key.database, key.table): series
            for key, series in self.bench.shown.views.items()
            if key.catalog_id == ACCOUNT
        }
        for name in NAMES:
            owner = self.model.owner(name)
            if not self.model.watched(name):
                assert name not in shown, name
                continue
            if owner not in self.polled:
                continue
            series, figures = shown[name], self.model.figures(name)
            assert (series.target, series.up) == (owner, figures.up), name
            assert (series.facts is not None) == figures.known, name
            if series.facts:
                assert (
                    Figures(
                        up=series.up,
                        known=True,
                        last_run=series.facts.last_run,
                        last_success=series.facts.last_success,
                        last_success_time=series.facts.last_success_time,
                        last_failure_time=series.facts.last_failure_time,
                        failures_in_a_row=series.facts.consecutive_failures,
                    )
                    == figures
                ), name

    @invariant()
    def counters_are_those_of_the_model(self) -> None:
        shown = shown_counts(self.bench)
        for name, counts in shown.items():
            if self.model.owner(name) in self.polled:
                assert counts == self.published(name), name
            if name in self.before and name in self.model.views:
                assert not _fallen(self.before[name], counts), name
        self.before = shown

    def published(self, name: Name) -> Counts:
        """Return what is counted of a view and on the disk."""
        known = self.saved if self.on_disk else self.model
        saved, now = known.views.get(name), self.model.views[name]
        # What is on the disk of a view that was forgotten since then is nothing of the new one.
        return (known if saved and saved.birth == now.birth else Model()).counts(name)

    @invariant()
    def runs_are_those_of_the_model(self) -> None:
        expected: dict[str, Run] = {}
        optional: set[str] = set()
        for name in [name for name in self.model.views if self.model.watched(name)]:
            if self.model.owner(name) in self.polled:
                expected |= {run.run_id: run for run in self.model.shown_runs(name)}
            else:
                # As before, until the first poll of the target that has it now.
                optional |= {known.run.run_id for known in self.model.runs.values() if known.view == name}
        for key, known in self.model.runs.items():
            owner = self.model.run_owner(key)
            if owner in self.polled and known.there and not known.pruned:
                expected[known.run.run_id] = known.run
            elif owner:
                optional.add(known.run.run_id)
        series = [one for one in self.bench.shown.runs.values() if one.key.catalog_id == ACCOUNT]
        actual = {one.key.run_id: one.run for one in series if one.run}
        assert {i: run for i, run in actual.items() if i not in optional} == {
            i: run for i, run in expected.items() if i not in optional
        }
        shown = [one.key.run_id.lower() for one in series]
        assert len(shown) == len(set(shown)), "no run under two spellings"

    def teardown(self) -> None:
        self.bench.abandon()
        shutil.rmtree(self.root)


def _fallen(before: Counts, after: Counts) -> bool:
    pairs: list[tuple[Any, Any]] = [
        (before.runs, after.runs),
        (before.dpu_seconds, after.dpu_seconds),
        (before.processed_bytes, after.processed_bytes),
        (dict(enumerate(before.durations)), dict(enumerate(after.durations))),
        ({"": before.duration_sum}, {"": after.duration_sum}),
    ]
    return any(now.get(key, 0) < value for then, now in pairs for key, value in then.items())


class CountingInMemory(Counting):
    """Without a folder every life begins at 0."""

    on_disk = False


@pytest.mark.parametrize(
    ("examples", "steps"), [(15, 40), pytest.param(300, 60, marks=pytest.mark.long)], ids=["few", "many"]
)
@pytest.mark.parametrize("machine", [Counting, CountingInMemory], ids=["on disk", "in memory"])
def test_counts_are_those_of_the_naive_model(machine: type[Counting], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )
