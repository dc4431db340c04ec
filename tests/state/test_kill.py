"""``kill -9`` at any moment: every ended run is counted once."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 100
SETTLES_AFTER = 21
"""Steps of 30 s until a run that has ended, and has told its cost, is settled."""


@pytest.mark.long
def test_every_ended_run_is_counted_once_however_often_the_exporter_is_killed(tmp_path: Path) -> None:
    """What each life tells after each commit is exactly what has ended by then, its cost included."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.state.kill_often", tmp_path / "state", str(KILLS)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        timeout=100,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({line["life"] for line in lines}) > KILLS / 2
    for line in lines:
        ended = line["step"]
        assert line == {
            "life": line["life"],
            "step": ended,
            "runs": ended,
            "dpu_seconds": 4.0 * ended - 2.5 if ended else 0.0,  # the newest has told the first part alone
            "processed_bytes": 1000 * ended,
            "durations": ended,
            "oldest_asked": line["oldest_asked"],
        }
    for before, after in itertools.pairwise(lines):
        # Runs that were settled when the program died are not asked for when it is back.
        assert after["oldest_asked"] >= before["step"] - SETTLES_AFTER
