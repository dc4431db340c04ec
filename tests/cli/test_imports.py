"""What each command imports: a count of packages, which is the same on every machine, unlike seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporter.cli.main import COMMANDS, load_command
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

LIGHT = {"click", "exporter"}
SDK = {"boto3", "botocore", "urllib3", "s3transfer"}
SERVING = {"uvicorn", "starlette", "h11", "anyio", "jinja2"}
DEMO = {"moto", "werkzeug"}
WATCHED = LIGHT | SDK | SERVING | DEMO | {"yaml", "structlog", "prometheus_client", "bcrypt"}


def imports_of(*arguments: str) -> set[str]:
    """Return the packages of which a module was imported: ``-X importtime`` also names what was not found."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "exporter", *arguments],
        env={**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "do-not-print"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = (line.rpartition("|")[2].strip().partition(".") for line in lines)
    return {package for package, dot, _ in names if dot} & WATCHED


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["healthcheck", "--web.listen-address=127.0.0.1:1"],
        ["healthcheck", "--help"],
        ["serve", "--help"],
    ],
    ids=" ".join,
)
def test_what_neither_reads_a_configuration_nor_asks_aws_imports_next_to_nothing(
    arguments: list[str],
) -> None:
    assert imports_of(*arguments) == LIGHT


def test_a_check_imports_no_sdk_and_one_poll_no_web_server(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    with BareGlue() as glue:
        target = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "endpoint_url": glue.url}
        run_id = glue.records.put_run(sample_run(1))
        file.write_text(yaml.safe_dump({"targets": [{**target, "runs": [run_id]}]}))
        assert imports_of("check-config", str(file)) == LIGHT | {"yaml"}
        found = imports_of("once", f"--config.file={file}")
    assert found >= SDK
    assert not found & (SERVING | DEMO)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str) -> None:
    assert (load_command(name).help or "").partition("\n")[0] == COMMANDS[name]
