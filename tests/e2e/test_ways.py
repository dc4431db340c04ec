"""The running program where the way to Glue flaps, the host has no address, and the clock is set."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.e2e.program import Program, serve, target, wait_until
from tests.faults.test_ways import FlappingWay
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

RUN_ID = sample_run_id(1)
UP = f"{EXPORTER}target_up"
LIBFAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        bare.records.put_run(sample_run(1, status="RUNNING"))
        yield bare


def files_and_threads(program: Program) -> tuple[int, int]:
    """Return how many files and threads the process has."""
    process = Path(f"/proc/{program.process.pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def test_a_way_that_flaps_every_second(glue: BareGlue, tmp_path: Path) -> None:
    """It answers all the while, keeps what it knew, and is well as soon as the way is."""
    with FlappingWay(glue.port) as way:
        flapping = target(f"http://127.0.0.1:{way.port}", RUN_ID)
        well = target(glue.url, RUN_ID, name="well", catalog_id="210987654321")
        config = {"poll_interval": "5s", "targets": [flapping, well]}
        glue.records.put_run(sample_run(1, status="RUNNING"), catalog_id="210987654321")
        with serve(tmp_path, config) as program:
            program.scrape_until(lambda e: e.value(UP, target="test") == 1, 20, "up at first")
            before = files_and_threads(program)
            for turn in range(16):
                way.flap(passable=turn % 2 == 1)
                time.sleep(1)
                reply = program.get("/metrics")
                assert (reply.status, reply.seconds < 2) == (200, True)
                scraped = Exposition(reply.text)
                infos = scraped.series(f"{RUN}status", run_id=RUN_ID, status="RUNNING")
                assert [value for _, value in infos] == [1, 1], "both targets keep what they knew"
                assert scraped.value(UP, target="well") == 1
                assert set(scraped.failures("test")) <= {"unavailable", "timeout"}
            way.flap(passable=True)
            program.scrape_until(lambda e: e.value(UP, target="test") == 1, 20, "up in the end")
            after = files_and_threads(program)
            assert after[0] <= before[0] + 8
            assert after[1] <= before[1] + 8


def test_a_host_without_an_address_is_unavailable(glue: BareGlue, tmp_path: Path) -> None:
    """And a neighbour does not notice."""
    nowhere = target("http://glue.invalid", RUN_ID, name="nowhere", catalog_id="210987654321")
    with serve(tmp_path, {"poll_interval": "5s", "targets": [nowhere, target(glue.url, RUN_ID)]}) as program:
        scraped = program.scrape_until(
            lambda e: e.value(UP, target="nowhere") == 0 and e.value(UP, target="test") == 1, 60
        )
        assert set(scraped.failures("nowhere")) <= {"unavailable", "timeout"}
        assert scraped.failures("nowhere")
        assert scraped.failures("test") == {}
        assert "Could not connect to the endpoint URL" in program.log


@pytest.mark.parametrize("hours", [7, -7])
def test_the_clock_is_set_by_hours(glue: BareGlue, tmp_path: Path, hours: int) -> None:
    """While it runs: polls go on, no value changes, durations are never negative, the skew tells."""
    assert LIBFAKETIME is not None, "libfaketime is missing"
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    fake = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    config = {"poll_interval": "5s", "targets": [target(glue.url, RUN_ID)]}
    with serve(tmp_path / "program", config, env=fake) as program:
        good = program.scrape_until(lambda e: e.value(UP, target="test") == 1)
        calls = glue.count()
        offset.write_text(f"{hours:+}h\n")
        glue.wait_for_calls(calls + 2, seconds=30)

        def skewed(scraped: Exposition) -> bool:
            skew = scraped.value(f"{EXPORTER}target_clock_skew_seconds", target="test") or 0.0
            return abs(skew + hours * 3600) < 60

        scraped = program.scrape_until(skewed, 30, "the skew is told")
        assert scraped.value(UP, target="test") == 1, program.log
        assert program.get("/-/healthy").status == 200
        for name in ("dpu_seconds", "processed_bytes", "run_start_timestamp_seconds"):
            assert scraped.series(RUN + name) == good.series(RUN + name)
        duration = scraped.value(f"{RUN}duration_seconds", run_id=RUN_ID)
        assert duration is not None
        assert duration >= 0
        wait_until(lambda: program.get("/-/ready").status == 200, 5, "still ready")
