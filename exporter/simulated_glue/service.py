"""moto's Glue and STS with the operations, the validation and the paging that they lack.

STS is moto's own with its global state, which holds nothing but the temporary keys of assumed roles.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

import botocore.session
from botocore.model import OperationNotFoundError
from botocore.validate import ParamValidator
from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.core.responses import ActionResult, BaseResponse
from moto.glue.exceptions import EntityNotFoundException
from moto.glue.responses import GlueResponse
from moto.sts.responses import TokenResponse
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from exporter.simulated_glue.catalog import Account, Tables

_log = logging.getLogger(__name__)

Item = TypeVar("Item")

PAGE_SIZE: Final = 100
"""Items on a page where the request does not say how many; Glue's own number of runs is undocumented."""
_JSON: Final = "application/x-amz-json-1.1"
_SIGNATURE: Final = re.compile(r"Credential=[^/]*/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class Response(NamedTuple):
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


def answer(account: Account, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer one HTTP request of a client of the account."""
    signature = _SIGNATURE.search(headers.get("Authorization", ""))
    if signature is None:
        return _refusal(JsonRESTError("MissingAuthenticationTokenException", "Missing Authentication Token"))
    services: dict[str, Callable[[Account], Any]] = {"glue": RefreshRunsResponse, "sts": StsResponse}
    service = signature["service"]
    if service not in services:
        return _refusal(JsonRESTError("UnknownOperationException", f"{service} is not simulated"))
    request = Request(EnvironBuilder(method="POST", headers=Headers(headers), data=body).get_environ())
    try:
        with account.lock:
            # moto's public entry would make the response without our account.
            status, _, content = services[service](account)._dispatch(request)  # noqa: SLF001 (see above)
    except JsonRESTError as error:
        return _refusal(error)
    except NotImplementedError as error:
        return _refusal(JsonRESTError("UnknownOperationException", str(error)))
    except Exception as error:  # noqa: BLE001 (a bug of ours must look like one, not like a cut connection)
        _log.exception("the simulation itself failed")
        return _refusal(JsonRESTError("InternalServiceException", repr(error)), status=500)
    content = content.encode() if isinstance(content, str) else content
    return Response(int(status), "text/xml" if service == "sts" else _JSON, content)


def _refusal(error: JsonRESTError, status: int = 400) -> Response:
    return Response(status, _JSON, str(error.description).encode())


def _invalid_input(message: str) -> JsonRESTError:
    return JsonRESTError("InvalidInputException", message)


class _Signed(BaseResponse):
    """Takes region and account from the signature and the simulation, not from moto's environment."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def get_region_from_url(self, request: Any, full_url: str) -> str:
        """Return the region that the request is signed for."""
        del full_url
        scope = _SIGNATURE.search(request.headers.get("Authorization", ""))
        return scope["region"] if scope else self.default_region

    def get_current_account(self) -> str:
        """Return the account of an assumed role, else that of the simulation."""
        found = super().get_current_account()
        # moto's default is its way to say that it has not given out this key.
        return self._account.account_id if found == DEFAULT_ACCOUNT_ID else found


class StsResponse(_Signed, TokenResponse):
    """moto's STS for callers of the simulated account."""


class RefreshRunsResponse(_Signed, GlueResponse):
    """moto's Glue with refresh task runs, catalogs, and pages of databases and tables.

    moto finds the method of an operation by the operation's name, written the Python way.
    """

    @property
    def glue_backend(self) -> Tables:
        """The catalog that the request asks for: by default the caller's account."""
        return self._account.catalog(self.region, self.parameters.get("CatalogId") or self.current_account)

    def call_action(self) -> Any:
        """Carry the operation out once its input fits the service model. Raises JsonRESTError."""
        problems = "; ".join(_problems(self._get_action(), self.parameters))
        if problems:
            raise _invalid_input(problems)
        return super().call_action()

    def get_materialized_view_refresh_task_run(self) -> str:
        """Answer with one run."""
        record = self.glue_backend.runs.record(self.parameters["MaterializedViewRefreshTaskRunId"])
        return json.dumps({"MaterializedViewRefreshTaskRun": record})

    def list_materialized_view_refresh_task_runs(self) -> str:
        """Answer with a page of the runs of a catalog, a database or a table."""
        database, table = self.parameters.get("DatabaseName"), self.parameters.get("TableName")
        if table is not None and database is None:
            raise _invalid_input("TableName cannot be given without DatabaseName")
        runs, token = self._page(self.glue_backend.runs.records(database, table))
        return json.dumps({"MaterializedViewRefreshTaskRuns": runs, **token})

    def start_materialized_view_refresh_task_run(self) -> str:
        """Start a run and answer with its ID."""
        database, table = self._materialized_view()
        full_refresh = self.parameters.get("FullRefresh")
        run_id = self.glue_backend.runs.start(database, table, full_refresh=full_refresh)
        return json.dumps({"MaterializedViewRefreshTaskRunId": run_id})

    def stop_materialized_view_refresh_task_run(self) -> str:
        """Let a view's run stop."""
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
        if "DatabaseName" not in self.parameters:
            raise _invalid_input("DatabaseName cannot be null")
        found = catalog.get_tables(self.parameters["DatabaseName"], self.parameters.get("Expression"))
        tables, token = self._page({str(table.name): table for table in found})
        return ActionResult({"TableList": [catalog.describe(table) for table in tables], **token})

    def get_databases(self) -> ActionResult:
        """Answer with a page of a catalog's databases."""
        found = {str(database.name): database for database in self.glue_backend.get_databases()}
        databases, token = self._page(found)
        return ActionResult({"DatabaseList": [database.as_dict() for database in databases], **token})

    def _materialized_view(self) -> tuple[str, str]:
        """Return the database and table of the request. Raises JsonRESTError for what is not such a view."""
        catalog = self.glue_backend
        database, name = self.parameters["DatabaseName"], self.parameters["TableName"]
        if name not in catalog.get_database(database).tables:
            raise EntityNotFoundException(f"Table {database}.{name} not found.")
        if not catalog.describe(catalog.get_table(database, name))["IsMaterializedView"]:
            raise _invalid_input(f"Table {database}.{name} is not a materialized view.")
        return database, name

    def _page(self, items: Mapping[str, Item]) -> tuple[list[Item], dict[str, str]]:
        """Return the page that the request asks for, and the member NextToken unless it is the last.

        A token names the request that it belongs to and the last item of its page, so that items which
        join or leave elsewhere are neither repeated nor skipped.
        """
        unchanging = {k: v for k, v in self.parameters.items() if k not in {"MaxResults", "NextToken"}}
        request = json.dumps([self._get_action(), self.region, self.current_account, unchanging])
        prefix = hashlib.sha256(request.encode()).hexdigest()[:16]
        names, start = list(items), 0
        if (token := self.parameters.get("NextToken")) is not None:
            issued_for, _, last = token.partition(".")
            if issued_for != prefix or last not in items:
                raise _invalid_input("The NextToken is not valid, or has expired")
            start = names.index(last) + 1
        end = start + self.parameters.get("MaxResults", PAGE_SIZE)
        following = {"NextToken": f"{prefix}.{names[end - 1]}"} if end < len(names) else {}
        return [items[name] for name in names[start:end]], following


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("glue")


def _problems(operation: str, parameters: dict[str, Any]) -> Iterator[str]:
    """Yield what the service model forbids: what botocore looks for, and what it leaves to the service."""
    try:
        shape = _model().operation_model(operation).input_shape
    except OperationNotFoundError as error:
        raise NotImplementedError(str(error)) from error
    if shape is None:
        return
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        yield report.generate_report()
    for name, value in parameters.items():
        limits = shape.members[name].metadata if name in shape.members else {}
        size = len(value) if isinstance(value, str) else value
        if isinstance(size, int) and size > limits.get("max", size):
            yield f"{name} is above its limit of {limits['max']}"
        if name == "MaterializedViewRefreshTaskRunId" and not re.fullmatch(limits["pattern"], str(value)):
            yield f"{name} does not match {limits['pattern']}"
