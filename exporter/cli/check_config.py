"""``check-config``: validates configuration files without touching AWS."""

from collections.abc import Callable

import click

from exporter import config
from exporter.cli import flags
from exporter.cli.logs import echo_error, standard_output
from exporter.cli.main import EXIT_USAGE
from exporter.errors import ConfigurationError


@click.command("check-config")
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
        results = [_is_valid(file, _load) for file in files]
        if web_config_file is not None:
            results.append(_is_valid(web_config_file, _load_for_web))
    return 0 if all(results) else EXIT_USAGE


def _is_valid(file: str, load: Callable[[str], str]) -> bool:
    try:
        summary = load(file)
    except ConfigurationError as error:
        echo_error(str(error))
        return False
    click.echo(f"{file}: OK{summary}")
    return True


def _load(file: str) -> str:
    loaded = config.load(file, if_missing="name another")
    for line in loaded.warning_lines:
        click.echo(f"warning: {line}", err=True)
    return f" ({loaded.summary})"


def _load_for_web(file: str) -> str:
    from exporter.cli.web_protection import load_protection  # noqa: PLC0415 (most checks are of the other file)

    load_protection(file)
    return ""
