"""``glue-mv-exporter``: the commands, and what all of them share."""

import errno
import importlib
import io
import platform
import shutil
import sys
import traceback
from collections.abc import Sequence

import click

from exporter import __version__
from exporter.cli.logs import StandardError, echo_error, unwritable
from exporter.cli.signals import accept_signals
from exporter.errors import ConfigurationError, ExporterError

EXIT_FAILED = 1
EXIT_USAGE = 2

COMMANDS = {
    "serve": "Run the exporter (the default command).",
    "check-config": "Validate configuration files; --online asks AWS, too.",
    "once": "Poll once and print the exposition to standard output.",
    "runs": "List the refresh task runs of the configured targets, newest first.",
    "healthcheck": "Ask this machine's running exporter for /-/healthy.",
    "demo": "Run the exporter on a simulated Glue inside this process.",
}
"""The commands and the first sentence of each one's help: the list of commands loads none of them."""

DEFAULT_COMMAND = "serve"

HELP_WIDTH = max(50, min(shutil.get_terminal_size().columns, 100))
"""click would leave two columns free, and so break the longest variable's name on a terminal of 80."""


def load_command(name: str) -> click.Command:
    """Import a command: it is ``command`` in the module of its name."""
    command: click.Command = importlib.import_module(f"exporter.cli.{name.replace('-', '_')}").command
    return command


class Commands(click.Group):
    """Loads commands lazily, and runs ``serve`` where the first argument names none."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands' names in the order in which help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load one command. Raises click.NoSuchCommand, which names the nearest."""
        if cmd_name not in COMMANDS:
            raise click.NoSuchCommand(cmd_name, possibilities=COMMANDS, ctx=ctx)
        if cmd_name not in ("serve", "demo"):  # they handle signals themselves
            accept_signals()
        return load_command(cmd_name)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, and load none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command first where none is named."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if "--version" in args:
            args = ["--version"]
        elif not args or (args[0].startswith("-") and args[0] not in own):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": HELP_WIDTH},
    epilog="""\b
Examples:
  glue-mv-exporter demo
  glue-mv-exporter check-config config.yaml
  glue-mv-exporter --config.file=config.yaml --web.listen-address=:10079
  glue-mv-exporter once --config.file=config.yaml > glue.prom
  glue-mv-exporter runs --aws.region=eu-west-1 --database=sales

\b
Every flag can be given as an environment variable: --config.file is
GLUE_MV_EXPORTER_CONFIG_FILE. Without a command, serve runs: see
`glue-mv-exporter serve --help` for its flags.""",
)
@click.version_option(
    package_name="boto3",
    message=f"glue-mv-exporter {__version__} (Python {platform.python_version()}, boto3 %(version)s)",
    help="Print the versions of the exporter, of Python and of boto3, and exit.",
)
def cli() -> None:
    """Prometheus exporter for AWS Glue materialized view refresh task runs."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the program: 0 fine, 1 it could not do its work, 2 wrong usage or invalid configuration."""
    StandardError.install()
    try:
        status = run(args)
    except Exception:  # noqa: BLE001 (as the interpreter does, but wherever it can be read)
        echo_error(traceback.format_exc().rstrip())
        status = EXIT_FAILED
    sys.exit(status)


def run(args: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    try:
        status = cli.main(args=args, prog_name="glue-mv-exporter", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        echo_error(shown.getvalue().rstrip())
        return error.exit_code
    except click.Abort:
        return 130
    except ConfigurationError as error:
        echo_error(str(error))
        return EXIT_USAGE
    except (ExporterError, OSError) as error:
        if isinstance(error, OSError):
            if error.errno != errno.ENOSPC or error.filename is not None:
                raise
            error = unwritable(error)  # versions, help, or what healthcheck says
        echo_error(f"glue-mv-exporter: {error}")
        return EXIT_FAILED
    return status if isinstance(status, int) else 0
