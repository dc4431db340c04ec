"""Runs watched by their IDs say the same after a stop, and after a crash, and nobody is asked again."""

import shutil
from pathlib import Path

from tests.e2e.exposition import Exposition
from tests.e2e.program import Program, serve, target
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

RUNS = 2500
"""More than one block of text, and some left over."""


def all_read(program: Program) -> Exposition:
    """Wait until every run is settled."""
    return program.scrape_until(
        lambda now: now.value("glue_mv_exporter_target_runs", state="settled") == RUNS,
        seconds=60,
        what="all are settled",
    )


def series_of_runs(scraped: Exposition) -> list[str]:
    """Return the lines of all runs, sorted."""
    return sorted(line for line in scraped.text.splitlines() if line.startswith("glue_mv_refresh_run_"))


def test_neither_a_stop_nor_a_crash_loses_series_of_settled_runs(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with BareGlue() as glue:
        for number in range(RUNS):
            glue.records.put_run(sample_run(number))
        watched = target(glue.url, *map(sample_run_id, range(RUNS)), max_requests_per_second=1000)
        config = {"targets": [watched]}
        with serve(tmp_path / "first", config, f"--storage.path={state}") as program:
            expected = series_of_runs(all_read(program))
        assert len(expected) == 14 * RUNS
        glue.forget_calls()
        with serve(tmp_path / "second", config, f"--storage.path={state}") as program:
            assert series_of_runs(all_read(program)) == expected
            crashed = shutil.copytree(state, tmp_path / "crashed")
        with serve(tmp_path / "third", config, f"--storage.path={crashed}") as program:
            assert series_of_runs(all_read(program)) == expected
        assert glue.count() == 0
