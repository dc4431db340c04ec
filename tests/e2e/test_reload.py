"""The running program takes over a changed configuration, however it is told to."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.e2e.program import Program, serve, target, write_config
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import GET_RUN, LIST_RUNS, BareGlue
from tests.support.bare_records import sample_run, sample_run_id

FIRST, SECOND = sample_run_id(1), sample_run_id(2)
SUCCESSFUL = f"{EXPORTER}config_last_reload_successful"
SUCCESS_TIME = f"{EXPORTER}config_last_reload_success_timestamp_seconds"
LIFECYCLE = "--web.enable-lifecycle"


def watching(glue: BareGlue, *runs: str) -> dict[str, Any]:
    return {"targets": [target(glue.url, *runs)]}


@pytest.fixture
def glue(glue: BareGlue) -> BareGlue:
    for number in (1, 2):
        glue.records.put_run(sample_run(number))
    return glue


def await_runs(program: Program, *runs: str) -> Exposition:
    def check(scraped: Exposition) -> bool:
        return {labels["run_id"] for labels, _ in scraped.series(f"{RUN}info")} == set(runs)

    return program.scrape_until(check, what=f"runs {runs}")


def test_sighup_reloads_a_valid_file_alone(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        before = await_runs(program, FIRST).value(SUCCESS_TIME) or 0.0
        write_config(tmp_path, watching(glue, FIRST, SECOND))
        program.process.send_signal(signal.SIGHUP)
        after = await_runs(program, FIRST, SECOND).value(SUCCESS_TIME) or 0.0
        assert 0 < before < after
        assert glue.count(run_id=FIRST) == 1, "a settled run that stays is not fetched again"
        (tmp_path / "config.yaml").write_text("targets:\n  - nmae: x\n")
        program.process.send_signal(signal.SIGHUP)
        program.scrape_until(lambda now: now.value(SUCCESSFUL) == 0, what="the reload failed")
        await_runs(program, FIRST, SECOND)
        assert "config.yaml:2: targets[0].nmae" in program.log
        assert program.get("/-/healthy").status == 200


def test_a_post_reloads_or_tells_why_not(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST), LIFECYCLE) as program:
        await_runs(program, FIRST)
        assert program.reload(watching(glue, SECOND)).status == 200
        await_runs(program, SECOND)
        (tmp_path / "config.yaml").write_text("targets: {}\n")
        refused = program.reload()
        assert refused.status == 500
        assert "config.yaml:1: targets" in refused.text
        assert await_runs(program, SECOND).value(SUCCESSFUL) == 0
        assert program.get("/-/reload").status == 405


def test_without_the_flag_a_post_is_forbidden(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        await_runs(program, FIRST)
        refused = program.reload(watching(glue, SECOND))
        assert refused.status == 403
        assert LIFECYCLE in refused.text
        await_runs(program, FIRST)


def test_a_swapped_config_map_is_noticed(glue: BareGlue, tmp_path: Path) -> None:
    """Kubernetes writes a folder anew, and swaps one link to it; the file itself stays a link."""
    mounted = tmp_path / "mounted"
    for version, runs in (("..1", (FIRST,)), ("..2", (SECOND,))):
        (mounted / version).mkdir(parents=True)
        write_config(mounted / version, watching(glue, *runs))
    (mounted / "..data").symlink_to("..1")
    (mounted / "config.yaml").symlink_to("..data/config.yaml")
    flags = (f"--config.file={mounted / 'config.yaml'}", "--config.auto-reload-interval=1s")
    with Program(tmp_path / "program", flags) as program:
        await_runs(program, FIRST)
        (mounted / "..new").symlink_to("..2")
        (mounted / "..new").rename(mounted / "..data")
        await_runs(program, SECOND)
        program.await_log("configuration reloaded")
        assert program.log.count("configuration reloaded") == 1


def test_a_new_target_is_polled_at_the_new_rate_from_its_first_request_on(
    glue: BareGlue, tmp_path: Path
) -> None:
    """Targets with the same access share the lowest of their rates."""
    glue.misbehave(ACCESS_DENIED, operation=LIST_RUNS)  # so each run takes a call
    first, *others = [glue.records.put_run(sample_run(number, status="RUNNING")) for number in range(60)]
    fast = target(glue.url, first, max_requests_per_second=500)
    slower = [
        target(glue.url, run_id, name=f"new-{number}", max_requests_per_second=1)
        for number, run_id in enumerate(others)
    ]
    with serve(tmp_path, {"targets": [fast]}, LIFECYCLE) as program:
        program.await_up()
        glue.forget_calls()
        assert program.reload({"targets": [fast, *slower]}).status == 200
        glue.wait_for_calls(9, GET_RUN, seconds=60)
        times = [call.at for call in glue.calls(GET_RUN) if call.run_id != first]
        assert times[7] - times[0] >= 4
