"""The command line as users type it: commands, flags, environment variables, exit statuses."""

import platform
import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest

from exporter import __version__
from exporter.cli import flags
from exporter.cli.main import COMMANDS, HELP_WIDTH, load_command, run

Output = pytest.CaptureFixture[str]

VALID = """
targets:
  - name: prod
    aws_region: eu-west-1
    catalog_id: "123456789012"
    runs: [0f8fad5b-d9cb-469f-a165-70867728950e]
"""


@pytest.mark.parametrize(
    "args", [["--version"], ["--config.file=x", "--version"], ["--version", "once"], ["serve", "--version"]]
)
def test_the_version_names_the_exporter_python_and_boto3(capsys: Output, args: list[str]) -> None:
    assert run(args) == 0
    expected = (
        f"glue-mv-exporter {__version__} (Python {platform.python_version()}, "
        f"boto3 {metadata.version('boto3')})\n"
    )
    assert capsys.readouterr() == (expected, "")


def test_a_file_to_check_that_is_missing_is_not_said_to_be_named_by_a_flag(capsys: Output) -> None:
    """``check-config`` takes files, and knows no such flag."""
    assert run(["check-config", "missing.yaml"]) == 2
    assert capsys.readouterr().err == (
        "missing.yaml: no such file: name another, or begin with a copy of config.example.yaml\n"
    )


@pytest.mark.parametrize("name", ["serve", "once"])
def test_a_refused_configuration_leaves_no_state_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").write_text("targets: []\n")
    arguments = (f"--config.file={tmp_path / 'config.yaml'}", f"--storage.path={tmp_path / 'state'}")
    assert run([name, *arguments]) == 2
    assert not (tmp_path / "state").exists()


def test_only_a_taken_port_is_said_to_be_taken(tmp_path: Path, capsys: Output) -> None:
    """The second address is kept free for documentation: no machine has it. The third is none."""
    file = tmp_path / "config.yaml"
    file.write_text(VALID)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for host, port in (taken.getsockname(), ("192.0.2.1", 10079), ("[1:2]", 10079)):
            assert run([f"--config.file={file}", f"--web.listen-address={host}:{port}"]) == 1
        first, second, third = capsys.readouterr().err.splitlines()
    assert first.endswith("Address already in use (is another exporter running? see --web.listen-address)")
    assert second.endswith("Cannot assign requested address (see --web.listen-address)")
    assert third.endswith("[1:2]:10079: Name or service not known (see --web.listen-address)")


@pytest.mark.parametrize("args", [["--help"], ["-h"]])
def test_the_help_lists_every_command(capsys: Output, args: list[str]) -> None:
    assert run(args) == 0
    out = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in out
    assert "  Examples:\n    glue-mv-exporter demo\n" in out
    assert "`glue-mv-exporter serve --help`" in out, "a command is not broken at its hyphens"
    assert "..." not in out.partition("Commands:")[2], "each is told in one line"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_each_flag_with_its_variable(capsys: Output, name: str) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: glue-mv-exporter {name} ")
    assert max(map(len, out.splitlines())) <= HELP_WIDTH
    for flag in load_command(name).params:
        if isinstance(flag, click.Option):
            name_of_flag = flag.opts[0].removeprefix("--").replace(".", "_").replace("-", "_")
            assert flag.envvar == f"GLUE_MV_EXPORTER_{name_of_flag.upper()}"
            assert flag.envvar in out, "somebody will copy it: it is not broken where a line ends"
            assert flag.help


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("serve", "--config.file FILE"),
        ("serve", "env var: GLUE_MV_EXPORTER_CONFIG_FILE; default: config.yaml"),
        ("serve", "env var: GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS; default: :10079"),
        ("runs", "The targets are those of config.yaml"),
        ("demo", "env var: GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS; default: 127.0.0.1:10079"),
    ],
)
def test_the_help_of_a_command_shows_defaults(capsys: Output, command: str, shown: str) -> None:
    run([command, "--help"])
    assert shown in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["watch"], "No such command 'watch'"),
        (["serv"], "No such command 'serv'. Did you mean 'serve'?"),
        (["--config.file=x", "once"], "Got unexpected extra argument (once)"),
        (["--config.fle=x"], "No such option '--config.fle'"),
        (["serve", "--config.file"], "Option '--config.file' requires an argument"),
        (["--config.file"], "Option '--config.file' requires an argument"),
        (["serve", "surplus"], "Got unexpected extra argument (surplus)"),
        (["--log.level=loud"], "'loud' is not one of"),
        (["--log.format=xml"], "'xml' is not one of"),
        (
            ["--web.listen-address=10079"],
            "Invalid value for '--web.listen-address': not a valid listen address: '10079'; write host:port",
        ),
        (["--web.listen-address=:99999"], "':99999' has no port from 0 to 65535"),
        (["healthcheck", "--web.listen-address=[::1]"], "not a valid listen address: '[::1]'"),
        (["once", "--web.listen-address=:1"], "No such option '--web.listen-address'"),
        (["check-config"], "Missing argument 'FILE...'"),
        (["check-config", "--config.file=x"], "No such option '--config.file'"),
    ],
)
def test_wrong_usage_is_status_2_and_said_in_a_line(capsys: Output, args: list[str], complaint: str) -> None:
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "args",
    [
        ["--config.file={file}"],
        ["--config.file", "{file}"],
        ["serve", "--config.file={file}"],
        ["once", "--log.level", "error", "--config.file", "{file}", "--log.format=json"],
    ],
)
def test_flags_stand_after_a_command_or_without_one(capsys: Output, tmp_path: Path, args: list[str]) -> None:
    missing = tmp_path / "missing.yaml"
    assert run([arg.format(file=missing) for arg in args]) == 2
    assert str(missing) in capsys.readouterr().err


def test_a_flags_value_is_no_command_even_where_it_reads_like_one(
    capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["--config.file", "once"]) == 2
    assert capsys.readouterr().err.startswith("once: ")


@pytest.mark.parametrize(
    ("flag", "name"), [(flags.web_config_file, "--web.config.file"), (flags.storage_path, "--storage.path")]
)
def test_an_empty_path_is_none(flag: Callable[[Callable[..., str | None]], Any], name: str) -> None:
    """What an empty value of a unit file or a chart passes is not the working folder."""
    command = click.command()(flag(lambda **given: next(iter(given.values()))))
    assert command.main([f"{name}="], standalone_mode=False) is None
    assert command.main([f"{name}=here"], standalone_mode=False) == "here"


@pytest.mark.parametrize(
    ("variable", "value"), [("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("WEB_LISTEN_ADDRESS", "here")]
)
def test_a_wrong_environment_variable_is_wrong_usage(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"GLUE_MV_EXPORTER_{variable}", value)
    assert run(["serve"]) == 2
    err = capsys.readouterr().err
    assert value in err
    assert f"(env var: 'GLUE_MV_EXPORTER_{variable}')" in err
