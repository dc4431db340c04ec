"""``check-config``: validates configuration files without touching AWS."""

import click

from exporter import config
from exporter.cli import flags
from exporter.cli.logs import echo_error, standard_output
from exporter.cli.main import EXIT_USAGE
from exporter.errors import ConfigurationError


class CheckConfig(click.Command):
    """Takes its files as arguments, unlike the commands that run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; explain what ``--config.file`` is here."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name != "--config.file":
                raise
            raise click.UsageError(
                "No such option '--config.file': name the files alone, as in check-config config.yaml", ctx
            ) from None


@click.command("check-config", cls=CheckConfig)
@click.argument("files", nargs=-1, metavar="FILE...")
@flags.web_config_file
def command(files: tuple[str, ...], web_config_file: str | None) -> int:
    """Validate configuration files, without touching AWS.

    Prints `FILE: OK (N targets, N runs, N view patterns)`, or every error as `FILE:LINE: KEY.PATH: what is
    wrong`; for the file of --web.config.file, and the certificates and keys that it names, too. Exit
    status 2 if any file is invalid.
    """
    if not files and web_config_file is None:
        raise click.UsageError("Missing argument 'FILE...'.")
    with standard_output():
        results = [_is_valid(file) for file in files]
        if web_config_file is not None:
            results.append(_is_valid_for_web(web_config_file))
    return 0 if all(results) else EXIT_USAGE


def _is_valid(file: str) -> bool:
    try:
        loaded = config.load(file, if_missing="name another")
    except ConfigurationError as error:
        echo_error(str(error))
        return False
    for line in loaded.warning_lines:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{file}: OK ({loaded.summary})")
    return True


def _is_valid_for_web(file: str) -> bool:
    from exporter.cli.web_protection import load_protection  # noqa: PLC0415 (most checks are of the other file)

    try:
        load_protection(file)
    except ConfigurationError as error:
        echo_error(str(error))
        return False
    click.echo(f"{file}: OK")
    return True
