"""Text that is kept from a stop to the next start says the same as what is encoded anew, and costs less."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.lifelike import ACCOUNT, REGION, records
from exporter.cli.early_state import EarlyState
from exporter.cli.exporter_process import Exporter, make_exporter
from exporter.cli.kept_text import KEPT_TEXT, LEAST_RUNS
from exporter.errors import GlueError, Reason
from exporter.glue.record import parse_run
from exporter.metrics.shelf import BLOCK_ITEMS
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.store.outcome import ListingRead, PollOutcome, PollPart
from tests.support.operations import counted

RUNS = [parse_run(record) for record in records(LEAST_RUNS + 2 * BLOCK_ITEMS)]
"""All of them ended long ago."""
IDS = tuple(run.run_id for run in RUNS)


def watching(*targets: Sequence[str]) -> Settings:
    """Return settings with a target for each of these lists of run IDs."""
    return Settings(
        targets=tuple(
            Target(
                name=f"target {n}", access=Access(aws_region=REGION), catalog_id=ACCOUNT, run_ids=tuple(ids)
            )
            for n, ids in enumerate(targets)
        )
    )


def started(folder: Path, settings: Settings) -> Exporter:
    """Start with the state in the folder."""
    with EarlyState(str(folder)) as state:
        exporter = make_exporter(settings, state=state)
    exporter.store.configure(settings)
    return exporter


def poll(exporter: Exporter, runs: Sequence[Run | GlueError] = (), *, target: int = 0) -> None:
    """Have a poll of a target read these runs, which are the first ones of the target."""
    name = f"target {target}"
    (watched,) = (state.target for state in exporter.store.targets() if state.target.name == name)
    read = dict(zip(watched.run_ids, runs, strict=False))
    exporter.store.commit(PollOutcome(target=name, started=0.0, duration=1.0, runs=read))


def said(exporter: Exporter) -> list[str]:
    """Return all series of runs, sorted; each must be there once."""
    text = exporter.exposition.scrape().body().decode()
    lines = sorted(line for line in text.splitlines() if line.startswith("glue_mv_refresh_run_"))
    assert len({line.rpartition(" ")[0] for line in lines}) == len(lines)
    return lines


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return the state's folder of an exporter that had read all runs before it stopped, and what it said."""
    folder = tmp_path_factory.mktemp("state")
    exporter = started(folder, watching(IDS))
    poll(exporter, RUNS)
    lines = said(exporter)
    exporter.close()
    return folder, lines


