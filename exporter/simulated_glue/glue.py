"""The simulated Glue as its users see it: one object to set up, start and ask."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from exporter.simulated_glue.script import Plan, Schedule

if TYPE_CHECKING:
    from exporter.simulated_glue.catalog import Tables
    from exporter.simulated_glue.runbook import RunBook
    from exporter.simulated_glue.server import LoopbackServer
    from exporter.simulated_glue.service import Response

DEFAULT_REGION = "eu-west-1"
DEFAULT_ACCOUNT_ID = "123456789012"


class SimulatedGlueUnavailableError(ImportError):
    """moto is not installed; the message says how to get it."""


class SimulatedGlue:
    """Glue and STS of one AWS account on loopback, with all its regions and catalogs.

    ::

        with SimulatedGlue() as glue:
            glue.add_view("sales", "daily_orders", refresh_seconds=3600)
            run_id = glue.runs().add_run("sales", "daily_orders", RunScript(duration=30))
            client = boto3.client("glue", endpoint_url=glue.endpoint_url, ...)

    Any credentials do. The region is the one that a request is signed for, the catalog the one that it
    names, else the caller's account. Raises SimulatedGlueUnavailableError where moto is not installed.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        account_id: str = DEFAULT_ACCOUNT_ID,
        region: str = DEFAULT_REGION,
        seed: int = 0,
    ) -> None:
        """``now`` returns the Unix time that the simulation lives by."""
        self.now = now
        self.account_id = account_id
        self.region = region
        """Where the methods below work unless they are given another region."""
        self._server: LoopbackServer | None = None
        try:
            # Here, because moto takes half a second to load, and is an extra.
            from exporter.simulated_glue import service  # noqa: PLC0415 (as above)
            from exporter.simulated_glue.catalog import Account  # noqa: PLC0415 (as above)
        except ImportError as error:
            raise SimulatedGlueUnavailableError(
                "The simulated Glue needs moto: in a checkout, pip install '.[demo]'"
            ) from error
        self._account = Account(now, account_id=account_id, seed=seed)
        self._service = service

    def answer(self, headers: Mapping[str, str], body: bytes) -> "Response":
        """Answer one HTTP request; for a server other than its own."""
        return self._service.answer(self._account, headers, body)

    @property
    def endpoint_url(self) -> str:
        """Where it listens, for Glue and STS alike. Raises RuntimeError unless entered."""
        if self._server is None:
            raise RuntimeError("the simulated Glue is not started")
        return self._server.url

    def __enter__(self) -> Self:
        from exporter.simulated_glue.server import LoopbackServer  # noqa: PLC0415 (see __init__)

        self._server = LoopbackServer(self.answer, self.now)
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def runs(self, *, region: str | None = None, catalog_id: str | None = None) -> "RunBook":
        """Return the runs of a catalog (by default the account's) in a region, to read and to add to."""
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

        ``refresh_seconds`` is what GetTables reports; runs come by themselves only with a ``schedule``.
        ``created`` is the reported Unix time; default: now.
        """
        representation = {
            "Dialect": "SPARK",
            "DialectVersion": "3.5",
            "ViewOriginalText": f"TABLE {database}.{table}_source",
        }
        definition: dict[str, Any] = {
            "IsProtected": False,
            "Definer": f"arn:aws:iam::{self.account_id}:role/MaterializedViewDefiner",
            "ViewVersionId": 1,
            "Representations": [representation],
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
        runs = self.runs(region=region, catalog_id=catalog_id)
        runs.watch_view(database, table, plan=plan, schedule=schedule)

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
        from exporter.simulated_glue.catalog import as_moto_keeps_it  # noqa: PLC0415 (see __init__)

        table_input: dict[str, Any] = {"Name": table, "TableType": "EXTERNAL_TABLE"}
        if view_definition is not None:
            table_input["ViewDefinition"] = view_definition
        catalog = self._catalog(region, catalog_id)
        with self._account.lock:
            if database not in catalog.databases:
                catalog.create_database(database, {"Name": database})
            added = catalog.create_table(database, table, table_input)
            if created is not None:
                added.created_time = as_moto_keeps_it(created)

    def _catalog(self, region: str | None, catalog_id: str | None) -> "Tables":
        return self._account.catalog(region or self.region, catalog_id or self.account_id)
