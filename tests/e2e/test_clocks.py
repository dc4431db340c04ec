"""A wrong clock makes no difference to what is counted: Glue's times are compared with Glue's clock."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.polls import await_polls, await_up, await_view
from tests.e2e.program import serve
from tests.e2e.test_kill import counted
from tests.e2e.test_views import view_run, watching
from tests.e2e.test_ways import LIBFAKETIME
from tests.support.bare_glue import BareGlue

DAY = 86_400


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def glue_time(glue: BareGlue) -> float:
    """Return what Glue's clock says."""
    return time.time() + glue.clock_skew


def put_view(glue: BareGlue, table: str, age: float) -> None:
    """Let Glue have made a view so many seconds ago."""
    glue.records.put_view("sales", table, refresh_seconds=3600, CreateTime=glue_time(glue) - age)


def end_run(glue: BareGlue, number: int, table: str, age: float) -> None:
    """Let a run have ended so many seconds ago; it took 20 s."""
    end = glue_time(glue) - age
    times = {"CreationTime": end - 25, "StartTime": end - 20, "EndTime": end, "LastUpdated": end}
    glue.records.put_run({**view_run(number, "sales", table), **times})


def test_a_machine_that_boots_in_1970_counts_no_old_runs(glue: BareGlue, tmp_path: Path) -> None:
    """Not before its clock is set, and not afterwards; what ends then counts."""
    assert LIBFAKETIME is not None, "libfaketime is missing"
    put_view(glue, "orders", age=30 * DAY)
    for number in range(30):
        end_run(glue, number, "orders", age=DAY + number)
    clock = tmp_path / "clock"
    clock.write_text(f"-{int(time.time())}\n")
    fake = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with serve(tmp_path / "program", watching(glue, "sales.*"), env=fake) as program:
        assert counted(await_up(program)) == {}
        clock.write_text("+0\n")
        assert counted(await_polls(program, 2)) == {}
        end_run(glue, 30, "orders", age=0)
        program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 1}, what="the new run is counted")


def test_a_clock_behind_that_of_glue_counts_no_old_runs_of_a_young_view(
    glue: BareGlue, tmp_path: Path
) -> None:
    glue.clock_skew = 300
    put_view(glue, "orders", age=200)
    for number in range(3):
        end_run(glue, number, "orders", age=60 + number)
    with serve(tmp_path, watching(glue, "sales.*")) as program:
        await_up(program)
        assert counted(await_polls(program)) == {}


def test_a_clock_ahead_of_that_of_glue_counts_the_first_run_of_a_new_view(
    glue: BareGlue, tmp_path: Path
) -> None:
    """It was created after its pattern was first watched, whatever our clock says."""
    glue.clock_skew = -240
    put_view(glue, "orders", age=30 * DAY)
    end_run(glue, 1, "orders", age=DAY)
    with serve(tmp_path, watching(glue, "sales.*") | {"resync_interval": "5s"}) as program:
        await_up(program)
        put_view(glue, "returns", age=0)
        end_run(glue, 2, "returns", age=0)
        await_view(program, "returns")
        assert counted(await_polls(program)) == {"SUCCEEDED": 1}
