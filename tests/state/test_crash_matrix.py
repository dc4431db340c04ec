"""The program dies, or the power is cut, at every single write to the state: every run is counted once.

Every state that this may leave on the disk is made, opened, and polled on. What is known then has to be what
the naive model knows: with the poll that was being written, or without it, and nothing in between.
"""

import pickle
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exporter.model.patterns import Name
from exporter.store.storage import FILE_NAME
from tests.state.crash_states import Files, crash_states
from tests.state.crash_story import CONFIGURATIONS, NAMES, Act, Record, configure, load
from tests.state.naive_model import Counts, Model, saved_counts, shown_counts
from tests.state.small_glue import Poll, poll
from tests.support.clock import ManualClock
from tests.support.store_bench import StoreBench

ROOT = Path(__file__).parents[2]
QUICK_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
PARTS = 8
"""The states are shared out, so that the tests run beside each other."""
REFUSED_PARTS = 12
"""Into so many parts the writes are divided that are refused one by one."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = tmp_path_factory.mktemp("story")
    tell = "from tests.state.crash_story import main; main()"
    command = [sys.executable, "-c", tell, str(folder / "state"), str(folder / "record")]
    subprocess.run(command, cwd=ROOT, check=True, timeout=100)
    story: Record = pickle.loads((folder / "record").read_bytes())  # noqa: S301 (our own)
    return story


def test_the_story_has_everything_in_it(record: Record) -> None:
    """A file that is made, journals that are begun and emptied, pages that are written and synced."""
    made = {(step.kind, Path(step.path).name.removeprefix(FILE_NAME)) for step in record.steps}
    assert made >= {
        ("create", ".new"),
        ("write", ".new"),
        ("sync", ".new"),
        ("rename", ".new"),
        ("create", "-journal"),
        ("write", "-journal"),
        ("sync", "-journal"),
        ("truncate", "-journal"),
        ("write", ""),
        ("sync", ""),
    }


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))]
)
def test_whatever_a_crash_leaves_every_run_is_counted_once(record: Record, quick: Path, part: int) -> None:
    checked = 0
    for place, (number, kind, files) in enumerate(crash_states(record, random.Random(7))):  # noqa: S311 (the same states at every run)
        if place % PARTS == part:
            act = [act for act in record.acts if act.first_step <= number][-1]
            check(quick / str(place), act, files, f"{kind} before step {number}, in {act.name}")
            checked += 1
    assert checked > 100


def begun(model: Model, act: Act) -> Model:
    """Return what a program that has just started on this state knows."""
    model = model.copy()
    model.begin_life()
    configure(model, act.configuration, act.now)
    return model


def not_0(counts: Mapping[Name, Counts]) -> dict[Name, Counts]:
    return {name: found for name, found in counts.items() if found.runs}


def counts(model: Model, *, shown: bool = False) -> dict[Name, Counts]:
    """Return the counters of every view that is remembered, or that is shown, where they are not 0."""
    names = [name for name in NAMES if not shown or (model.watched(name) and model.known(name))]
    return not_0({name: model.counts(name) for name in names})


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where the system has such: what is synced there needs no waiting."""
    with tempfile.TemporaryDirectory(dir=QUICK_FOLDER or tmp_path) as folder:
        yield Path(folder)


def check(folder: Path, act: Act, files: Files, what: str) -> None:
    """Start on what is left, poll once, and compare with the model."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    bench = StoreBench(folder, ManualClock(act.now))
    try:
        load(bench, act.configuration)
        found = not_0(saved_counts(bench))  # nothing is published before the first poll
        fitting = [m for m in (begun(act.before, act), begun(act.after, act)) if counts(m) == found]
        assert fitting, f"{what}: {found}"
        outcomes = []
        for one in CONFIGURATIONS[act.configuration]:
            watch = bench.store.watch(one.name)
            assert watch, what
            outcome = poll(act.glue, one, watch, Poll())
            bench.commit(outcome)
            outcomes.append(outcome)
        for model in fitting:
            for outcome in outcomes:
                model.commit(outcome, act.now)
        found = not_0(shown_counts(bench))
        assert any(counts(model, shown=True) == found for model in fitting), f"{what}, after a poll: {found}"
    finally:
        bench.abandon()


@pytest.mark.long
@pytest.mark.parametrize("part", range(REFUSED_PARTS))
def test_whichever_write_fails_nothing_is_published_but_what_is_on_the_disk(quick: Path, part: int) -> None:
    """Full, broken or read-only for a while: the program goes on, and the counters catch up."""
    command = [sys.executable, "-m", "tests.state.refused_writes", str(quick), str(part), str(REFUSED_PARTS)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
