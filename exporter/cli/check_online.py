"""``check-config --online``: asks AWS what polls and resyncs will ask, and shows what is missing."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeVar

import click
from rich.console import Console

from exporter.cli.exporter_process import with_regions
from exporter.cli.logs import configure_logs, first_line, standard_output
from exporter.cli.main import EXIT_FAILED
from exporter.clock import SystemClock
from exporter.config import LoadedConfiguration
from exporter.errors import GlueError, Reason
from exporter.glue import ClientFactory, GlueCatalog
from exporter.model.patterns import Name, ViewMatcher, is_glob, is_literal
from exporter.model.settings import Settings, Target, ViewPattern
from exporter.model.view import SourceTable, View
from exporter.poller.discovery import (
    DATABASES,
    RUNS,
    Answer,
    Found,
    Part,
    SourceReader,
    first_parts,
    read_part,
    table_parts,
)
from exporter.poller.listing import scopes_for
from exporter.poller.workers import Calls, GlueUnreachableError, WorkerPool
from exporter.store.results import Scope
from exporter.store.series import RequestStats

K = TypeVar("K")
V = TypeVar("V")

SHOWN = 3
"""Names in one line; the rest is counted."""
OK, WARNING, FAILED = "ok", "warning", "failed"
COLOURS = {OK: "green", WARNING: "yellow", FAILED: "red"}
GET_RUN = "GetMaterializedViewRefreshTaskRun"


class Row(NamedTuple):
    """One thing that was checked."""

    status: str
    """OK, WARNING or FAILED."""
    subject: str
    text: str


def check_online(files: Sequence[LoadedConfiguration]) -> int:
    """Check the targets of all files, and print what was found. Returns the exit status."""
    configure_logs()
    targets = {loaded.file: with_regions(loaded.settings, loaded.file).targets for loaded in files}
    clients = ClientFactory(SystemClock())
    clients.configure(Settings(targets=tuple(chain.from_iterable(targets.values()))))
    try:
        complete = [_is_complete(file, of_file, clients) for file, of_file in targets.items()]
    finally:
        clients.close()
    return 0 if all(complete) else EXIT_FAILED


def _is_complete(file: str, targets: Sequence[Target], clients: ClientFactory) -> bool:
    with Console(stderr=True).status("asking AWS") as progress:
        found = _check(targets, clients, progress.update)
    with standard_output():
        for target in targets:
            catalog = target.catalog_id or "the account of the caller"
            click.echo(f"\n{first_line(target.name)}: {target.access.aws_region}, {catalog}")
            for status, subject, text in found[target.name]:
                shown = click.style(f"{status:<7}", fg=COLOURS[status])
                click.echo(f"  {shown}  {subject:<11}  {first_line(text)}")
    failed = [target.name for target in targets if FAILED in {row.status for row in found[target.name]}]
    if failed:
        click.echo(first_line(f"{file}: something is missing for {_some(failed)}"), err=True)
    return not failed


def _check(
    targets: Sequence[Target], clients: ClientFactory, report: Callable[[str], object]
) -> dict[str, list[Row]]:
    """Check several targets at once, and report how far it is. Returns what was found, by target."""
    stats = {target.name: RequestStats() for target in targets}
    found: dict[str, list[Row]] = {}

    def progress() -> None:
        requests = sum(counts.requests for one in stats.values() for counts in one.read().values())
        report(f"asking AWS, {len(found)} of {len(targets)} targets done, {requests:,} requests")

    def check(target: Target) -> list[Row]:
        return TargetCheck(target, clients.catalog(target, stats[target.name], threading.Event())).rows()

    for target, rows in _calls("targets", progress).each(targets, check):
        found[target.name] = [Row(FAILED, "", str(rows))] if isinstance(rows, GlueError) else rows
    return found


def _calls(name: str, heartbeat: Callable[[], None] = lambda: None) -> Calls:
    pool = WorkerPool(name, SystemClock())
    return Calls(pool, deadline=math.inf, stop=threading.Event(), heartbeat=heartbeat)


class TargetCheck:
    """Asks for one target, each thing once: tables as a resync does, run IDs, and one page of a listing."""

    def __init__(self, target: Target, reader: GlueCatalog) -> None:
        self._target = target
        self._reader = reader
        self._matcher = ViewMatcher(target)
        self._sources = SourceReader(target.access.aws_region)
        self._calls = _calls(target.name)
        self._failures: dict[str, list[GlueError]] = {}
        """Of each operation that was asked."""
        self._tables: dict[Name, View | SourceTable] = {}
        self._unread: set[str] = set()
        """Databases of which some tables could not be read; ``*`` where databases could not be listed."""

    def rows(self) -> list[Row]:
        """Return what was found."""
        rows: list[Row] = []
        try:
            rows.append(self._identity())
            self._find_tables()
            self._list_runs()
            more = [*self._patterns(), *self._runs(), *self._source_tables()]
        except GlueUnreachableError:
            more = [Row(FAILED, "", "nothing else was asked")]
        except GlueError as error:  # no credentials, and so no answer to anything else
            return [Row(FAILED, "credentials", str(error))]
        return [*rows, *self._permissions(), *more]

    def _identity(self) -> Row:
        try:
            identity = self._reader.identity()
        except GlueError as error:
            if self._target.catalog_id is None:
                raise
            return Row(WARNING, "caller", f"not known, and not needed: {error}")
        return Row(OK, "caller", identity.arn or f"account {identity.account}")

    def _ask(
        self, operation: str, keys: Sequence[K], call: Callable[[K], V]
    ) -> Iterator[tuple[K, V | GlueError]]:
        """Make a call for each key, and note what failed. Raises GlueError if there are no credentials."""
        failures = self._failures.setdefault(operation, []) if keys else []
        for key, result in self._calls.each(keys, call):
            if isinstance(result, GlueError):
                if result.reason is Reason.CREDENTIALS:
                    raise result
                if result.reason is not Reason.NOT_FOUND or operation != GET_RUN:  # there it is an answer
                    failures.append(result)
            yield key, result

    def _find_tables(self) -> None:
        parts = first_parts(self._matcher)
        if parts == [DATABASES]:
            ((_, result),) = self._ask(DATABASES.operation, parts, self._read)
            if isinstance(result, GlueError):
                self._unread.add("*")
            parts = table_parts(self._matcher, None if isinstance(result, GlueError) else result.databases)
        for operation in ("GetTables", "GetTable"):
            asked = [part for part in parts if part.operation == operation]
            for part, result in self._ask(operation, asked, self._read):
                if isinstance(result, GlueError):
                    self._unread.add(part.database)
                    continue
                self._tables |= {(part.database, table.table): table for table in result.tables}
                if not part.table:
                    self._sources.note_listed(part.database, result.tables)

    def _read(self, part: Part) -> Found:
        """Read what a resync reads. Raises GlueError, also for a malformed record."""
        found = read_part(self._reader, part)
        if found.malformed:
            raise GlueError(Reason.UNEXPECTED, found.malformed[0], operation=part.operation)
        return found

    def _watched(self) -> dict[Name, View]:
        tables = self._tables.items()
        return {n: table for n, table in tables if isinstance(table, View) and self._matcher.matching(*n)}

    def _list_runs(self) -> None:
        """Read one page of the listing that a poll reads."""
        if self._target.views:
            scope = next(iter(scopes_for(self._watched().keys(), {})), Scope())
            read = partial(self._reader.list_runs, database=scope.database, table=scope.table, max_results=1)
            list(self._ask(RUNS.operation, [scope], lambda _: read()))

    def _permissions(self) -> Iterator[Row]:
        for operation, failures in self._failures.items():
            if failures:
                more = f" (and {len(failures) - 1:,} more)" if len(failures) > 1 else ""
                yield Row(FAILED, "permission", f"glue:{operation}: {failures[0].message}{more}")
            else:
                yield Row(OK, "permission", f"glue:{operation}")

    def _patterns(self) -> Iterator[Row]:
        matched: dict[ViewPattern, list[str]] = {pattern: [] for pattern in self._target.views}
        for name in sorted(self._watched()):
            for pattern in self._matcher.matching(*name):
                matched[pattern].append(".".join(name))
        for pattern, names in matched.items():
            literal = is_literal(pattern)
            subject, text = "view" if literal else "pattern", f"{pattern.database}.{pattern.table}"
            found = self._tables.get((pattern.database, pattern.table))
            if names:
                count = f"{len(names):,} view{'' if len(names) == 1 else 's'}"
                yield Row(OK, subject, text if literal else f"{text}: {count}: {_some(names)}")
            elif self._unread if is_glob(pattern.database) else pattern.database in self._unread:
                yield Row(WARNING, subject, f"{text}: not known, because some tables could not be read")
            elif not literal:
                yield Row(FAILED, subject, f"{text}: matches no materialized view")
            elif isinstance(found, SourceTable):
                yield Row(FAILED, subject, f"{text}: not a materialized view")
            else:
                yield Row(FAILED, subject, f"{text}: {'excluded' if found else 'does not exist'}")

    def _runs(self) -> Iterator[Row]:
        run_ids = self._target.run_ids
        unknown = [
            run_id
            for run_id, result in self._ask(GET_RUN, run_ids, self._reader.get_run)
            if isinstance(result, GlueError) and result.reason is Reason.NOT_FOUND
        ]
        if unknown:
            text = f"Glue does not know {len(unknown):,} of {len(run_ids):,}: {_some(sorted(unknown))}"
            yield Row(FAILED, "runs", text)
        elif run_ids and not self._failures[GET_RUN]:
            yield Row(OK, "runs", f"Glue knows all {len(run_ids):,}")

    def _source_tables(self) -> Iterator[Row]:
        """Read the views' source tables, as a resync does. One that cannot be read is a warning."""
        arns: dict[str, bool] = {}
        for view in self._watched().values():
            for arn in view.sources or ():
                arns[arn] = arns.get(arn, False) or view.iceberg_sources
        if not arns or not self._target.source_tables:
            return
        answers: dict[str, Answer] = dict.fromkeys(arns, "Glue could not be reached")
        known, databases = self._sources.plan(arns, self._reader.catalog_id())
        answers |= known
        with suppress(GlueUnreachableError):
            for database, result in self._calls.each(databases, partial(self._sources.read, self._reader)):
                failed = dict.fromkeys(self._sources.arns(database), str(result))
                answers |= failed if isinstance(result, GlueError) else result
        unknown = [f"{arn} ({why})" for arn, why in sorted(answers.items()) if isinstance(why, str)]
        if unknown:
            text = f"{len(unknown):,} of {len(arns):,} do not show when they changed: {_some(unknown)}"
            yield Row(WARNING, "sources", text)
        else:
            yield Row(OK, "sources", f"all {len(arns):,} can be read")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
