"""``check-config``: validates configuration files, without touching AWS unless ``--online`` is given."""

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
@flags.online
def command(*, files: tuple[str, ...], web_config_file: str | None, online: bool) -> int:
    """Validate configuration files; --online asks AWS, too.

    Prints `FILE: OK (N targets, N runs, N view patterns)`, or every error as `FILE:LINE: KEY.PATH: what is
    wrong`; for the file of --web.config.file, and the certificates and keys that it names, too. Exit
    status 2 if any file is invalid.

    With --online, valid files are tried with AWS. For each target it prints whose credentials are used, each
    permission that is needed, which views each pattern matches, runs that Glue does not know, and source
    tables that do not show when they changed. Exit status 1 if something is missing.
    """
    if not files and (online or web_config_file is None):
        raise click.UsageError("Missing argument 'FILE...'.")
    loaded: list[config.LoadedConfiguration] = []

    def load(file: str) -> str:
        configuration = config.load(file, if_missing="name another")
        for line in configuration.warning_lines:
            click.echo(f"warning: {line}", err=True)
        loaded.append(configuration)
        return f" ({configuration.summary})"

    with standard_output():
        results = [_is_valid(file, load) for file in files]
        if web_config_file is not None:
            results.append(_is_valid(web_config_file, _load_for_web))
    if not all(results):
        return EXIT_USAGE
    if not online:
        return 0
    from exporter.cli.check_online import check_online  # noqa: PLC0415 (the SDK: not for a check without AWS)

    return check_online(loaded)


def _is_valid(file: str, load: Callable[[str], str]) -> bool:
    try:
        summary = load(file)
    except ConfigurationError as error:
        echo_error(str(error))
        return False
    click.echo(f"{file}: OK{summary}")
    return True


def _load_for_web(file: str) -> str:
    from exporter.cli.reloading import load_protection  # noqa: PLC0415 (most checks are of the other file)

    load_protection(file)
    return ""
