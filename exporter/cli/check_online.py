"""``check-config --online``: asks AWS what polls and resyncs will ask, and shows what is missing."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import click
from rich.console import Console

from exporter.cli.exporter_process import with_regions
from exporter.cli.logs import configure_logs, first_line, standard_output
from exporter.cli.main import EXIT_FAILED
from exporter.clock import Clock
from exporter.config import LoadedConfiguration
from exporter.errors import GlueError, Reason
from exporter.glue.client import ClientFactory, GlueCatalog
from exporter.model.patterns import Name, ViewMatcher, is_glob, is_literal
from exporter.model.settings import Settings, Target, ViewPattern
from exporter.model.view import SourceTable, View, source_tables
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

Row = tuple[str, str, str]
"""One thing that was checked: OK, WARNING or FAILED; the subject; what was found."""


def check_online(files: Sequence[LoadedConfiguration]) -> int:
    """Check the targets of all files, and print what was found. Returns the exit status."""
    configure_logs()
    targets = {loaded.file: with_regions(loaded.settings, loaded.file).targets for loaded in files}
    clients = clients_of([target for of_file in targets.values() for target in of_file])
    try:
        complete = [_is_complete(file, of_file, clients) for file, of_file in targets.items()]
    finally:
        clients.close()
    return 0 if all(complete) else EXIT_FAILED


def clients_of(targets: Sequence[Target]) -> ClientFactory:
    """Return what makes the targets' readers: those of one access share the lowest of their rates."""
    clients = ClientFactory(Clock())
    clients.configure(Settings(targets=tuple(targets)))
    return clients


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
    failed = [target.name for target in targets if FAILED in {status for status, _, _ in found[target.name]}]
    if failed:
        click.echo(first_line(f"{file}: something is missing for {_some(failed)}"), err=True)
    return not failed


def _check(
    targets: Sequence[Target], clients: ClientFactory, report: Callable[[str], object]
) -> dict[str, list[Row]]:
    """Check several targets at once, and report how far it is. Returns what was found, by target."""
    stats, never = RequestStats(), threading.Event()
    found: dict[str, list[Row]] = {}

    def progress() -> None:
        requests = sum(counts.requests for counts in stats.read().values())
        report(f"asking AWS, {len(found)} of {len(targets)} targets done, {requests:,} requests")

    def check(target: Target) -> list[Row]:
        return TargetCheck(target, clients.catalog(target, stats, never)).rows()

    for target, rows in _calls("targets", progress).each(targets, check):
        found[target.name] = [(FAILED, "", str(rows))] if isinstance(rows, GlueError) else rows
    return found


def _calls(name: str, heartbeat: Callable[[], None] = lambda: None) -> Calls:
    pool = WorkerPool(name, Clock())
    return Calls(pool, deadline=math.inf, stop=threading.Event(), heartbeat=heartbeat)


