"""The simulated Glue as its users see it: one object to set up, start and ask."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from exporter.simulated_glue.changes import ICEBERG, Source
from exporter.simulated_glue.script import Plan, RunScript, Schedule

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
        plan: Plan = lambda _: RunScript(),
        schedule: Schedule | None = None,
        sources: Sequence[str] = (),
        elsewhere: Schedule | None = None,
        managed: bool = False,
        owner: str | None = None,
        created: float | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
    ) -> None:
        """Add a materialized view, and its database where there is none.

        ``refresh_seconds`` is what GetTables reports; runs come by themselves only with a ``schedule``, and
        only if one of the ``sources`` (``database.table``, added before) has changed since the last refresh
        began; without sources, always. ``elsewhere``: when it is refreshed without a run.
        ``created`` is the reported Unix time; default: now.
        """
        catalog = self._catalog(region, catalog_id)
        read = [catalog.sources[database, name] for database, name in (each.split(".") for each in sources)]
        representation = {
            "Dialect": "SPARK",
            "DialectVersion": "3.5",
            "ViewOriginalText": f"TABLE {sources[0] if sources else f'{database}.{table}_source'}",
        }
        definition: dict[str, Any] = {
            "IsProtected": False,
            "IsManaged": managed,
            "Definer": f"arn:aws:iam::{self.account_id}:role/MaterializedViewDefiner",
            "ViewVersionId": -1,  # Iceberg's own word for a table without a snapshot
            "Representations": [representation],
        }
        if refresh_seconds is not None:
            definition["RefreshSeconds"] = refresh_seconds
        if read:
            definition["SubObjects"] = [source.arn for source in read]
        members: dict[str, Any] = {"ViewDefinition": definition}
        if owner is not None:
            members["Owner"] = owner
        self.add_table(
            database, table, members=members, created=created, region=region, catalog_id=catalog_id
        )
        catalog.runs.watch_view(
            database, table, plan=plan, schedule=schedule, sources=read, elsewhere=elsewhere
        )

    def add_source(
        self,
        database: str,
        table: str,
        *,
        commits: Schedule | None = None,
        source_type: str = ICEBERG,
        created: float | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
    ) -> Source:
        """Add a table for views to read, and its database where there is none.

        Data is committed to it as the schedule says, and at the times in the returned value's ``commits``.
        """
        catalog = self._catalog(region, catalog_id)
        source = Source(
            arn=catalog.arn(database, table),
            created=self.now() if created is None else created,
            source_type=source_type,
            schedule=commits,
        )
        location = f"s3://simulated-lake/{database}/{table}"
        members: dict[str, Any] = {"StorageDescriptor": {"Location": location}}
        if source_type == ICEBERG:
            members["Parameters"] = {"table_type": ICEBERG}
            members["IcebergTableMetadata"] = {
                "FormatVersion": "2",
                "TableUuid": str(uuid.uuid5(uuid.NAMESPACE_URL, source.arn)),
                "Location": location,
            }
        self.add_table(
            database, table, members=members, created=created, region=region, catalog_id=catalog_id
        )
        catalog.sources[database, table] = source
        return source

    def add_table(
        self,
        database: str,
        table: str,
        *,
        members: Mapping[str, Any] = MappingProxyType({}),
        created: float | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
    ) -> None:
        """Add a table with these members, and its database where there is none."""
        from exporter.simulated_glue.catalog import as_moto_keeps_it  # noqa: PLC0415 (see __init__)

        table_input = {"Name": table, "TableType": "EXTERNAL_TABLE", **members}
        catalog = self._catalog(region, catalog_id)
        with self._account.lock:
            if database not in catalog.databases:
                catalog.create_database(database, {"Name": database})
            added = catalog.create_table(database, table, table_input)
            if created is not None:
                added.created_time = as_moto_keeps_it(created)

    def _catalog(self, region: str | None, catalog_id: str | None) -> "Tables":
        return self._account.catalog(region or self.region, catalog_id or self.account_id)
