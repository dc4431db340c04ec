"""moto's Glue and STS with the operations and the paging that they lack.

STS is moto's own with its global state, which holds nothing but the temporary keys of assumed roles.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, BaseResponse
from moto.glue.responses import GlueResponse
from moto.sts.responses import TokenResponse

from exporter.simulated_glue.catalog import Account, Tables
from exporter.simulated_glue.errors import ServiceError, invalid_input, not_found
from exporter.simulated_glue.validation import validate

Item = TypeVar("Item")

DEFAULT_PAGE_SIZE = 100
"""Items on a page where the request does not say how many; Glue's own number of runs is undocumented."""

TABLE_PAGE_SIZE = 100
"""The most databases or tables on a page."""


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service, None if there is no such service."""
    try:
        return botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return None


class _Signed(BaseResponse):
    """Takes region and account from the signature and the simulation, not from moto's environment."""

    _account: Account

    def get_region_from_url(self, request: Any, full_url: str) -> str:
        """Return the region that the request is signed for."""
        del full_url
        scope = re.search(r"Credential=[^/]*/[^/]*/([^/]+)/", request.headers.get("Authorization", ""))
        return scope.group(1) if scope else self.default_region

    def get_current_account(self) -> str:
        """Return the account of an assumed role, else that of the simulation."""
        found = super().get_current_account()
        # moto's default is its way to say that it has not given out this key.
        return self._account.account_id if found == DEFAULT_ACCOUNT_ID else found


class StsResponse(_Signed, TokenResponse):
    """moto's STS for callers of the simulated account."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account


class RefreshRunsResponse(_Signed, GlueResponse):
    """moto's Glue with refresh task runs, catalogs, and pages of databases and tables.

    moto finds the method of an operation by the operation's name, written the Python way.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    @property
    def glue_backend(self) -> Tables:
        """The catalog that the request asks for: by default the caller's account."""
        return self._account.catalog(self.region, self.parameters.get("CatalogId") or self.current_account)

    def call_action(self) -> Any:
        """Carry the operation out once its input fits the service model. Raises ServiceError."""
        try:
            shape = service_model("glue").operation_model(self._get_action()).input_shape
        except OperationNotFoundError as error:
            raise ServiceError("UnknownOperationException", str(error)) from error
        if shape is not None:
            validate(shape, self.parameters)
        return super().call_action()

    def get_materialized_view_refresh_task_run(self) -> str:
        """Answer with one run."""
        record = self.glue_backend.runs.record(self.parameters["MaterializedViewRefreshTaskRunId"])
        return json.dumps({"MaterializedViewRefreshTaskRun": record})

    def list_materialized_view_refresh_task_runs(self) -> str:
        """Answer with a page of the runs of a catalog, a database or a table."""
        database, table = self.parameters.get("DatabaseName"), self.parameters.get("TableName")
        if table is not None and database is None:
            raise invalid_input("TableName cannot be given without DatabaseName")
        book = self.glue_backend.runs
        runs, token = self._page(book.runs(database, table), lambda run: run.run_id, DEFAULT_PAGE_SIZE)
        return json.dumps({"MaterializedViewRefreshTaskRuns": book.records(runs), **token})

    def start_materialized_view_refresh_task_run(self) -> str:
        """Start a run and answer with its ID."""
        database, table = self._materialized_view()
        full_refresh = self.parameters.get("FullRefresh")
        run_id = self.glue_backend.runs.start(database, table, full_refresh=full_refresh)
        return json.dumps({"MaterializedViewRefreshTaskRunId": run_id})

    def stop_materialized_view_refresh_task_run(self) -> str:
        """Tell a view's run to stop."""
        self.glue_backend.runs.stop(self.parameters["DatabaseName"], self.parameters["TableName"])
        return "{}"

    def get_table(self) -> ActionResult:
        """Answer with one table."""
        catalog = self.glue_backend
        table = catalog.get_table(self.parameters["DatabaseName"], self.parameters["Name"])
        return ActionResult({"Table": catalog.describe(table)})

    def get_tables(self) -> ActionResult:
        """Answer with a page of a database's tables."""
        catalog = self.glue_backend
        database, expression = self.parameters.get("DatabaseName"), self.parameters.get("Expression")
        if database is None:
            raise invalid_input("DatabaseName cannot be null")
        found = catalog.get_tables(database, expression)
        tables, token = self._page(found, lambda table: str(table.name), TABLE_PAGE_SIZE)
        return ActionResult({"TableList": [catalog.describe(table) for table in tables], **token})

    def get_databases(self) -> ActionResult:
        """Answer with a page of a catalog's databases."""
        found = self.glue_backend.get_databases()
        databases, token = self._page(found, lambda database: str(database.name), TABLE_PAGE_SIZE)
        return ActionResult({"DatabaseList": [database.as_dict() for database in databases], **token})

    def _materialized_view(self) -> tuple[str, str]:
        """Return the database and table asked for. Raises ServiceError unless it is a materialized view."""
        catalog = self.glue_backend
        database, name = self.parameters["DatabaseName"], self.parameters["TableName"]
        if name not in catalog.get_database(database).tables:
            raise not_found(f"Table {database}.{name} not found.")
        if not catalog.describe(catalog.get_table(database, name))["IsMaterializedView"]:
            raise invalid_input(f"Table {database}.{name} is not a materialized view.")
        return database, name

    def _page(
        self, items: Sequence[Item], key: Callable[[Item], str], size: int
    ) -> tuple[Sequence[Item], dict[str, str]]:
        """Return the page that the request asks for, and the member NextToken unless it is the last."""
        unchanging = {k: v for k, v in self.parameters.items() if k not in {"MaxResults", "NextToken"}}
        request = json.dumps(
            [self._get_action(), self.region, self.current_account, unchanging], sort_keys=True
        )
        page, token = self._account.pager.page(
            items,
            key,
            request=request,
            size=self.parameters.get("MaxResults") or size,
            token=self.parameters.get("NextToken"),
        )
        return page, {"NextToken": token} if token else {}
