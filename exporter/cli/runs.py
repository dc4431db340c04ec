"""``runs``: lists refresh task runs, for people and for programs."""

import sys

import click
from rich.console import Console

from exporter.cli import flags
from exporter.cli.found_runs import FoundRun, RunFilter
from exporter.cli.interruptible import interruptible
from exporter.cli.logs import configure_logs
from exporter.cli.main import EXIT_FAILED
from exporter.cli.printable import printable
from exporter.cli.progress import Progress, progress_on
from exporter.cli.runs_output import as_config, as_json
from exporter.cli.runs_place import Place, settings_for
from exporter.cli.runs_reading import Findings, read_runs
from exporter.cli.runs_screen import Screen, keep_on_screen
from exporter.cli.runs_table import RunsTable, no_runs, plain_table
from exporter.cli.standard_output import standard_output
from exporter.clock import SystemClock
from exporter.config.durations import parse_duration
from exporter.glue import ClientFactory


@click.command("runs", short_help="List refresh task runs, newest first.")
@flags.config_file
@flags.aws_region
@flags.catalog_id
@flags.database
@flags.table
@flags.status
@flags.max_age
@flags.limit
@flags.output
@flags.watch
@click.pass_context
def command(
    context: click.Context,
    *,
    config_file: str,
    aws_region: str | None,
    catalog_id: str | None,
    database: str | None,
    table: str | None,
    status: tuple[str, ...],
    max_age: str | None,
    limit: int | None,
    output: str,
    watch: bool,
) -> int:
    """List the refresh task runs of the configured targets, newest first.

    Without a configuration, of the catalog, database or table that flags name; what they do not name is
    the AWS SDK's own region and the account of the credentials. Exit status 1 if something could not be
    read.
    """
    configure_logs("warning", "logfmt")
    wanted = RunFilter(statuses=frozenset(status), max_age=_seconds(max_age), limit=limit)
    if watch and output != "table":
        raise click.UsageError(f"--watch keeps a table on screen: leave out --output={output}")
    if watch and not sys.stdout.isatty():
        raise click.UsageError("--watch needs a terminal")
    place = Place(aws_region=aws_region, catalog_id=catalog_id, database=database, table=table)
    settings = settings_for(context, place, config_file)
    clock = SystemClock()
    clients = ClientFactory(clock)
    clients.configure(settings)

    def read(progress: Progress) -> Findings:
        return read_runs(settings, clients, progress)

    try:
        if watch:
            keep_on_screen(Console(), Screen(clock, settings.poll_interval), read, wanted)
        with progress_on(Console(stderr=True)) as progress:
            findings = interruptible(lambda: read(progress))
    except KeyboardInterrupt:
        if watch:
            return 0
        raise
    finally:
        clients.close()
    now = clock.time()
    with standard_output():
        _write(wanted.select(findings.runs, now), now, output, complete=not findings.errors)
    for line in (*findings.errors, *findings.notes):
        click.echo(printable(line), err=True)
    return EXIT_FAILED if findings.errors else 0


def _write(found: tuple[FoundRun, ...], now: float, output: str, *, complete: bool) -> None:
    if output == "json":
        click.echo(as_json(found, now), nl=False)
    elif output == "config":
        click.echo(as_config(found), nl=False)
    elif not found:
        click.echo(no_runs(complete=complete), err=True)
    elif sys.stdout.isatty():
        Console(highlight=False).print(RunsTable(found, lambda: now), crop=False)
    else:
        click.echo(plain_table(found, now), nl=False)


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--max-age'") from None
