"""A bare Glue: records in memory, answered over HTTP by the standard library alone.

It knows nothing of the exporter, of its simulated Glue, or of any AWS library, and so is a second opinion
on all of them. STS answers on the same port::

    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        glue.misbehave(HANG, operation=LIST_RUNS)
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from tests.support.bare_faults import Fault
from tests.support.bare_records import ACCOUNT, BadRequestError, Listing, Records, page
from tests.support.endpoint import STS, Call, Endpoint, Response, error_response

__all__ = ["GET_RUN", "LIST_RUNS", "BareGlue", "Call"]

GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"


class BareGlue(Endpoint):
    """Any number of catalogs of one account, the same in all regions."""

    def __init__(
        self,
        judge: Callable[[Call], Fault | None] | Fault | None = None,
        *,
        port: int = 0,
        records: Records | None = None,
    ) -> None:
        """Serve at once. ``records``: those of another one, in whose place this one answers."""
        self.records = records or Records()
        self.listing = Listing()
        self.account = ACCOUNT
        """What ``GetCallerIdentity`` answers."""
        self.account_of: Callable[[str], str | None] = lambda _: None
        """The account of an access key, where it is another one."""
        self.credentials_lifetime = 3600.0
        """Seconds until the credentials of ``AssumeRole`` expire."""
        super().__init__(judge, port=port)

    def respond(self, call: Call, headers: Mapping[str, str], body: bytes) -> Response:  # noqa: ARG002 (an endpoint's)
        if call.operation in {"GetCallerIdentity", "AssumeRole"}:
            return self._sts(call)
        operations: dict[str, Callable[[Mapping[str, Any]], bytes | None]] = {
            GET_RUN: self._get_run,
            LIST_RUNS: self._list_runs,
            "GetDatabases": self._get_databases,
            "GetTables": self._get_tables,
            "GetTable": self._get_table,
        }
        if call.operation not in operations:
            return error_response(call, "UnknownOperationException", call.operation)
        try:
            found = operations[call.operation](call.parameters)
        except BadRequestError as problem:
            return error_response(call, "InvalidInputException", str(problem))
        except KeyError as missing:
            return error_response(call, "ValidationException", f"{missing} is required")
        if found is None:
            return error_response(call, "EntityNotFoundException", "Entity Not Found")
        return Response(200, found)

    def _get_run(self, parameters: Mapping[str, Any]) -> bytes | None:
        run = self.records.encoded_run(
            parameters["CatalogId"], parameters["MaterializedViewRefreshTaskRunId"]
        )
        return None if run is None else b'{"MaterializedViewRefreshTaskRun":' + run + b"}"

    def _list_runs(self, parameters: Mapping[str, Any]) -> bytes:
        runs = self.records.runs(
            parameters["CatalogId"],
            parameters.get("DatabaseName"),
            parameters.get("TableName"),
            self.listing.order,
        )
        member = b"MaterializedViewRefreshTaskRuns"
        return page(runs, parameters, member=member, most=1000, listing=self.listing)

    def _get_databases(self, parameters: Mapping[str, Any]) -> bytes:
        catalog_id = parameters.get("CatalogId", self.account)
        return page(self.records.databases(catalog_id), parameters, member=b"DatabaseList", most=100)

    def _get_tables(self, parameters: Mapping[str, Any]) -> bytes | None:
        tables = self.records.tables(parameters.get("CatalogId", self.account), parameters["DatabaseName"])
        return None if tables is None else page(tables, parameters, member=b"TableList", most=100)

    def _get_table(self, parameters: Mapping[str, Any]) -> bytes | None:
        table = self.records.encoded_table(
            parameters.get("CatalogId", self.account), parameters["DatabaseName"], parameters["Name"]
        )
        return None if table is None else b'{"Table":' + table + b"}"

    def _sts(self, call: Call) -> Response:
        """Say who the caller is, or give out a key that names the role's last word."""
        account = self.account_of(call.access_key) or self.account
        result = (
            f"<Arn>arn:aws:iam::{account}:user/test</Arn><UserId>AIDATEST</UserId>"
            f"<Account>{account}</Account>"
        )
        if call.operation == "AssumeRole":
            arn = call.parameters["RoleArn"]
            word = re.sub(r"\W", "", arn.rpartition("/")[2]).upper()
            expires = time.gmtime(time.time() + self.credentials_lifetime)
            result = (
                f"<Credentials><AccessKeyId>ASIA{word}</AccessKeyId>"
                f"<SecretAccessKey>assumed-secret</SecretAccessKey>"
                f"<SessionToken>assumed-token-{self.count('AssumeRole')}</SessionToken>"
                f"<Expiration>{time.strftime('%Y-%m-%dT%H:%M:%SZ', expires)}</Expiration></Credentials>"
                f"<AssumedRoleUser><Arn>{escape(arn)}</Arn>"
                f"<AssumedRoleId>AROATEST:session</AssumedRoleId></AssumedRoleUser>"
            )
        name = call.operation
        body = (
            f'<{name}Response xmlns="{STS}"><{name}Result>{result}</{name}Result>'
            f"<ResponseMetadata><RequestId>bare</RequestId></ResponseMetadata></{name}Response>"
        )
        return Response(200, body.encode(), "text/xml")
