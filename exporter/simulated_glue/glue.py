"""The simulated Glue as its users see it: one object to set up, start, disturb and ask."""

from typing import TYPE_CHECKING, Any, Self

from exporter.simulated_glue.clock import Clock, SystemClock
from exporter.simulated_glue.errors import SimulatedGlueUnavailableError
from exporter.simulated_glue.faults import FaultBoard
from exporter.simulated_glue.ledger import Ledger
from exporter.simulated_glue.runbook import Plan, RunBook, Schedule

if TYPE_CHECKING:
    from types import TracebackType

    from exporter.simulated_glue.catalog import Tables
    from exporter.simulated_glue.loopback import LoopbackServer

DEFAULT_REGION = "eu-west-1"
DEFAULT_ACCOUNT_ID = "123456789012"


class SimulatedGlue:
    """Glue and STS of one AWS account on loopback, with all its regions and catalogs.

    ::

        with SimulatedGlue(clock=clock) as glue:
            glue.add_view("sales", "daily_orders", refresh_seconds=3600)
            run_id = glue.runs().add_run("sales", "daily_orders", RunScript(duration=30))
            client = boto3.client("glue", endpoint_url=glue.endpoint_url, ...)

    Any credentials do. The region is the one that a request is signed for, the catalog the one that it
    names, else the caller's account. Raises SimulatedGlueUnavailableError where moto is not installed.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        account_id: str = DEFAULT_ACCOUNT_ID,
        region: str = DEFAULT_REGION,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.account_id = account_id
        self.region = region
        """Where the methods below work unless they are told another region."""
        self.ledger = Ledger()
        self.faults = FaultBoard()
        self._port = port
        self._server: LoopbackServer | None = None
        try:
            # Here, because moto takes half a second to load, and is an extra.
            from exporter.simulated_glue.app import App  # noqa: PLC0415 (as above)
            from exporter.simulated_glue.catalog import Account  # noqa: PLC0415 (as above)
        except ImportError as error:
            raise SimulatedGlueUnavailableError(
                "The simulated Glue needs moto: in a checkout, pip install '.[demo]'"
            ) from error
        self._account = Account(self.clock, account_id=account_id, seed=seed)
        self._app = App(self._account, self.clock, self.ledger, self.faults)

    @property
    def endpoint_url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:40001``. Raises RuntimeError unless started."""
        if self._server is None:
            raise RuntimeError("the simulated Glue is not started")
        return self._server.url

    def start(self) -> str:
        """Begin to listen and return the endpoint's URL, for Glue and STS alike.

        Once stopped, it listens on the same port again, for clients that know it. Raises RuntimeError
        where the port is taken.
        """
        if self._server is not None:
            raise RuntimeError("the simulated Glue is started already")
        from exporter.simulated_glue.loopback import LoopbackServer  # noqa: PLC0415 (see __init__)

        self._server = LoopbackServer(self._app, self._port)
        self._port = self._server.port
        return self._server.url

    def stop(self) -> None:
        """Let go of waiting requests, cut open connections and stop listening. Faults end, state stays."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self.faults.clear()
        server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        self.stop()

    def runs(self, *, region: str | None = None, catalog_id: str | None = None) -> RunBook:
        """Return the runs of a catalog (by default the account's) in a region, to read and to change."""
        return self._catalog(region, catalog_id).runs

    def add_view(
        self,
        database: str,
        table: str,
        *,
        refresh_seconds: int | None = None,
        plan: Plan | None = None,
        schedule: Schedule | None = None,
        created: float | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
    ) -> None:
        """Add a materialized view, and its database where there is none.

        ``refresh_seconds`` is what GetTables tells; runs come by themselves only with a ``schedule``.
        ``created`` is the Unix time that it tells of; default: now.
        """
        definition: dict[str, Any] = {
            "IsProtected": False,
            "Definer": f"arn:aws:iam::{self.account_id}:role/MaterializedViewDefiner",
            "ViewVersionId": 1,
            "Representations": [
                {
                    "Dialect": "SPARK",
                    "DialectVersion": "3.5",
                    "ViewOriginalText": f"TABLE {database}.{table}_source",
                }
            ],
        }
        if refresh_seconds is not None:
            definition["RefreshSeconds"] = refresh_seconds
        self.add_table(
            database,
            table,
            view_definition=definition,
            created=created,
            region=region,
            catalog_id=catalog_id,
        )
        self.runs(region=region, catalog_id=catalog_id).watch_view(
            database, table, plan=plan, schedule=schedule
        )

    def add_table(
        self,
        database: str,
        table: str,
        *,
        view_definition: dict[str, Any] | None = None,
        created: float | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
    ) -> None:
        """Add a table, and its database where there is none."""
        table_input: dict[str, Any] = {"Name": table, "TableType": "EXTERNAL_TABLE"}
        if view_definition is not None:
            table_input["ViewDefinition"] = view_definition
        catalog = self._catalog(region, catalog_id)
        with self._account.lock:
            if database not in catalog.databases:
                catalog.create_database(database, {"Name": database})
            catalog.create_table(database, table, table_input)
            if created is not None:
                catalog.backdate_table(database, table, created)

    def remove_table(
        self, database: str, table: str, *, region: str | None = None, catalog_id: str | None = None
    ) -> None:
        """Remove a table or materialized view; its runs stay."""
        with self._account.lock:
            self._catalog(region, catalog_id).delete_table(database, table)

    def _catalog(self, region: str | None, catalog_id: str | None) -> "Tables":
        return self._account.catalog(region or self.region, catalog_id or self.account_id)
