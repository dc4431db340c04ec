"""An error that nobody expected ends no more than the poll it came up in, and the metrics tell of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exposition import Exposition
from tests.e2e.polls import TARGET_UP, VIEW, await_polls, await_up
from tests.e2e.program import Program, serve, wait_until
from tests.e2e.test_kill import counted
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id

ROOT = Path(__file__).parents[2]


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        for number, table in enumerate(("orders", "returns")):
            bare.records.put_view("sales", table, refresh_seconds=3600)
            bare.records.put_run(view_run(number, "sales", table, status="RUNNING"))
        yield bare


def breaking(glue: BareGlue, folder: Path, place: str, file: Path) -> Program:
    """Return an exporter that breaks down in this place while the file exists."""
    command = (sys.executable, "-m", "tests.support.unexpected_error", place, str(file))
    env = {"PYTHONPATH": str(ROOT)}
    return serve(folder, watching(glue, "sales.*"), command=command, env=env, may_trace=True)


def await_error(file: Path, number: int = 1) -> None:
    """Wait until the place has been called so often."""
    wait_until(lambda: file.read_text().count("raised") >= number, 30, "the error")


def views_up(scraped: Exposition) -> int:
    return sum(value == 1 for _, value in scraped.series(f"{VIEW}up"))


def test_a_poll_that_ends_with_an_unexpected_error_is_not_up(glue: BareGlue, tmp_path: Path) -> None:
    file = tmp_path / "broken"
    with breaking(glue, tmp_path / "program", "poll", file) as program:
        await_up(program)
        file.touch()
        await_error(file)
        scraped = program.scrape_until(lambda now: now.value(TARGET_UP) == 0, what="the target is down")
        assert scraped.value("glue_mv_refresh_run_dpu_seconds", table="returns") is not None, "values stay"
        assert program.get("/-/healthy").status == 200
        file.unlink()
        await_up(program)


def test_a_first_poll_that_ends_with_an_unexpected_error_has_ended(glue: BareGlue, tmp_path: Path) -> None:
    """The program is ready, and says that the target is down."""
    file = tmp_path / "broken"
    file.touch()
    with breaking(glue, tmp_path / "program", "poll", file) as program:
        await_error(file)
        wait_until(lambda: program.get("/-/ready").status == 200, 35, "ready")
        assert program.scrape().value(TARGET_UP) == 0


def test_views_found_by_a_poll_that_an_unexpected_error_ended_are_not_lost(
    glue: BareGlue, tmp_path: Path
) -> None:
    """They need not wait for the next resync, which is a quarter of an hour away."""
    file = tmp_path / "broken"
    file.touch()
    with breaking(glue, tmp_path / "program", "poll", file) as program:
        await_error(file)
        file.unlink()
        program.scrape_until(lambda now: views_up(now) == 2, 30, "the views are up")


def test_what_could_not_be_published_once_is_published_anew(glue: BareGlue, tmp_path: Path) -> None:
    file = tmp_path / "broken"
    with breaking(glue, tmp_path / "program", "publish", file) as program:
        await_up(program)
        file.touch()
        for number, table in enumerate(("orders", "returns")):
            glue.records.put_run(view_run(number, "sales", table))
        await_error(file, 2)  # the second one was after a poll that read them
        file.unlink()
        scraped = await_polls(program, 2)
        assert {scraped.status(sample_run_id(number)) for number in range(2)} == {"SUCCEEDED"}
        assert counted(scraped) == {"SUCCEEDED": 2}
        for table in ("orders", "returns"):
            assert scraped.value(f"{VIEW}last_run_status", table=table, status="SUCCEEDED") == 1
