"""A bare Glue: an HTTP server that speaks the JSON protocol from the standard library alone.

It knows nothing of the exporter, of its simulated Glue, or of any AWS library, and so is a second
opinion on all of them. STS answers on the same port. It counts every call and misbehaves on demand::

    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        glue.misbehave(HANG, run_id=run_id)

As a process of its own, ``python -m tests.support.bare_glue --runs 10000`` prints its URL; there
``GET /calls`` tells the calls per operation, ``DELETE /calls`` forgets them, and ``POST /runs`` takes a
list of records.
"""

import argparse
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from tests.support.bare_faults import Fault
from tests.support.bare_records import ACCOUNT, BadRequestError, Listing, Records, page, sample_run
from tests.support.bare_wire import Answer, Server, glue_error, sts_answer, sts_error

GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, retries included."""

    at: float
    """Seconds of ``time.monotonic``."""
    operation: str
    parameters: Mapping[str, Any]
    access_key: str
    """The key that the request is signed with."""
    aws_region: str
    """The region that the request is signed for."""

    @property
    def run_id(self) -> str | None:
        """The run that is asked for, where it is one."""
        return self.parameters.get("MaterializedViewRefreshTaskRunId")

    @property
    def catalog_id(self) -> str | None:
        """The catalog that is asked for, where it is one."""
        return self.parameters.get("CatalogId")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    fault: Fault
    operation: str | None
    run_id: str | None
    every: int

    def fits(self, call: Call) -> bool:
        return self.operation in {None, call.operation} and self.run_id in {None, call.run_id}


class BareGlue:
    """Starts to serve on 127.0.0.1 when it is made, and stops with :meth:`close`."""

    def __init__(self, *, port: int = 0) -> None:
        self.records = Records()
        self.listing = Listing()
        self.account = ACCOUNT
        """What ``GetCallerIdentity`` answers."""
        self.account_of: Callable[[str], str | None] = lambda _: None
        """The account of an access key, where it is another one."""
        self.judge: Callable[[Call], Fault | None] = lambda _: None
        """What happens to a call; None: what :meth:`misbehave` says. Must be quick."""
        self.credentials_lifetime = 3600.0
        """Seconds until the credentials of ``AssumeRole`` expire."""
        self._lock = threading.Condition()
        self._calls: list[Call] = []
        self._rules: list[_Rule] = []
        self._rule_uses: Counter[int] = Counter()
        self._server = Server(port, self.answer, self._control)

    @property
    def url(self) -> str:
        """The endpoint, without a slash at the end."""
        return self._server.url

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self._server.server_address[1])

    @property
    def clock_skew(self) -> float:
        """Seconds that the ``Date`` header is ahead of this machine's clock."""
        return self._server.clock_skew

    @clock_skew.setter
    def clock_skew(self, seconds: float) -> None:
        self._server.clock_skew = seconds

    def misbehave(
        self, fault: Fault, *, operation: str | None = None, run_id: str | None = None, every: int = 1
    ) -> None:
        """Answer so from now on, to one operation or run or to all; ``every`` 2: to each second call."""
        with self._lock:
            self._rules.insert(0, _Rule(fault=fault, operation=operation, run_id=run_id, every=every))
            self._rule_uses.clear()

    def behave(self) -> None:
        """Forget all faults. Calls that hang go on hanging."""
        with self._lock:
            self._rules.clear()
            self._rule_uses.clear()

    def calls(self, operation: str | None = None, *, run_id: str | None = None) -> Sequence[Call]:
        """Return the calls so far, in the order of their arrival."""
        with self._lock:
            return [
                call
                for call in self._calls
                if operation in {None, call.operation} and run_id in {None, call.run_id}
            ]

    def count(self, operation: str | None = None, *, run_id: str | None = None) -> int:
        """Return how many calls there were so far."""
        return len(self.calls(operation, run_id=run_id))

    def forget_calls(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._calls.clear()

    def wait_for_calls(
        self, count: int, operation: str | None = None, *, run_id: str | None = None, seconds: float = 30.0
    ) -> None:
        """Wait until there were so many calls; raises TimeoutError."""
        with self._lock:
            if not self._lock.wait_for(lambda: self.count(operation, run_id=run_id) >= count, seconds):
                raise TimeoutError(
                    f"{self.count(operation, run_id=run_id)} instead of {count} calls in {seconds} s"
                )

    def close(self) -> None:
        """Cut all connections and stop."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, operation: str, parameters: Mapping[str, Any], signer: Mapping[str, str]) -> Answer:
        """Count one call and decide how it is answered."""
        call = Call(
            at=time.monotonic(),
            operation=operation,
            parameters=parameters,
            access_key=signer.get("access_key", ""),
            aws_region=signer.get("aws_region", ""),
        )
        with self._lock:
            self._calls.append(call)
            fault = self.judge(call) or self._fault_for(call)
            self._lock.notify_all()
        speaks_xml = operation in {"GetCallerIdentity", "AssumeRole"}
        if fault.error is not None:
            make_error = sts_error if speaks_xml else glue_error
            return make_error(fault.error, "as told by the test", fault.status or 400), fault
        if speaks_xml:
            account = self.account_of(call.access_key) or self.account
            return sts_answer(operation, account, parameters, self.credentials_lifetime), fault
        return self._glue_answer(operation, parameters), fault

    def _fault_for(self, call: Call) -> Fault:
        for rule in self._rules:
            if rule.fits(call):
                self._rule_uses[id(rule)] += 1
                if self._rule_uses[id(rule)] % rule.every == 0:
                    return rule.fault
        return Fault()

    def _glue_answer(self, operation: str, parameters: Mapping[str, Any]) -> tuple[int, str, bytes]:
        handlers: dict[str, Callable[[Mapping[str, Any]], bytes | None]] = {
            GET_RUN: self._get_run,
            LIST_RUNS: self._list_runs,
            "GetDatabases": self._get_databases,
            "GetTables": self._get_tables,
            "GetTable": self._get_table,
        }
        if operation not in handlers:
            return glue_error("UnknownOperationException", operation)
        try:
            body = handlers[operation](parameters)
        except BadRequestError as problem:
            return glue_error("InvalidInputException", str(problem))
        except KeyError as missing:
            return glue_error("ValidationException", f"{missing} is required")
        if body is None:
            return glue_error("EntityNotFoundException", "Entity Not Found")
        return 200, "application/x-amz-json-1.1", body

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
        catalog_id, database = parameters.get("CatalogId", self.account), parameters["DatabaseName"]
        if not self.records.has_database(catalog_id, database):
            return None
        return page(self.records.tables(catalog_id, database), parameters, member=b"TableList", most=100)

    def _get_table(self, parameters: Mapping[str, Any]) -> bytes | None:
        table = self.records.encoded_table(
            parameters.get("CatalogId", self.account), parameters["DatabaseName"], parameters["Name"]
        )
        return None if table is None else b'{"Table":' + table + b"}"

    def _control(self, method: str, path: str, body: bytes) -> bytes | None:
        if (method, path) == ("GET", "/calls"):
            with self._lock:
                return json.dumps(Counter(call.operation for call in self._calls)).encode()
        if (method, path) == ("DELETE", "/calls"):
            self.forget_calls()
            return b"{}"
        if (method, path) == ("POST", "/runs"):
            for record in json.loads(body):
                self.records.put_run(record)
            return b"{}"
        return None


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="A bare Glue on 127.0.0.1; prints its URL.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--runs", type=int, default=0, help="hold so many sample runs")
    parser.add_argument("--active", type=int, default=0, help="so many of them are RUNNING")
    parser.add_argument("--records", type=Path, help="a JSON file: a list of run records")
    arguments = parser.parse_args()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, on_signal)
    with BareGlue(port=arguments.port) as glue:
        for number in range(arguments.runs):
            glue.records.put_run(
                sample_run(number, status="RUNNING" if number < arguments.active else "SUCCEEDED")
            )
        if arguments.records is not None:
            for record in json.loads(arguments.records.read_bytes()):
                glue.records.put_run(record)
        print(glue.url, flush=True)  # noqa: T201 (whoever starts it reads the URL there)
        stop.wait()


if __name__ == "__main__":
    main()
