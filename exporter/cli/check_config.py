"""``check-config``: validates configuration files without touching AWS."""

import click

from exporter import config
from exporter.cli.main import EXIT_USAGE
from exporter.errors import ConfigurationError


@click.command("check-config")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(files: tuple[str, ...]) -> int:
    """Validate configuration files, without touching AWS.

    Prints `FILE: OK (N targets, N runs, N view patterns)`, or every error as `FILE:LINE: KEY.PATH: what is
    wrong`. Exit status 2 if any file is invalid.
    """
    status = 0
    for file in files:
        try:
            loaded = config.load(file)
        except ConfigurationError as error:
            click.echo(str(error), err=True)
            status = EXIT_USAGE
            continue
        for line in ConfigurationError(loaded.file, loaded.warnings).lines():
            click.echo(f"warning: {line}", err=True)
        click.echo(f"{file}: OK ({loaded.summary})")
    return status
