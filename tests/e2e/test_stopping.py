"""The program stops within 5 seconds, whatever it waits for."""

import signal
from pathlib import Path

import pytest

from tests.e2e.program import run, serve, target, write_config
from tests.support.bare_faults import HANG
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run, sample_run_id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_while_glue_hangs(tmp_path: Path, number: signal.Signals) -> None:
    with BareGlue() as glue:
        glue.misbehave(HANG)
        runs = [sample_run_id(n) for n in range(20)]
        with serve(tmp_path, {"targets": [target(glue.url, *runs)]}) as program:
            glue.wait_for_calls(2, GET_RUN)
            program.stop(number)


def test_stops_while_sts_hangs(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.misbehave(HANG, operation="GetCallerIdentity")
        watched = target(glue.url, sample_run_id(1))
        del watched["catalog_id"]
        with serve(tmp_path, {"targets": [watched]}, env={"AWS_ENDPOINT_URL_STS": glue.url}) as program:
            glue.wait_for_calls(1, "GetCallerIdentity")
            program.stop()


def test_a_second_signal_does_no_harm(tmp_path: Path) -> None:
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        glue.misbehave(HANG)
        with serve(tmp_path, {"targets": [target(glue.url, run_id)]}) as program:
            glue.wait_for_calls(1)
            program.process.send_signal(signal.SIGTERM)
            program.stop(signal.SIGTERM)


def test_once_ends_although_glue_hangs(tmp_path: Path) -> None:
    """A Glue that hangs is a target that is not up."""
    with BareGlue() as glue:
        glue.misbehave(HANG)
        config = write_config(tmp_path, {"targets": [target(glue.url, sample_run_id(1))]})
        outcome = run(tmp_path, "once", f"--config.file={config}")
        assert outcome.status == 1
        assert outcome.seconds < 40