@pytest.fixture
def folder(stopped: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """Return such a folder."""
    return Path(shutil.copytree(stopped[0], tmp_path / "state"))


@pytest.fixture
def expected(stopped: tuple[Path, list[str]]) -> list[str]:
    """Return what the exporter said."""
    return stopped[1]


def test_settled_runs_are_not_encoded_again(folder: Path, expected: list[str]) -> None:
    for _ in range(2):
        assert (folder / KEPT_TEXT).stat().st_size > 100 * len(RUNS)
        exporter = started(folder, watching(IDS))
        with counted() as done:
            poll(exporter)
        assert done.items_encoded < BLOCK_ITEMS + 10
        assert said(exporter) == expected
        exporter.close()


def test_what_is_kept_is_used_once(folder: Path) -> None:
    """A crash leaves none: the state has gone on, and the file takes as much room as the state."""
    started(folder, watching(IDS)).store.close()
    assert not (folder / KEPT_TEXT).exists()


def test_what_was_kept_with_an_older_state_is_not_used(folder: Path) -> None:
    kept = (folder / KEPT_TEXT).read_bytes()
    more = (*IDS, "a-new-run")
    exporter = started(folder, watching(more))
    poll(exporter)
    exporter.store.commit(
        PollOutcome(
            target="target 0",
            started=0.0,
            duration=1.0,
            runs={"a-new-run": RUNS[0]._replace(run_id="a-new-run")},
        )
    )
    before = said(exporter)
    exporter.close()
    (folder / KEPT_TEXT).write_bytes(kept)
    exporter = started(folder, watching(more))
    with counted() as done:
        poll(exporter)
    assert done.items_encoded > len(RUNS)
    assert said(exporter) == before
    exporter.close()


def test_a_state_that_was_not_closed_makes_it_useless(
    folder: Path, expected: list[str], tmp_path: Path
) -> None:
    """As after a crash: what is in SQLite's log is not in the file that was looked at."""
    kept = (folder / KEPT_TEXT).read_bytes()
    exporter = started(folder, watching(IDS))
    poll(exporter)
    crashed = tmp_path / "crashed"
    shutil.copytree(folder, crashed)
    exporter.close()
    (crashed / KEPT_TEXT).write_bytes(kept)
    exporter = started(crashed, watching(IDS))
    with counted() as done:
        poll(exporter)
    assert done.items_encoded >= len(RUNS)
    assert said(exporter) == expected
    exporter.close()


def test_a_damaged_file_is_not_used(folder: Path, expected: list[str]) -> None:
    with (folder / KEPT_TEXT).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    exporter = started(folder, watching(IDS))
    poll(exporter)
    assert said(exporter) == expected
    exporter.close()


def test_runs_that_are_watched_no_longer_are_not_shown(folder: Path, expected: list[str]) -> None:
    some = IDS[::3]
    exporter = started(folder, watching(some))
    poll(exporter)
    assert said(exporter) == [line for line in expected if any(f'"{run_id}"' in line for run_id in some)]
    exporter.close()


def test_each_target_shows_its_own_with_its_first_poll(folder: Path, expected: list[str]) -> None:
    exporter = started(folder, watching(IDS[:1000], IDS[1000:]))
    poll(exporter, target=1)
    assert {line for line in said(exporter) if "_up{" in line} == {
        f'glue_mv_refresh_run_up{{aws_region="{REGION}",catalog_id="{ACCOUNT}",run_id="{run_id}"}} 1'
        for run_id in IDS[1000:]
    }
    poll(exporter, target=0)
    assert said(exporter) == expected
    exporter.close()


def test_what_two_targets_had_read_is_kept_for_both(tmp_path: Path, expected: list[str]) -> None:
    settings = watching(IDS[:1000], IDS[1000:])
    exporter = started(tmp_path / "two", settings)
    poll(exporter, RUNS[:1000])
    poll(exporter, RUNS[1000:], target=1)
    exporter.close()
    exporter = started(tmp_path / "two", settings)
    with counted() as done:
        poll(exporter)
        poll(exporter, target=1)
    assert done.items_encoded < 3 * BLOCK_ITEMS
    assert said(exporter) == expected
    exporter.close()


def test_runs_that_could_not_be_read_say_so_after_the_start(tmp_path: Path) -> None:
    """They are not settled: before they are read again, nobody knows whether they can be."""
    unknown = GlueError(Reason.NOT_FOUND, "no such run", operation="GetMaterializedViewRefreshTaskRun")
    exporter = started(tmp_path / "some", watching([*IDS, "unknown"]))
    poll(exporter, [*RUNS, unknown])
    before = said(exporter)
    exporter.close()
    exporter = started(tmp_path / "some", watching([*IDS, "unknown"]))
    poll(exporter)
    assert said(exporter) == before
    assert sum(line.endswith('run_id="unknown"} 0') for line in before) == 1
    exporter.close()


ALTERED = RUNS[0]._replace(dpu_seconds=4711.0)
"""What Glue filled in while nobody looked."""


def altered(*, target: int = 0) -> PollOutcome:
    """Return a poll of which a listing tells something new of a settled run."""
    return PollOutcome(
        target=f"target {target}", started=0.0, duration=1.0, listings=(ListingRead(runs=(ALTERED,)),)
    )


def in_one_poll(exporter: Exporter) -> None:
    """Be told of it by the first poll."""
    exporter.store.commit(altered())


def in_parts(exporter: Exporter) -> None:
    """Be told of it before the first poll ends."""
    listing = ListingRead(runs=(ALTERED,))
    exporter.store.take_in(PollPart(target="target 0", discovery=None, tables_denied=False, listing=listing))
    poll(exporter)


def by_another_target(exporter: Exporter) -> None:
    """Be told of it by the poll of a target that watches its view, before that of its own target."""
    exporter.store.commit(replace(altered(target=1), tables_denied=True))
    poll(exporter)


@pytest.mark.parametrize("be_told", [in_one_poll, in_parts, by_another_target])
def test_a_settled_run_of_which_a_start_learns_something_new_is_shown_so(
    folder: Path, be_told: Callable[[Exporter], None]
) -> None:
    """A listing may hold it, though nobody would ask for it again."""
    own, views = watching(IDS, []).targets
    views = replace(views, views=(ViewPattern(database="*", table="*"),))
    exporter = started(folder, Settings(targets=(own, views)))
    be_told(exporter)
    (line,) = [one for one in said(exporter) if "dpu_seconds{" in one and f'"{IDS[0]}"' in one]
    assert line.endswith("} 4711.0")
    exporter.close()


def test_runs_that_are_watched_no_longer_are_not_kept(folder: Path) -> None:
    exporter = started(folder, watching(IDS))
    poll(exporter)
    exporter.store.configure(watching([]))
    exporter.close()
    assert not (folder / KEPT_TEXT).exists()


def test_few_runs_are_encoded_as_quickly_as_they_would_be_read(tmp_path: Path) -> None:
    exporter = started(tmp_path / "few", watching(IDS[: LEAST_RUNS - 1]))
    poll(exporter, RUNS[: LEAST_RUNS - 1])
    exporter.close()
    assert not (tmp_path / "few" / KEPT_TEXT).exists()


def test_a_disk_that_takes_no_more_keeps_nobody_from_stopping(tmp_path: Path, expected: list[str]) -> None:
    folder = tmp_path / "full"
    exporter = started(folder, watching(IDS))
    poll(exporter, RUNS)
    (folder / f"{KEPT_TEXT}.tmp").mkdir()  # in the way of the file
    exporter.close()
    assert not (folder / KEPT_TEXT).exists()
    exporter = started(folder, watching(IDS))
    poll(exporter)
    assert said(exporter) == expected
    exporter.close()


def test_nothing_outside_the_folder_is_written(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody else")
    exporter = started(folder, watching(IDS))
    poll(exporter)
    (folder / f"{KEPT_TEXT}.tmp").symlink_to(other)
    exporter.close()
    assert other.read_text() == "of somebody else"
    assert not (folder / KEPT_TEXT).is_symlink()


def test_an_unfinished_file_is_taken_away(folder: Path) -> None:
    (folder / f"{KEPT_TEXT}.tmp").write_bytes(b"cut")
    started(folder, watching(IDS)).close()
    assert not (folder / f"{KEPT_TEXT}.tmp").exists()
