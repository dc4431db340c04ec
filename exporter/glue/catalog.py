"""Reads one catalog in one region."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from botocore import xform_name

from exporter.clock import Clock
from exporter.errors import GlueError, Reason
from exporter.giving_way import TRAFFIC
from exporter.glue import record, wire
from exporter.glue.attempts import ANSWER, MALFORMED, Call
from exporter.glue.connection import Connection
from exporter.glue.limiter import Patience
from exporter.model.run import MalformedRun, Run, RunListing
from exporter.model.view import DatabaseListing, MalformedView, TableListing, View
from exporter.store.requests import RequestStats

T = TypeVar("T")
L = TypeVar("L", RunListing, TableListing, DatabaseListing)

Answer = Mapping[str, Any]
"""The JSON object of an answer whose main member has been checked."""

MOST_RUNS = 1000
"""``MaxResults`` of ListMaterializedViewRefreshTaskRuns goes no higher."""


class GlueCatalog:
    """A target's catalog: what the poller asks Glue. Implements ``CatalogReader``.

    Calls may come from several threads at once. Every method raises GlueError or PollInterrupted, and
    nothing else. Requests are counted in the ``stats`` of the target.
    """

    def __init__(
        self,
        catalog_id: str | None,
        *,
        connection: Connection,
        stats: RequestStats,
        interrupted: threading.Event,
        clock: Clock,
    ) -> None:
        self._catalog_id = catalog_id
        self._connection = connection
        self._stats = stats
        self._clock = clock
        self._patience = Patience(interrupted, math.inf)

    def begin_poll(self, deadline: float) -> None:
        """Let the calls from now on wait until ``deadline``, in monotonic seconds."""
        self._patience = replace(self._patience, deadline=deadline)

    def catalog_id(self) -> str:
        """Return the catalog ID: the configured one, or the account's (asked of STS once it is needed)."""
        if self._catalog_id is None:
            self._patience.check(self._clock.monotonic())
            with self._call("GetCallerIdentity"):
                self._catalog_id = self._connection.identity.account()
        return self._catalog_id

    def get_run(self, run_id: str) -> Run:
        """Fetch one run. Its ``run_id`` has the spelling that was asked for."""
        return self._ask(
            wire.GET_RUN,
            lambda answer: record.parse_run(answer["MaterializedViewRefreshTaskRun"], requested_id=run_id),
            MaterializedViewRefreshTaskRunId=run_id,
        )

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = MOST_RUNS,
    ) -> RunListing:
        """Fetch one page of the runs of the catalog, of a database or of a table."""
        return self._listing(
            wire.LIST_RUNS,
            _run_listing,
            DatabaseName=database,
            TableName=table,
            NextToken=next_token,
            MaxResults=max_results,
        )

    def get_databases(self, *, next_token: str | None = None) -> DatabaseListing:
        """Fetch one page of the catalog's databases."""
        return self._listing(wire.GET_DATABASES, _database_listing, NextToken=next_token)

    def get_tables(self, database: str, *, next_token: str | None = None) -> TableListing:
        """Fetch one page of a database's tables; only materialized views are returned."""
        return self._listing(
            wire.GET_TABLES,
            lambda answer: _table_listing(answer, database),
            DatabaseName=database,
            NextToken=next_token,
        )

    def get_table(self, database: str, table: str) -> View | None:
        """Fetch one table; None if it is no materialized view. GlueError ``not_found`` if there is none."""
        return self._ask(
            wire.GET_TABLE,
            lambda answer: record.parse_view(answer["Table"], database=database),
            DatabaseName=database,
            Name=table,
        )

    def _listing(self, operation: str, read: Callable[[Answer], L], **parameters: object) -> L:
        """Ask for a page of a listing. One with a record that cannot be read counts as failed, once."""
        listing = self._ask(operation, read, **parameters)
        if listing.malformed:
            self._stats.failure(operation, Reason.UNEXPECTED)
        return listing

    def _ask(self, operation: str, read: Callable[[Answer], T], **parameters: object) -> T:
        """Call the operation and read its answer; parameters that are None are not sent."""
        given = {name: value for name, value in parameters.items() if value is not None}
        catalog_id = self.catalog_id()
        with self._call(operation) as call:
            call.wants_credentials = True
            self._connection.identity.load_credentials()
            call.wants_credentials = False
            method = getattr(self._connection.glue(), xform_name(operation))
            response: Answer = method(CatalogId=catalog_id, **given)
            if MALFORMED in response:
                raise wire.MalformedAnswerError(response[MALFORMED])
            return read(response[ANSWER])

    @contextmanager
    def _call(self, operation: str) -> Iterator[Call]:
        identity = self._connection.identity
        generation = identity.generation
        try:
            with Call(
                operation,
                stats=self._stats,
                clock=self._clock,
                before_attempt=lambda: self._connection.limiter.wait_for_turn(self._patience),
            ) as call:
                yield call
        except GlueError as error:
            if error.reason is Reason.CREDENTIALS:
                identity.forget(generation)
            raise


def _run_listing(answer: Answer) -> RunListing:
    runs: list[Run] = []
    malformed: list[MalformedRun] = []
    for entry in TRAFFIC.giving_way(answer["MaterializedViewRefreshTaskRuns"]):
        try:
            runs.append(record.parse_run(entry))
        except record.MalformedRecordError as error:
            run_id = record.identifier(entry, "MaterializedViewRefreshTaskRunId")
            malformed.append(MalformedRun(run_id, str(error)))
    return RunListing(runs=tuple(runs), malformed=tuple(malformed), next_token=wire.next_token(answer))


def _table_listing(answer: Answer, database: str) -> TableListing:
    views: list[View] = []
    malformed: list[MalformedView] = []
    for entry in answer["TableList"]:
        try:
            view = record.parse_view(entry, database=database)
        except record.MalformedRecordError as error:
            malformed.append(MalformedView(record.identifier(entry, "Name"), str(error)))
        else:
            if view is not None:
                views.append(view)
    return TableListing(views=tuple(views), malformed=tuple(malformed), next_token=wire.next_token(answer))


def _database_listing(answer: Answer) -> DatabaseListing:
    names: list[str] = []
    malformed: list[str] = []
    for entry in answer["DatabaseList"]:
        try:
            names.append(record.parse_database(entry))
        except record.MalformedRecordError as error:
            malformed.append(str(error))
    return DatabaseListing(names=tuple(names), malformed=tuple(malformed), next_token=wire.next_token(answer))
