"""Commands, flags, environment variables and exit statuses."""

import re
import socket
import sys
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, STATUSES, Exposition, check_with_promtool
from tests.e2e.program import COMMAND, Program, run, serve, target, wait_until, write_config
from tests.support.bare_faults import THROTTLED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

AS_MODULE = (sys.executable, "-m", "exporter")


@pytest.mark.parametrize("command", [COMMAND, AS_MODULE])
def test_version_names_itself_python_and_boto3(tmp_path: Path, command: tuple[str, ...]) -> None:
    told = run(tmp_path, "--version", command=command)
    assert told.status == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert re.search(rf"\d+\.\d+\.\d+.*{re.escape(python)}.*boto3\D*\d+\.\d+\.\d+", told.out, re.DOTALL), (
        told.out
    )


@pytest.mark.parametrize(
    "arguments", [("no-such-command",), ("--no.such-flag=1",), ("--web.listen-address=127.0.0.1:99999",)]
)
def test_wrong_usage_is_exit_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    config = write_config(tmp_path, {"targets": [target("http://127.0.0.1:9", sample_run_id(1))]})
    told = run(tmp_path, *arguments, env={"GLUE_MV_EXPORTER_CONFIG_FILE": str(config)})
    assert told.status == 2, told
    assert told.err.strip()
    assert "Traceback" not in told.err


def test_check_config_reports_every_file_although_one_is_broken(tmp_path: Path) -> None:
    runs = [sample_run_id(number) for number in range(2)]
    targets = [
        target("http://127.0.0.1:9", runs[0], name="a"),
        target("http://127.0.0.1:9", runs[1], name="b", views=["sales.*", "finance.daily"]),
    ]
    good = write_config(tmp_path, {"targets": targets}, "good.yaml")
    (tmp_path / "bad.yaml").write_text("targets: 1\n")
    told = run(tmp_path, "check-config", "bad.yaml", str(good), "missing.yaml")
    assert told.status == 2
    assert f"{good}: OK (2 targets, 2 runs, 2 view patterns)" in told.out
    assert "bad.yaml:1: targets" in told.err
    assert "missing.yaml: no such file" in told.err


def test_a_run_listed_twice_is_watched_once_with_a_warning(tmp_path: Path) -> None:
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        config = {"targets": [target(glue.url, run_id, run_id)]}
        path = write_config(tmp_path, config)
        line = path.read_text().splitlines().index(f"  - {run_id}") + 2  # the next one, counted from 1
        told = run(tmp_path, "check-config", str(path))
        assert told.status == 0
        assert f"{path}:{line}: targets[0].runs[1]: " in told.err
        assert "1 run" in told.out
        with serve(tmp_path, config) as program:
            scraped = program.scrape_until(lambda e: e.status(run_id))
            assert scraped.status(run_id) == "SUCCEEDED"
            assert "targets[0].runs[1]" in program.log


def test_flags_are_also_environment_variables(tmp_path: Path) -> None:
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        config = write_config(tmp_path, {"targets": [target(glue.url, run_id)]}, "other.yaml")
        env = {
            "GLUE_MV_EXPORTER_CONFIG_FILE": str(config),
            "GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
            "GLUE_MV_EXPORTER_LOG_FORMAT": "json",
            "GLUE_MV_EXPORTER_LOG_LEVEL": "debug",
        }
        with Program(tmp_path / "process", env=env, listen=None, command=AS_MODULE) as program:
            program.scrape_until(lambda e: e.status(run_id))
            assert program.log.splitlines()[0].startswith("{")


def test_a_flag_beats_its_environment_variable(tmp_path: Path) -> None:
    with BareGlue() as glue:
        config = {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        env = {"GLUE_MV_EXPORTER_CONFIG_FILE": "/nowhere.yaml", "GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": ":1"}
        with serve(tmp_path, config, env=env) as program:
            assert program.get("/-/healthy").status == 200


def test_config_yaml_in_the_working_directory_is_the_default(tmp_path: Path) -> None:
    with BareGlue() as glue:
        write_config(tmp_path, {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]})
        with Program(tmp_path, ("serve",)) as program:
            program.scrape_until(lambda e: e.status(sample_run_id(1)))


def test_a_taken_port_is_a_clear_error_and_exit_status_1(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"targets": [target("http://127.0.0.1:9", sample_run_id(1))]})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        told = run(tmp_path, f"--config.file={config}", f"--web.listen-address={address}")
    assert told.status == 1
    assert address in told.err
    assert "Traceback" not in told.err


def test_once_prints_the_exposition_for_a_textfile(tmp_path: Path) -> None:
    with BareGlue() as glue:
        runs = [glue.records.put_run(sample_run(n, status=status)) for n, status in enumerate(STATUSES)]
        unknown = sample_run_id(99)
        config = write_config(tmp_path, {"targets": [target(glue.url, *runs, unknown)]})
        told = run(tmp_path, "once", f"--config.file={config}")
    assert told.status == 0, told
    check_with_promtool(told.out)
    printed = Exposition(told.out)
    assert [printed.status(run_id) for run_id in runs] == list(STATUSES)
    assert printed.value("glue_mv_refresh_run_up", run_id=unknown) == 0
    assert printed.value(f"{EXPORTER}target_up", target="test") == 1
    assert not [name for name in printed.names() if name.startswith(("process_", "python_"))]
    assert set(printed.types.values()) == {"gauge"}


def test_once_is_exit_status_1_where_a_target_is_not_up(tmp_path: Path) -> None:
    with BareGlue() as good, BareGlue() as bad:
        bad.misbehave(THROTTLED)
        run_id = good.records.put_run(sample_run(1))
        targets = [target(good.url, run_id, name="good"), target(bad.url, sample_run_id(2), name="bad")]
        config = write_config(tmp_path, {"targets": targets})
        told = run(tmp_path, "once", f"--config.file={config}")
    assert told.status == 1
    check_with_promtool(told.out)
    printed = Exposition(told.out)
    assert printed.status(run_id) == "SUCCEEDED"
    assert printed.value(f"{EXPORTER}target_up", target="bad") == 0
    assert "bad" in told.err


def test_a_first_poll_is_under_way_at_once(tmp_path: Path) -> None:
    with BareGlue() as glue:
        config = {"poll_interval": "1h", "targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        with serve(tmp_path, config) as program:
            wait_until(lambda: program.get("/-/ready").status == 200, 15, "ready in spite of an hour")
