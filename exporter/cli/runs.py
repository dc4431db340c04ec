"""``runs``: lists refresh task runs, for people and for programs."""

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console
from rich.live import Live

from exporter import config
from exporter.cli import flags
from exporter.cli.exporter_process import poll_once, with_regions
from exporter.cli.logs import configure_logs, printable, standard_output
from exporter.cli.main import EXIT_FAILED
from exporter.cli.runs_output import (
    Findings,
    FoundRun,
    RunsTable,
    Screen,
    as_config,
    as_json,
    newest_runs,
    plain_table,
)
from exporter.cli.signals import interruptible
from exporter.clock import Clock, SystemClock
from exporter.config.schema import CATALOG_ID, REGION
from exporter.glue import ClientFactory, resolve_region
from exporter.model.run import LISTED_STATUSES, UNKNOWN, Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller import Scheduler
from exporter.store.store import Store
from exporter.web.status_snapshot import read_status

ALL = 1_000_000_000
"""More runs than any account has."""
PLACE_FLAGS = {
    "aws_region": "--aws.region",
    "catalog_id": "--catalog-id",
    "database": "--database",
    "table": "--table",
}

Report = Callable[[str], object]
"""Is called with words on how far a reading is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags name, each under the name of its parameter; None where they do not."""

    aws_region: str | None = None
    catalog_id: str | None = None
    database: str | None = None
    """A name or a glob."""
    table: str | None = None
    """A name or a glob."""
    statuses: frozenset[str] = frozenset()
    """In upper case; empty: all."""
    max_age: float | None = None
    """Seconds since the creation."""
    limit: int | None = None

    def watched_by(self, target: Target) -> bool:
        """Return whether some run of the target may be wanted."""
        return self.aws_region in {None, target.access.aws_region} and (
            target.catalog_id is None or self.catalog_id in {None, target.catalog_id}
        )

    def select(self, found: Iterable[FoundRun], now: float) -> tuple[FoundRun, ...]:
        """Return the wanted ones, newest first."""
        wanted = [one for one in found if self._includes(one, now)]
        wanted.sort(key=lambda one: one.run.age_order, reverse=True)
        return tuple(wanted[: self.limit])

    def _includes(self, found: FoundRun, now: float) -> bool:
        run = found.run
        times = (run.creation_time, run.start_time, run.last_updated)
        # A run without any time cannot be said to be too old.
        first = next((time for time in times if time is not None), now)
        return (
            self.aws_region in {None, found.aws_region}
            and self.catalog_id in {None, found.catalog_id}
            and fnmatchcase(run.database or "", self.database or "*")
            and fnmatchcase(run.table or "", self.table or "*")
            and (not self.statuses or not self.statuses.isdisjoint(_statuses(run)))
            and (self.max_age is None or now - first <= self.max_age)
        )

    def unmatched(self, found: Iterable[FoundRun]) -> list[str]:
        """Return a line for each status that the API does not list, and no run has: it may be misspelt."""
        known = {name for one in found for name in _statuses(one.run)} | LISTED_STATUSES | {UNKNOWN}
        return [f"no run has the status {name}" for name in sorted(self.statuses - known)]


def _statuses(run: Run) -> set[str]:
    """Return the names by which ``--status`` finds a run: Glue's, and the label value."""
    return {(run.status or UNKNOWN).upper(), run.status_label or UNKNOWN}


@click.command("runs")
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
    /,
    *,
    config_file: str,
    output: str,
    watch: bool,
    status: tuple[str, ...],
    **named: Any,
) -> int:
    """List the refresh task runs of the configured targets, newest first.

    The targets are those of config.yaml, or of the file that --config.file names. --aws.region,
    --catalog-id, --database and --table need no configuration: where they do not say otherwise, they mean
    the AWS SDK's own region and the account of the credentials. Together with --config.file they narrow
    its targets. Exit status 1 if something could not be read.
    """
    configure_logs("warning", "logfmt")
    if watch and output != "table":
        raise click.UsageError(f"--watch keeps a table on screen: leave out --output={output}")
    if watch and not sys.stdout.isatty():
        raise click.UsageError("--watch needs a terminal")
    wanted = Wanted(statuses=frozenset(name.upper() for name in status), **named)
    settings = settings_for(context, wanted, config_file)
    clock = SystemClock()
    clients = ClientFactory(clock)
    clients.configure(settings)

    def read(report: Report) -> Findings:
        findings = read_runs(settings, clients, clock, report)
        notes = [*findings.notes, *wanted.unmatched(findings.runs)]
        return replace(findings, runs=wanted.select(findings.runs, clock.time()), notes=notes)

    try:
        if watch:
            keep_on_screen(Console(), Screen(clock, settings.poll_interval), read)
        with Console(stderr=True).status("reading") as progress:
            findings = interruptible(lambda: read(progress.update))
    except KeyboardInterrupt:
        if watch:
            return 0
        raise
    finally:
        clients.close()
    with standard_output():
        _write(findings, clock.time(), output)
    for line in (*findings.errors, *findings.notes):
        click.echo(printable(line), err=True)
    return EXIT_FAILED if findings.errors else 0


