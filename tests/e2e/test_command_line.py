"""Commands, flags, environment variables, exit statuses, and what is said of broken configurations."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.exposition import STATUSES, Exposition, check_with_promtool
from tests.e2e.program import Program, run, serve, target, write_config
from tests.support.bare_faults import THROTTLED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

AS_MODULE = (sys.executable, "-m", "exporter")
INVALID = Path(__file__).parents[1] / "testdata" / "config" / "invalid"


NO_URL = "not a valid http or https URL with a host"
NO_PATH = "must end with the path: no ? and no #"


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("no-such-command", "No such command"),
        ("--no.such-flag=1", "No such option"),
        ("--web.external-url=glue.example.org", NO_URL),
        ("--web.external-url=ftp://glue.example.org", NO_URL),
        ("--web.external-url=https://", NO_URL),
        (
            "--web.external-url=https://me:secret-do-not-print@a.example",
            "must not hold a user name or a pass",
        ),
        ("--web.external-url=https://glue.example.org/?q=x", NO_PATH),
        ("--web.external-url=https://glue.example.org/#views", NO_PATH),
    ],
)
def test_wrong_usage_is_exit_status_2(tmp_path: Path, argument: str, why: str) -> None:
    told = run(tmp_path, argument)
    assert told.status == 2, told
    assert why in told.err
    assert "Traceback" not in told.err


def test_what_the_terminals_encoding_cannot_say_is_spelt_out(tmp_path: Path) -> None:
    """Such as the name of a file from a time before UTF-8."""
    name = os.fsdecode(b"caf\xe9.yaml")
    config = {"targets": [{"catalog_id": "123456789012", "views": ["sales.*"]}]}
    write_config(tmp_path, config, name)
    told = run(tmp_path, "check-config", name, env={"PYTHONIOENCODING": "utf-8:strict"})
    assert (told.status, told.out) == (0, "caf\\udce9.yaml: OK (1 targets, 0 runs, 1 view patterns)\n"), told


def test_flags_are_also_environment_variables(glue: BareGlue, tmp_path: Path) -> None:
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


def test_a_flag_beats_its_environment_variable_and_a_first_poll_is_under_way_at_once(
    glue: BareGlue, tmp_path: Path
) -> None:
    config = {"poll_interval": "1h", "targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
    env = {"GLUE_MV_EXPORTER_CONFIG_FILE": "/nowhere.yaml", "GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": ":1"}
    with serve(tmp_path, config, env=env) as program:
        program.await_ready()


def test_config_yaml_in_the_working_directory_is_the_default(glue: BareGlue, tmp_path: Path) -> None:
    """And a run that is listed twice in it is watched once, with a warning."""
    run_id = glue.records.put_run(sample_run(1))
    path = write_config(tmp_path, {"targets": [target(glue.url, run_id, run_id)]})
    line = path.read_text().splitlines().index(f"  - {run_id}") + 2  # the next one, counted from 1
    told = run(tmp_path, "check-config", "config.yaml")
    assert told.status == 0
    assert "config.yaml: OK (1 targets, 1 runs, 0 view patterns)" in told.out
    assert f"config.yaml:{line}: targets[0].runs[1]: " in told.err
    with Program(tmp_path, ("serve",)) as program:
        program.scrape_until(lambda e: e.status(run_id) == "SUCCEEDED")
        assert "targets[0].runs[1]" in program.log


def test_once_prints_the_exposition_for_a_textfile(glue: BareGlue, tmp_path: Path) -> None:
    runs = [glue.records.put_run(sample_run(n, status=status)) for n, status in enumerate(STATUSES)]
    unknown = sample_run_id(99)
    config = write_config(tmp_path, {"targets": [target(glue.url, *runs, unknown)]})
    told = run(tmp_path, "once", f"--config.file={config}")
    assert told.status == 0, told
    check_with_promtool(told.out)
    printed = Exposition(told.out)
    assert [printed.status(run_id) for run_id in runs] == list(STATUSES)
    assert printed.value("glue_mv_refresh_run_up", run_id=unknown) == 0
    assert printed.up() == 1
    assert not [name for name in printed.names() if name.startswith(("process_", "python_"))]
    assert set(printed.types.values()) == {"gauge"}


def test_once_is_exit_status_1_where_a_target_is_not_up(glue: BareGlue, tmp_path: Path) -> None:
    with BareGlue(THROTTLED) as bad:
        run_id = glue.records.put_run(sample_run(1))
        targets = [target(glue.url, run_id, name="good"), target(bad.url, sample_run_id(2), name="bad")]
        config = write_config(tmp_path, {"targets": targets})
        told = run(tmp_path, "once", f"--config.file={config}")
    assert told.status == 1
    check_with_promtool(told.out)
    printed = Exposition(told.out)
    assert printed.status(run_id) == "SUCCEEDED"
    assert printed.up("bad") == 0
    assert "bad" in told.err


# Broken configurations are refused at once, with line and key, by every command.


@pytest.mark.parametrize("command", [["serve"], ["once"], ["check-config", "config.yaml"]])
def test_every_command_tells_all_mistakes_at_once(tmp_path: Path, command: list[str]) -> None:
    """Each mistake is in tests/config/test_invalid.py."""
    mistake = INVALID / "everything_at_once.yaml"
    shutil.copy(mistake, tmp_path / "config.yaml")
    told = run(tmp_path, *command)
    assert (told.status, told.out, told.err) == (2, "", mistake.with_suffix(".expected").read_text())
    numbers = [int(number) for number in re.findall(r"^config\.yaml:(\d+): ", told.err, re.MULTILINE)]
    assert numbers == sorted(numbers)
