"""The state is damaged while the exporter runs: it says so with the next save, and does not start on it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import Exposition
from tests.e2e.polls import await_polls, await_up
from tests.e2e.program import Program, run, serve, write_config
from tests.e2e.test_disk import FAILURES, FILE, WRITTEN
from tests.e2e.test_kill import counted
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        bare.records.put_view("sales", "orders", refresh_seconds=3600)
        for number in range(100):
            bare.records.put_run(view_run(number, "sales", "orders"))
        yield bare


@pytest.fixture
def config(glue: BareGlue) -> dict[str, Any]:
    return watching(glue, "sales.*")


def end(glue: BareGlue, number: int) -> None:
    """Let one more run end."""
    glue.records.put_run(view_run(number, "sales", "orders"))


def live(folder: Path, config: dict[str, Any], state: Path) -> Program:
    """Return an exporter with its state in this folder, to be started with ``with``."""
    return serve(folder, config, f"--storage.path={state}")


def remove_log(file: Path) -> None:
    """Remove what SQLite has not copied into the file yet, where there is such a thing."""
    for ending in ("-wal", "-shm", "-journal"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def cut_in_half(file: Path) -> None:
    remove_log(file)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def cut_after_the_first_page(file: Path) -> None:
    remove_log(file)
    with file.open("r+b") as opened:
        opened.truncate(min(4096, file.stat().st_size))


def remove(file: Path) -> None:
    remove_log(file)
    file.unlink()


def replace_by_a_copy(file: Path) -> None:
    """Put a backup back, as someone would who does not know that the exporter runs."""
    remove_log(file)
    copy = shutil.copy(file, file.with_name("backup"))
    Path(copy).replace(file)


@pytest.mark.parametrize("damage", [cut_in_half, cut_after_the_first_page, remove, replace_by_a_copy])
def test_a_file_that_is_damaged_or_gone_is_noticed_with_the_next_save(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """And the counters stand still: nothing is published that was not saved."""
    state = tmp_path / "state"
    with live(tmp_path / "before", config, state) as program:
        await_up(program)
    with live(tmp_path / "program", config, state) as program:
        await_up(program)
        end(glue, 100)
        program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 1}, what="the first is counted")
        damage(state / FILE)
        end(glue, 101)
        scraped = program.scrape_until(lambda now: now.value(WRITTEN) == 0, what="the damage is noticed")
        assert (scraped.value(FAILURES) or 0) >= 1
        assert "level=error" in program.log
        scraped = await_polls(program, 2)
        assert counted(scraped) == {"SUCCEEDED": 1}
        assert scraped.value(WRITTEN) == 0


@pytest.mark.parametrize("damage", [remove_log, cut_in_half, cut_after_the_first_page])
def test_a_file_that_was_damaged_before_a_crash_is_refused_or_has_lost_nothing(
    glue: BareGlue, config: dict[str, Any], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Never does the program begin at 0 on it without a word."""
    state = tmp_path / "state"
    with live(tmp_path, config, state) as program:
        await_up(program)
        end(glue, 100)
        program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 1}, what="the first is counted")
        damage(state / FILE)
        end(glue, 101)
        await_polls(program, 2)
        program.crash()
    left = (state / FILE).read_bytes()
    file = write_config(tmp_path, config)
    outcome = run(tmp_path, "once", f"--config.file={file}", f"--storage.path={state}")
    if outcome.status == 1:
        assert "is damaged" in outcome.err
        assert (state / FILE).read_bytes() == left, "it is left as it was found"
    else:
        assert counted(Exposition(outcome.out)) == {"SUCCEEDED": 2}, outcome.err