class TargetCheck:
    """Asks for one target, each thing once: tables as a resync does, run IDs, and one page of a listing."""

    def __init__(self, target: Target, reader: GlueCatalog) -> None:
        self._target = target
        self._reader = reader
        self._matcher = ViewMatcher(target)
        self._sources = SourceReader(target.access.aws_region)
        self._calls = _calls(target.name)
        self._failures: dict[str, dict[object, GlueError]] = {}
        """Of each operation that was asked, by what it was asked for."""
        self._tables: dict[Name, View | SourceTable] = {}
        self._views: dict[Name, View] = {}
        """Those that patterns match."""

    def rows(self) -> list[Row]:
        """Return what was found."""
        try:
            caller = self._identity()
            self._find_tables()
            self._list_runs()
            more = [*self._patterns(), *self._runs(), *self._source_tables()]
        except GlueUnreachableError:
            more = [(FAILED, "", "nothing else was asked")]
        except GlueError as error:  # no credentials, and so no answer to anything else
            return [(FAILED, "credentials", str(error))]
        return [caller, *self._permissions(), *more]

    def _identity(self) -> Row:
        try:
            identity = self._reader.identity()
        except GlueError as error:
            if self._target.catalog_id is None:
                raise
            return (WARNING, "caller", f"not known, and not needed: {error}")
        return (OK, "caller", identity.arn or f"account {identity.account}")

    def _ask(self, operation: str, keys: Sequence[K], call: Callable[[K], V]) -> dict[K, V]:
        """Make a call for each key, and note what failed. Raises GlueError if there are no credentials."""
        answers: dict[K, V] = {}
        for key, result in self._calls.each(keys, call):
            failures = self._failures.setdefault(operation, {})
            if not isinstance(result, GlueError):
                answers[key] = result
            elif result.reason is Reason.CREDENTIALS:
                raise result
            elif result.reason is not Reason.NOT_FOUND or operation != GET_RUN:  # there it is an answer
                failures[key] = result
        return answers

    def _permissions(self) -> Iterator[Row]:
        for operation, failures in self._failures.items():
            texts = [error.message for error in failures.values()]
            more = f" (and {len(texts) - 1:,} more)" if len(texts) > 1 else ""
            why = f": {texts[0]}{more}" if texts else ""
            yield FAILED if texts else OK, "permission", f"glue:{operation}{why}"

    def _find_tables(self) -> None:
        parts = first_parts(self._matcher)
        if parts == [DATABASES]:
            listed = self._ask(DATABASES.operation, parts, self._read)
            parts = table_parts(self._matcher, listed[DATABASES].databases if listed else None)
        for operation in ("GetTables", "GetTable"):
            asked = [part for part in parts if part.operation == operation]
            for part, found in self._ask(operation, asked, self._read).items():
                self._tables |= {(part.database, table.table): table for table in found.tables}
                if not part.table:
                    self._sources.note_listed(part.database, found.tables)
        for name, table in self._tables.items():
            if isinstance(table, View) and self._matcher.matching(*name):
                self._views[name] = table

    def _read(self, part: Part) -> Found:
        """Read what a resync reads. Raises GlueError, also for a malformed record."""
        found = read_part(self._reader, part)
        if found.malformed:
            raise GlueError(Reason.UNEXPECTED, found.malformed[0], operation=part.operation)
        return found

    def _list_runs(self) -> None:
        """Read one page of the listing that a poll reads."""
        if self._target.views:
            scope = next(iter(scopes_for(self._views.keys(), {})), Scope())
            read = partial(self._reader.list_runs, database=scope.database, table=scope.table, max_results=1)
            self._ask(RUNS.operation, [scope], lambda _: read())

    def _patterns(self) -> Iterator[Row]:
        matched: dict[ViewPattern, list[str]] = {pattern: [] for pattern in self._target.views}
        for name in sorted(self._views):
            for pattern in self._matcher.matching(*name):
                matched[pattern].append(".".join(name))
        failed = (key for failures in self._failures.values() for key in failures)
        unread = {part.database for part in failed if isinstance(part, Part)}
        for pattern, names in matched.items():
            literal = is_literal(pattern)
            found = self._tables.get((pattern.database, pattern.table))
            status, text = FAILED, f"{pattern.database}.{pattern.table}"
            if names:
                count = f"{len(names):,} view{'' if len(names) == 1 else 's'}"
                status, text = OK, text if literal else f"{text}: {count}: {_some(names)}"
            elif unread if is_glob(pattern.database) else pattern.database in unread:
                status, text = WARNING, f"{text}: not known, because some tables could not be read"
            elif not literal:
                text += ": matches no materialized view"
            elif isinstance(found, SourceTable):
                text += ": not a materialized view"
            else:
                text += ": excluded" if found else ": does not exist"
            yield status, "view" if literal else "pattern", text

    def _runs(self) -> Iterator[Row]:
        run_ids = self._target.run_ids
        known = self._ask(GET_RUN, run_ids, self._reader.get_run)
        failures = self._failures.get(GET_RUN, {})
        unknown = sorted(set(run_ids) - known.keys() - failures.keys())
        if unknown:
            text = f"Glue does not know {len(unknown):,} of {len(run_ids):,}: {_some(unknown)}"
            yield FAILED, "runs", text
        elif run_ids and not failures:
            yield OK, "runs", f"Glue knows all {len(run_ids):,}"

    def _source_tables(self) -> Iterator[Row]:
        """Read the views' source tables, as a resync does. One that cannot be read is a warning."""
        arns = source_tables(self._views.values())
        if not arns or not self._target.source_tables:
            return
        answers: dict[str, Answer] = dict.fromkeys(arns, "Glue could not be reached")
        known, parts = self._sources.plan(arns, self._reader.catalog_id())
        answers |= known
        with suppress(GlueUnreachableError):
            for part, result in self._calls.each(parts, partial(self._sources.read, self._reader)):
                failed = dict.fromkeys(self._sources.arns(part), str(result))
                answers |= failed if isinstance(result, GlueError) else result
        unknown = [f"{arn} ({why})" for arn, why in sorted(answers.items()) if isinstance(why, str)]
        if unknown:
            text = f"{len(unknown):,} of {len(arns):,} do not show when they changed: {_some(unknown)}"
            yield WARNING, "sources", text
        else:
            yield OK, "sources", f"all {len(arns):,} can be read"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
