"""``runs``: lists refresh task runs, for people and for programs."""

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console
from rich.live import Live

from exporter import config
from exporter.cli import flags
from exporter.cli.exporter_process import progress, with_regions
from exporter.cli.logs import configure_logs, printable, standard_output
from exporter.cli.main import EXIT_FAILED
from exporter.cli.runs_output import Findings, FoundRun, Screen, as_config, as_json, plain_table, print_table
from exporter.clock import Clock
from exporter.config.kinds import format_duration
from exporter.config.schema import CATALOG_ID, REGION
from exporter.glue.client import ClientFactory
from exporter.glue.sessions import resolve_region
from exporter.model.run import UNKNOWN, Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller.scheduler import Scheduler
from exporter.poller.workers import TICK
from exporter.store.store import Store
from exporter.web.status import read_status

ALL = 1_000_000_000
"""More runs than any account has."""

Report = Callable[[str], object]
"""Is called with words on how far a reading is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags name, each under the name of its parameter; None where they do not."""

    aws_region: str | None = None
    catalog_id: str | None = None
    database: str | None = None
    """A name or a glob, as ``table`` is."""
    table: str | None = None
    statuses: frozenset[str] = frozenset()
    """In upper case; empty: all."""
    max_age: float | None = None
    """Seconds since the creation."""
    limit: int | None = None

    def select(self, found: Iterable[FoundRun], now: float) -> list[FoundRun]:
        """Return the wanted runs, newest first; the first one of each view with the view's history."""
        oldest_first = sorted(found, key=lambda one: one.run.age_order)
        histories: defaultdict[tuple[str | None, ...], list[Run]] = defaultdict(list)
        for one in oldest_first:
            if one.run.database is not None:
                histories[one.view].append(one.run)
        wanted = [one for one in reversed(oldest_first) if self._includes(one, now)][: self.limit]
        return [one._replace(history=histories.pop(one.view, [])) for one in wanted]

    def _includes(self, found: FoundRun, now: float) -> bool:
        run = found.run
        times = (run.creation_time, run.start_time, run.last_updated)
        # A run without any time cannot be said to be too old.
        first = next((time for time in times if time is not None), now)
        # Glue's own word finds a run, and so does the label value.
        statuses = {(run.status or UNKNOWN).upper(), run.status_label or UNKNOWN}
        return (
            self.catalog_id in {None, found.catalog_id}
            and fnmatchcase(run.database or "", self.database or "*")
            and fnmatchcase(run.table or "", self.table or "*")
            and (not self.statuses or not self.statuses.isdisjoint(statuses))
            and (self.max_age is None or now - first <= self.max_age)
        )


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
    configure_logs()
    if watch and output != "table":
        raise click.UsageError(f"--watch keeps a table on screen: leave out --output={output}")
    if watch and not sys.stdout.isatty():
        raise click.UsageError("--watch needs a terminal")
    wanted = Wanted(statuses=frozenset(name.upper() for name in status if name), **named)
    # A configuration that the environment names is the exporter's: flags on the command line win over it.
    by_flags = context.get_parameter_source("config_file") is not ParameterSource.COMMANDLINE
    names_a_place = any((wanted.aws_region, wanted.catalog_id, wanted.database, wanted.table))
    settings = _named(wanted) if by_flags and names_a_place else _configured(wanted, config_file)
    clock = Clock()
    clients = ClientFactory(clock)
    clients.configure(settings)

    def read(report: Report) -> Findings:
        findings = read_runs(settings, clients, clock, report)
        return findings._replace(runs=wanted.select(findings.runs, clock.time()))

    try:
        if watch:
            keep_on_screen(Console(), Screen(clock), settings.poll_interval, read)
        with Console(stderr=True).status("reading") as shown:
            findings = read(shown.update)
    except KeyboardInterrupt:
        if watch:
            return 0
        raise
    finally:
        clients.close()
    with standard_output():
        _write(findings, clock.time(), output)
    for line in findings.problems:
        click.echo(printable(line), err=True)
    return 0 if findings.complete else EXIT_FAILED


def _configured(wanted: Wanted, file: str) -> Settings:
    """Return the targets of the file that the flags do not exclude. Raises UsageError, ConfigurationError."""
    where = "--aws.region, --catalog-id, --database and --table"
    loaded = config.load(file, if_missing=f"name another with --config.file, say where to look with {where}")
    for line in loaded.warning_lines:
        click.echo(f"warning: {line}", err=True)
    settings = with_regions(loaded.settings, loaded.file)
    targets = tuple(
        target
        for target in settings.targets
        if wanted.aws_region in {None, target.access.aws_region}
        and (target.catalog_id is None or wanted.catalog_id in {None, target.catalog_id})
    )
    if not targets:
        raise click.UsageError(f"no target of {file} has this region and catalog")
    return replace(settings, targets=targets)


def _named(wanted: Wanted) -> Settings:
    """Return the settings for the place that flags name. Raises click.UsageError."""
    for flag, value, kind in (
        ("--aws.region", wanted.aws_region, REGION),
        ("--catalog-id", wanted.catalog_id, CATALOG_ID),
    ):
        try:
            if value is not None:
                kind.parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=f"'{flag}'") from None
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
    scheduler = Scheduler(store, clients.catalog, clock)
    # The runs themselves name their views: nothing but runs is read.
    scheduler.poll_once(replace(settings, runs_per_view=ALL), lambda: report(progress(store)), tables=False)
    reading = read_status(store, clock.time())
    found = [FoundRun(row.target, *row.place, row.run) for row in reading.runs if row.run]
    unknown = [row for row in reading.runs if not row.run and row.doubt == "not_found"]
    errors = [f"target {one['target']}: {one['error']}" for one in reading.targets if one["error"]]
    problems = [*errors, *(f"target {row.target}: Glue does not know {row.run_id}" for row in unknown)]
    return Findings(found, problems, complete=not errors)


def keep_on_screen(
    console: Console, screen: Screen, interval: float, read: Callable[[Report], Findings]
) -> NoReturn:
    """Read and show, again and again, until KeyboardInterrupt; then the terminal is what it was before."""
    clock, never = screen.clock, threading.Event()
    with Live(screen, console=console, screen=True, refresh_per_second=1):
        while True:
            screen.findings = read(lambda words: setattr(screen, "state", words))
            read_at = f"{datetime.fromtimestamp(clock.time(), UTC):%H:%M:%S} UTC"
            runs = f"{len(screen.findings.runs):,} runs"
            screen.state = f"{runs}, read at {read_at}, again every {format_duration(interval)}"
            read_again_at = clock.monotonic() + interval
            while clock.monotonic() < read_again_at:
                clock.wait(never, TICK)


def _write(findings: Findings, now: float, output: str) -> None:
    found = findings.runs
    if output == "json":
        click.echo(as_json(found, now), nl=False)
    elif output == "config":
        click.echo(as_config(found), nl=False)
    elif not found:
        click.echo(findings.if_empty, err=True)
    elif sys.stdout.isatty():
        print_table(Console(highlight=False), found, now)
    else:
        click.echo(plain_table(found, now), nl=False)