def settings_for(context: click.Context, wanted: Wanted, config_file: str) -> Settings:
    """Return what to read. Raises click.UsageError or ConfigurationError.

    Flags that name a place narrow a configuration that the command line names; else they need none, and win
    over one that the environment names.
    """
    is_named = context.get_parameter_source("config_file") is ParameterSource.COMMANDLINE
    if not is_named and any(context.params[name] is not None for name in PLACE_FLAGS):
        return _named(wanted)
    *most, last = PLACE_FLAGS.values()
    loaded = config.load(
        config_file,
        if_missing=f"name another with --config.file, say where to look with {', '.join(most)} and {last}",
    )
    for line in loaded.warning_lines:
        click.echo(f"warning: {line}", err=True)
    settings = with_regions(loaded.settings, loaded.file)
    targets = tuple(filter(wanted.watched_by, settings.targets))
    if not targets:
        raise click.UsageError(f"no target of {config_file} has this region and catalog")
    return replace(settings, targets=targets)


def _named(wanted: Wanted) -> Settings:
    """Return the settings for the place that flags name."""
    for name, value, kind in (
        ("aws_region", wanted.aws_region, REGION),
        ("catalog_id", wanted.catalog_id, CATALOG_ID),
    ):
        try:
            if value is not None:
                kind.parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=f"'{PLACE_FLAGS[name]}'") from None
    aws_region = wanted.aws_region or resolve_region(Access())
    if aws_region is None:
        raise click.UsageError("no AWS region: give --aws.region, or set AWS_DEFAULT_REGION")
    target = Target(
        name="/".join(part for part in (aws_region, wanted.catalog_id) if part),
        access=Access(aws_region=aws_region),
        catalog_id=wanted.catalog_id,
        views=(ViewPattern(database=wanted.database or "*", table=wanted.table or "*"),),
    )
    return Settings(targets=(target,))


def read_runs(settings: Settings, clients: ClientFactory, clock: Clock, report: Report) -> Findings:
    """Poll all targets once. A run that two of them watch is found once."""
    store = Store(clock, log=lambda _line: None)  # the command prints what it found itself
    settings = replace(settings, runs_per_view=ALL)
    scheduler = Scheduler(store, clients.catalog, clock)
    # The runs themselves name their views: nothing but runs is read.
    poll_once(scheduler, store, settings, report, tables=False)
    found: list[FoundRun] = []
    notes: list[str] = []
    for row in read_status(store, clock.time()).runs:
        aws_region, catalog_id = row.place
        if row.run:
            found.append(
                FoundRun(target=row.target, aws_region=aws_region, catalog_id=catalog_id, run=row.run)
            )
        elif row.doubt == "not_found":
            notes.append(f"target {row.target}: Glue does not know {row.run_id}")
    errors = [f"target {state.target.name}: {state.error}" for state in store.targets() if state.error]
    return Findings(found, errors, notes, newest_runs(found))


def keep_on_screen(console: Console, screen: Screen, read: Callable[[Report], Findings]) -> NoReturn:
    """Read and show, again and again, until KeyboardInterrupt; then the terminal is what it was before."""

    def reading() -> NoReturn:
        while True:
            screen.findings = read(lambda progress: setattr(screen, "reading", progress))
            screen.read_at, screen.reading = screen.clock.time(), ""
            screen.clock.wait(threading.Event(), screen.interval)

    with Live(screen, console=console, screen=True, refresh_per_second=1):
        interruptible(reading)


def _write(findings: Findings, now: float, output: str) -> None:
    if output == "json":
        click.echo(as_json(findings.runs, now), nl=False)
    elif output == "config":
        click.echo(as_config(findings.runs), nl=False)
    elif not findings.runs:
        click.echo(findings.if_empty, err=True)
    elif sys.stdout.isatty():
        Console(highlight=False).print(RunsTable(findings.runs, now, findings.views), crop=False)
    else:
        click.echo(plain_table(findings.runs, now), nl=False)
