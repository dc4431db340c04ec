"""The systemd unit names what the program has, and hides from it what it does not need."""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import click

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


SERVE = load_command("serve")
FLAGS = {str(option.envvar): option for option in SERVE.params if isinstance(option, click.Option)}
"""Of ``serve``, by their environment variables."""
EXAMPLES = re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
"""Names and values, those that are commented out, too."""


def test_its_commands_are_understood_and_a_reload_checks_the_file_first() -> None:
    (start,), (check, kill) = SERVICE["ExecStart"], SERVICE["ExecReload"]
    for line, command in ((start, "serve"), (check, "check-config")):
        program, name, *arguments = shlex.split(line)
        assert (program, name) == (PROGRAM, command)
        load_command(name).make_context(name, arguments)
    assert kill == "/bin/kill -HUP $MAINPID"


def test_its_variables_are_those_of_flags_and_its_state_is_where_it_may_write() -> None:
    lines = [line.partition("=") for line in SERVICE["Environment"] if not line.startswith("MALLOC_")]
    named = {name: value for name, _, value in lines}
    assert named.keys() == {"GLUE_MV_EXPORTER_CONFIG_FILE", "GLUE_MV_EXPORTER_STORAGE_PATH"}
    assert named.keys() <= FLAGS.keys()
    assert named["GLUE_MV_EXPORTER_STORAGE_PATH"] == f"%S/{SERVICE['StateDirectory'][0]}"


def test_the_example_names_variables_that_are_there_and_no_secret() -> None:
    for name, value in EXAMPLES:
        if name.startswith("AWS_"):
            assert value == "" or "KEY" not in name
        else:
            FLAGS[name].type.convert(value, FLAGS[name], click.Context(SERVE))


def test_an_invalid_configuration_is_not_tried_again_and_again() -> None:
    assert SERVICE["Restart"] == ["on-failure"]
    assert SERVICE["RestartPreventExitStatus"] == ["2"]


def test_it_gets_longer_to_stop_than_it_needs() -> None:
    assert int(SERVICE["TimeoutStopSec"][0].removesuffix("s")) > 5


def test_the_watchdog_is_fed_by_the_poll_loops_and_ends_the_program_in_order() -> None:
    """SIGABRT, the default, would leave a core dump with credentials, and no line about what hangs."""
    assert (SERVICE["Type"], SERVICE["WatchdogSignal"]) == (["notify"], ["SIGTERM"])
    assert int(SERVICE["WatchdogSec"][0].removesuffix("s")) > 5 * SEND_WITHIN
