"""What each command imports: a count of packages, which is the same on every machine, unlike seconds."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from exporter.cli.main import COMMANDS, load_command
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

LIGHT = {"click", "exporter"}
SDK = {"boto3", "botocore", "urllib3", "s3transfer"}
CONFIGURATION = {"yaml"}
WEB = {"uvicorn", "starlette", "h11", "anyio"}
PAGE = {"jinja2"}
NEVER_AT_A_START = {"moto", "werkzeug"}
WATCHED = (
    LIGHT | SDK | CONFIGURATION | WEB | PAGE | NEVER_AT_A_START | {"structlog", "prometheus_client", "bcrypt"}
)


def command(*arguments: str) -> list[str]:
    """Return a command line that tells on standard error what is imported."""
    return [sys.executable, "-X", "importtime", "-m", "exporter", *arguments]


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "do-not-print",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def imported(lines: Sequence[str]) -> set[str]:
    """Return the packages of which ``-X importtime`` told a module: it also names one that was not found."""
    names = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    return {package for package, dot, _ in (name.partition(".") for name in names) if dot} & WATCHED


def imports_of(*arguments: str) -> set[str]:
    done = subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return imported(done.stderr.splitlines())


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as glue:
        yield glue


@pytest.fixture
def config(tmp_path: Path, glue: BareGlue) -> str:
    run_id = glue.records.put_run(sample_run(1))
    file = tmp_path / "config.yaml"
    target = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "endpoint_url": glue.url}
    file.write_text(yaml.safe_dump({"targets": [{**target, "runs": [run_id]}]}))
    return str(file)


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


def test_a_configuration_is_checked_without_the_sdk_the_web_server_and_the_log(config: str) -> None:
    assert imports_of("check-config", config) == LIGHT | CONFIGURATION


def test_one_poll_takes_no_web_server(config: str) -> None:
    found = imports_of("once", "--config.file", config)
    assert found >= SDK
    assert not found & (WEB | PAGE | NEVER_AT_A_START)


def test_the_daemon_serves_a_scrape_without_what_only_the_demo_needs(config: str) -> None:
    arguments = ("--config.file", config, "--web.listen-address=127.0.0.1:0")
    with subprocess.Popen(
        command(*arguments), env=environment(), stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None
        lines: list[str] = []
        try:
            while "msg=listening" not in (line := program.stderr.readline()):
                assert line, lines
                lines.append(line)
            address = line.partition("address=")[2].partition(" ")[0]
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
                assert answer.status == 200
        finally:
            program.terminate()
        lines += program.stderr.readlines()
    found = imported(lines)
    assert found >= SDK | CONFIGURATION | WEB
    assert not found & NEVER_AT_A_START


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str) -> None:
    assert (load_command(name).help or "").partition("\n")[0] == COMMANDS[name]
