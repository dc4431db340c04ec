"""The systemd unit names what the program has, and hides from it what it does not need."""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from exporter.cli.main import load_command
from exporter.cli.systemd import SEND_WITHIN

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = FOLDER / "glue-mv-exporter.service"
EXAMPLE = FOLDER / "environment.example"
PROGRAM = "/opt/glue-mv-exporter/bin/glue-mv-exporter"


def directives(section: str) -> Mapping[str, list[str]]:
    """Return the values of every directive of a section: a name may stand there several times."""
    text = UNIT.read_text().split(f"[{section}]\n")[1].split("\n[")[0]
    found: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


SERVICE = directives("Service")


def command(name: str) -> click.Command:
    loaded = load_command(name)
    assert isinstance(loaded, click.Command)
    return loaded


def variables() -> dict[str, click.Option]:
    """Return the flags of ``serve`` by their environment variables."""
    options = [option for option in command("serve").params if isinstance(option, click.Option)]
    return {str(option.envvar): option for option in options}


def own_commands() -> list[str]:
    lines = [*SERVICE["ExecStart"], *SERVICE["ExecReload"]]
    return [line for line in lines if line.startswith(PROGRAM)]


@pytest.mark.parametrize("line", own_commands())
def test_its_commands_are_understood(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command(name).make_context(name, arguments)


def test_a_reload_checks_the_file_and_then_sends_the_signal() -> None:
    check, kill = SERVICE["ExecReload"]
    assert check.startswith(f"{PROGRAM} check-config ")
    assert kill == "/bin/kill -HUP $MAINPID"


def test_its_variables_are_those_of_flags() -> None:
    named = {line.split("=")[0] for line in SERVICE["Environment"] if not line.startswith("MALLOC_")}
    assert named == {"GLUE_MV_EXPORTER_CONFIG_FILE", "GLUE_MV_EXPORTER_STORAGE_PATH"}
    assert named <= variables().keys()


def example_lines() -> list[tuple[str, str]]:
    """Return names and values of the example, those that are commented out, too."""
    return re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "value"), example_lines())
def test_the_example_names_variables_that_are_there(name: str, value: str) -> None:
    if name.startswith("AWS_"):
        return
    option = variables()[name]
    context = click.Context(command("serve"))
    option.type.convert(value, option, context)


def test_the_example_holds_no_secret_but_room_for_one() -> None:
    values = dict(example_lines())
    assert (values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]) == ("", "")


def test_an_invalid_configuration_is_not_tried_again_and_again() -> None:
    assert SERVICE["Restart"] == ["on-failure"]
    assert SERVICE["RestartPreventExitStatus"] == ["2"]


def test_it_gets_longer_to_stop_than_it_needs() -> None:
    (seconds,) = SERVICE["TimeoutStopSec"]
    assert int(seconds.removesuffix("s")) > 5


def test_the_watchdog_is_fed_by_the_poll_loops_and_ends_the_program_in_order() -> None:
    """SIGABRT, the default, would leave a core dump with credentials, and no line about what hangs."""
    assert (SERVICE["Type"], SERVICE["WatchdogSignal"]) == (["notify"], ["SIGTERM"])
    (seconds,) = SERVICE["WatchdogSec"]
    assert int(seconds.removesuffix("s")) > 5 * SEND_WITHIN


def test_the_state_is_where_the_unit_lets_it_write() -> None:
    (storage,) = [line.split("=")[1] for line in SERVICE["Environment"] if "STORAGE" in line]
    assert storage == f"%S/{SERVICE['StateDirectory'][0]}"
