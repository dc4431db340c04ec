"""Health tells whether the exporter polls, never whether AWS answers; readiness, whether it has polled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import run, serve, target, wait_until
from tests.support.bare_faults import HANG, THROTTLED, UNAVAILABLE, Fault
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

LONGER_THAN_A_POLL = 40
"""Seconds: a poll that finds nobody there gives up after 30."""


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        bare.records.put_run(sample_run(1))
        yield bare


def test_stays_healthy_while_glue_hangs_for_long(glue: BareGlue, tmp_path: Path) -> None:
    """Not ready, and then ready: the first poll has ended, although it failed."""
    glue.misbehave(HANG)
    with serve(tmp_path, {"poll_interval": "5s", "targets": [target(glue.url, sample_run_id(1))]}) as program:
        assert program.get("/-/ready").status == 503
        was_ready = False
        until = time.monotonic() + LONGER_THAN_A_POLL
        while time.monotonic() < until:
            healthy = program.get("/-/healthy")
            assert (healthy.status, healthy.text) == (200, "healthy\n")
            ready = program.get("/-/ready").status == 200
            assert ready >= was_ready, "once ready, always ready"
            was_ready = ready
            time.sleep(0.5)
        assert was_ready
        assert program.scrape().value("glue_mv_exporter_target_up", target="test") == 0
        assert program.log.count("target is down") == 1, "once, not at every poll"
        checked = run(tmp_path, "healthcheck", f"--web.listen-address=127.0.0.1:{program.port}")
        assert checked.status == 0


@pytest.mark.parametrize("fault", [THROTTLED, UNAVAILABLE], ids=["throttled", "unavailable"])
def test_is_healthy_and_ready_although_glue_refuses(glue: BareGlue, tmp_path: Path, fault: Fault) -> None:
    glue.misbehave(fault)
    with serve(tmp_path, {"targets": [target(glue.url, sample_run_id(1))]}) as program:
        wait_until(lambda: program.get("/-/ready").status == 200, 30, "the first poll has ended")
        assert program.get("/-/healthy").status == 200


def test_one_target_that_hangs_keeps_it_from_being_ready(glue: BareGlue, tmp_path: Path) -> None:
    """Ready means that a scrape tells of every target."""
    with BareGlue() as dead:
        dead.misbehave(HANG)
        targets = [target(glue.url, sample_run_id(1)), target(dead.url, sample_run_id(1), name="dead")]
        targets[1]["catalog_id"] = "210987654321"
        with serve(tmp_path, {"targets": targets}) as program:
            program.scrape_until(lambda e: e.value("glue_mv_exporter_target_up", target="test") == 1)
            reply = program.get("/-/ready")
            assert reply.status == 503
            assert reply.text == "the first poll of some target has not ended yet\n"
            assert program.get("/-/healthy").status == 200


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("info", 0)])
def test_requests_are_logged_at_debug_alone(glue: BareGlue, tmp_path: Path, level: str, lines: int) -> None:
    with serve(
        tmp_path, {"targets": [target(glue.url, sample_run_id(1))]}, f"--log.level={level}"
    ) as program:
        program.get("/-/healthy")
        program.get("/nowhere?secret=do-not-print-this")
        wait_until(lambda: program.log.count("msg=request") >= lines, 5, "the requests are logged")
        requests = [line for line in program.log.splitlines() if "msg=request" in line]
        assert len(requests) == lines
        if requests:
            assert "method=GET path=/-/healthy status=200 seconds=" in requests[0]
            assert "method=GET path=/nowhere status=404 seconds=" in requests[1]
