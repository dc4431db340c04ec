"""The running program takes over a changed configuration, however it is told to."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.exposition import Exposition
from tests.e2e.program import Program, Reply, serve, target, wait_until, write_config
from tests.support.bare_faults import HANG
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

pytestmark = pytest.mark.xdist_group("reload")

FIRST, SECOND = sample_run_id(1), sample_run_id(2)
SUCCESSFUL = "glue_mv_exporter_config_last_reload_successful"
SUCCESS_TIME = "glue_mv_exporter_config_last_reload_success_timestamp_seconds"


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        for number in (1, 2):
            bare.records.put_run(sample_run(number))
        yield bare


def watching(glue: BareGlue, *runs: str) -> dict[str, object]:
    return {"targets": [target(glue.url, *runs)]}


def await_runs(program: Program, *runs: str) -> Exposition:
    def check(scraped: Exposition) -> bool:
        return {labels["run_id"] for labels, _ in scraped.series("glue_mv_refresh_run_info")} == set(runs)

    return program.scrape_until(check, what=f"runs {runs}")


def test_sighup_reloads(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        before = await_runs(program, FIRST).value(SUCCESS_TIME)
        write_config(tmp_path, watching(glue, FIRST, SECOND))
        program.process.send_signal(signal.SIGHUP)
        after = await_runs(program, FIRST, SECOND).value(SUCCESS_TIME)
        assert before is not None
        assert after is not None
        assert after > before
        assert glue.count(run_id=FIRST) == 1, "a settled run that stays is not fetched again"


def test_sighup_with_an_invalid_file_changes_nothing(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        await_runs(program, FIRST)
        (tmp_path / "config.yaml").write_text("targets:\n  - nmae: x\n")
        program.process.send_signal(signal.SIGHUP)
        scraped = program.scrape_until(lambda e: e.value(SUCCESSFUL) == 0, what="the reload failed")
        assert {labels["run_id"] for labels, _ in scraped.series("glue_mv_refresh_run_info")} == {FIRST}
        assert "config.yaml:2: targets[0].nmae" in program.log
        assert program.get("/-/healthy").status == 200


def test_many_signals_end_with_the_last_file(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        await_runs(program, FIRST)
        for runs in [(SECOND,), (FIRST,)] * 20 + [(FIRST, SECOND)]:
            write_config(tmp_path, watching(glue, *runs))
            program.process.send_signal(signal.SIGHUP)
        await_runs(program, FIRST, SECOND)


def post(program: Program) -> Reply:
    return program.get("/-/reload", method="POST")


def test_a_post_reloads_or_tells_why_not(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST), "--web.enable-lifecycle") as program:
        await_runs(program, FIRST)
        write_config(tmp_path, watching(glue, SECOND))
        assert post(program).status == 200
        await_runs(program, SECOND)
        (tmp_path / "config.yaml").write_text("targets: {}\n")
        refused = post(program)
        assert refused.status == 500
        assert "config.yaml:1: targets" in refused.text
        await_runs(program, SECOND)
        assert program.scrape().value(SUCCESSFUL) == 0
        assert program.get("/-/reload").status == 405


def test_without_the_flag_a_post_is_forbidden(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, FIRST)) as program:
        await_runs(program, FIRST)
        write_config(tmp_path, watching(glue, SECOND))
        refused = post(program)
        assert refused.status == 403
        assert "--web.enable-lifecycle" in refused.text
        await_runs(program, FIRST)


def test_a_swapped_config_map_is_noticed(glue: BareGlue, tmp_path: Path) -> None:
    """Kubernetes writes a folder anew, and swaps one link to it; the file itself stays a link."""
    mounted = tmp_path / "mounted"
    for version, runs in (("..1", (FIRST,)), ("..2", (SECOND,))):
        (mounted / version).mkdir(parents=True)
        (mounted / version / "config.yaml").write_text(yaml.safe_dump(watching(glue, *runs)))
    (mounted / "..data").symlink_to("..1")
    (mounted / "config.yaml").symlink_to("..data/config.yaml")
    flags = (f"--config.file={mounted / 'config.yaml'}", "--config.auto-reload-interval=1s")
    with Program(tmp_path / "program", flags) as program:
        await_runs(program, FIRST)
        (mounted / "..new").symlink_to("..2")
        (mounted / "..new").rename(mounted / "..data")
        await_runs(program, SECOND)
        assert program.log.count("configuration reloaded") == 1


def test_reloads_while_glue_hangs(glue: BareGlue, tmp_path: Path) -> None:
    """Neither the reload nor what it brings waits for the poll under way."""
    with serve(tmp_path, watching(glue, FIRST), "--web.enable-lifecycle") as program:
        await_runs(program, FIRST)
        glue.misbehave(HANG, run_id=SECOND)
        write_config(tmp_path, watching(glue, FIRST, SECOND))
        assert post(program).status == 200
        glue.wait_for_calls(1, run_id=SECOND)
        third = glue.records.put_run(sample_run(3))
        write_config(tmp_path, {"targets": [target(glue.url, third, name="another")]})
        answer = post(program)
        assert answer.status == 200
        assert answer.seconds < 15
        await_runs(program, third)


def test_ten_reloads_at_once(glue: BareGlue, tmp_path: Path) -> None:
    """Whatever they read on their way, the end is what the file says in the end."""
    with serve(tmp_path, watching(glue, FIRST), "--web.enable-lifecycle") as program:
        await_runs(program, FIRST)
        texts = [
            yaml.safe_dump(watching(glue, FIRST)),
            yaml.safe_dump(watching(glue, SECOND)),
            "targets: 1\n",
        ]
        answers: list[int] = []

        def reload(number: int) -> None:
            fresh = tmp_path / f"config-{number}"
            fresh.write_text(texts[number % 3])
            fresh.rename(tmp_path / "config.yaml")
            answers.append(post(program).status)

        threads = [threading.Thread(target=reload, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 10
        assert set(answers) <= {200, 500}
        write_config(tmp_path, watching(glue, FIRST, SECOND))
        wait_until(lambda: post(program).status == 200, 10, "the last reload succeeds")
        await_runs(program, FIRST, SECOND)  # promtool has looked for duplicates
