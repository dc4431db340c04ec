"""Reads one catalog in one region, and lets the readers of equal access share a connection."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from botocore import xform_name

from exporter.clock import Clock
from exporter.errors import PollInterrupted, Reason
from exporter.glue import responses
from exporter.glue.instrumentation import Call, Timeouts, current
from exporter.glue.rate_limiter import Caller
from exporter.glue.responses import Answer, MalformedError
from exporter.glue.sessions import Connection, Identity, SessionFactory, sdk_session
from exporter.model.run import Page, Run
from exporter.model.settings import Access, Settings, Target
from exporter.model.view import SourceTable, View
from exporter.store.series import RequestStats

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class GlueCatalog:
    """A target's catalog; implements ``CatalogReader``, which says what its methods do.

    They raise GlueError or PollInterrupted, and nothing else. Requests are counted in the target's ``stats``.
    """

    configured_id: str | None
    """None: the account of the credentials is the catalog."""
    connection: Connection
    stats: RequestStats
    caller: Caller
    clock: Clock

    def until(self, deadline: float, *, first: bool = True) -> "GlueCatalog":
        """Return a reader of the same catalog with another deadline and precedence."""
        return replace(self, caller=replace(self.caller, deadline=deadline, first=first))

    def catalog_id(self) -> str:
        """Return the configured catalog ID, or the account's."""
        return self.configured_id or self.connection.account or self.identity().account

    def identity(self) -> Identity:
        """Ask STS whose credentials these are."""
        self.caller.check(self.clock.monotonic())
        with self._call("GetCallerIdentity"):
            return self.connection.find_identity()

    def get_run(self, run_id: str) -> Run:
        """Fetch one run."""
        return self._read(
            "GetMaterializedViewRefreshTaskRun",
            lambda answer: responses.parse_run(answer.main, requested_id=run_id),
            MaterializedViewRefreshTaskRunId=run_id,
        )

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,
    ) -> Page[Run]:
        """Fetch one page of runs."""
        return self._read(
            "ListMaterializedViewRefreshTaskRuns",
            responses.parse_runs,
            DatabaseName=database,
            TableName=table,
            NextToken=next_token,
            MaxResults=max_results,
        )

    def get_databases(self, *, next_token: str | None = None) -> Page[str]:
        """Fetch one page of databases."""
        return self._read("GetDatabases", responses.parse_databases, NextToken=next_token)

    def get_tables(
        self, database: str, *, catalog_id: str | None = None, next_token: str | None = None
    ) -> Page[View | SourceTable]:
        """Fetch one page of a database's tables."""
        parse = partial(responses.parse_tables, database=database)
        return self._read("GetTables", parse, catalog_id, DatabaseName=database, NextToken=next_token)

    def get_table(self, database: str, table: str, *, catalog_id: str | None = None) -> View | SourceTable:
        """Fetch one table."""
        return self._read(
            "GetTable",
            lambda answer: responses.parse_table(answer.main, database),
            catalog_id,
            DatabaseName=database,
            Name=table,
        )

    def _read(
        self,
        operation: str,
        parse: Callable[[Answer], T],
        catalog_id: str | None = None,
        **parameters: object,
    ) -> T:
        """Call the operation on a catalog, by default the target's; parameters that are None are not sent.

        A page with records that cannot be read counts as failed, once.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        catalog_id = catalog_id or self.catalog_id()
        with self._call(operation) as call:
            self.connection.load_credentials()
            call.needs_credentials = False
            getattr(self.connection.client("glue"), xform_name(operation))(CatalogId=catalog_id, **given)
            if call.answer is None:
                raise MalformedError("the answer is empty")
            result = parse(call.answer)
        if isinstance(result, Page) and result.malformed:
            self.stats.failure(operation, Reason.UNEXPECTED)
        return result

    @contextmanager
    def _call(self, operation: str) -> Iterator[Call]:
        """Follow the call that is made within; everything but PollInterrupted leaves it as GlueError."""
        generation = self.connection.generation
        acquire = partial(self.connection.limiter.acquire, self.caller)
        call = Call(operation, self.stats, self.clock, before_attempt=acquire)
        token = current.set(call)
        try:
            yield call
        except PollInterrupted:
            raise
        except Exception as error:  # noqa: BLE001 (botocore lets exceptions of any kind through)
            failure = call.fail(error)
            if failure.reason is Reason.CREDENTIALS:
                self.connection.forget_credentials(generation)
            # Not chained: the cause's own text may hold secrets, and a traceback would show it.
            raise failure from None
        finally:
            current.reset(token)


class ClientFactory:
    """Makes the readers of all targets. Keeps one connection for each access, with its lowest rate.

    Each access names its region: :func:`exporter.cli.exporter_process.with_regions` has filled it in.
    """

    def __init__(
        self, clock: Clock, *, session_factory: SessionFactory = sdk_session, timeouts: Timeouts | None = None
    ) -> None:
        self._clock = clock
        self._connect = partial(
            Connection, session_factory=session_factory, timeouts=timeouts or Timeouts(), clock=clock
        )
        self._lock = threading.Lock()
        self._connections: dict[Access, Connection] = {}

    def configure(self, settings: Settings) -> None:
        """Put the rates of a configuration in force at once, for readers in use, too.

        Closes the connections that it does not use; a reader that is still in use opens its own again.
        """
        rates: dict[Access, float] = {}
        with self._lock:
            for target in settings.targets:
                rate = rates.get(target.access, float("inf"))
                rates[target.access] = min(target.max_requests_per_second, rate)
            for access, rate in rates.items():
                self._connection(access, rate).limiter.requests_per_second = rate
            for access in self._connections.keys() - rates.keys():
                self._connections.pop(access).close()

    def catalog(self, target: Target, stats: RequestStats, interrupted: threading.Event) -> GlueCatalog:
        """Return a reader of the target's catalog, without a deadline. Uses no network."""
        with self._lock:
            connection = self._connection(target.access, target.max_requests_per_second)
        return GlueCatalog(target.catalog_id, connection, stats, Caller(interrupted), self._clock)

    def close(self) -> None:
        """Close all connections."""
        self.configure(Settings(targets=()))

    def _connection(self, access: Access, rate: float) -> Connection:
        if access not in self._connections:
            self._connections[access] = self._connect(access, requests_per_second=rate)
        return self._connections[access]
