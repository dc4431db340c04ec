"""What can go wrong, where and when: the table from which the fault matrix is made.

A row says how an answer goes wrong and what is counted for it; a column is an operation; a sheet is a
moment. Every combination that can happen is a cell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.errors import Reason
from tests.support import bare_faults as bare
from tests.support.bare_faults import Fault


class Operation(StrEnum):
    """The operations that the exporter calls."""

    GET_RUN = "GetMaterializedViewRefreshTaskRun"
    LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
    GET_TABLES = "GetTables"
    GET_TABLE = "GetTable"
    GET_DATABASES = "GetDatabases"
    GET_CALLER_IDENTITY = "GetCallerIdentity"
    ASSUME_ROLE = "AssumeRole"


class Moment(StrEnum):
    """When it goes wrong."""

    FIRST_POLL = "at the first poll"
    STEADY = "after good polls"
    MID_LISTING = "after the first page of a listing"
    SETTLING = "while a run settles"


STS = frozenset({Operation.GET_CALLER_IDENTITY, Operation.ASSUME_ROLE})
LISTINGS = frozenset({Operation.LIST_RUNS, Operation.GET_TABLES, Operation.GET_DATABASES})
GET_ONLY = frozenset({Operation.GET_RUN})
ALL = frozenset(Operation)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to go wrong."""

    fault: Fault
    reason: Reason | None
    """What is counted at Glue; at STS it is always ``credentials``. None: nothing is wrong with it."""
    operations: frozenset[Operation] = ALL


ROWS: Mapping[str, Row] = {
    "access denied": Row(bare.ACCESS_DENIED, Reason.ACCESS_DENIED),
    "forbidden without a code": Row(Fault(status=403, body=b"<html>"), Reason.ACCESS_DENIED),
    "not found": Row(bare.NOT_FOUND, Reason.NOT_FOUND),
    "invalid input": Row(bare.INVALID_INPUT, Reason.INVALID_INPUT),
    "throttled": Row(bare.THROTTLED, Reason.THROTTLED),
    "429 of a proxy": Row(Fault(status=429, body=b""), Reason.THROTTLED),
    "hanging": Row(bare.HANG, Reason.TIMEOUT),
    "Glue's own timeout": Row(bare.error("OperationTimeoutException"), Reason.TIMEOUT),
    "504 of a proxy": Row(Fault(status=504, body=b"<html>"), Reason.TIMEOUT),
    "trickling": Row(Fault(trickle=0.2), Reason.TIMEOUT),
    "503 with a page": Row(bare.UNAVAILABLE, Reason.UNAVAILABLE),
    "500": Row(bare.error("InternalServiceException", 500), Reason.UNAVAILABLE),
    "502 that is empty": Row(Fault(status=502, body=b""), Reason.UNAVAILABLE),
    "connection closed": Row(bare.CUT_CONNECTION, Reason.UNAVAILABLE),
    "connection reset": Row(Fault(cut="reset"), Reason.UNAVAILABLE),
    "half of the bytes": Row(Fault(cut="body"), Reason.UNEXPECTED),
    "expired token": Row(bare.EXPIRED_TOKEN, Reason.CREDENTIALS),
    "unknown key": Row(bare.error("UnrecognizedClientException"), Reason.CREDENTIALS),
    "clock too far off": Row(bare.error("InvalidSignatureException", 403), Reason.CREDENTIALS),
    "half of the text": Row(bare.CUT_TEXT, Reason.UNEXPECTED),
    "an error unheard of": Row(bare.error("NeverHeardOfException"), Reason.UNEXPECTED),
    "a page with status 200": Row(bare.HTML, Reason.UNEXPECTED),
    "nothing": Row(bare.answer(b""), Reason.UNEXPECTED),
    "an empty object": Row(bare.answer(b"{}"), Reason.UNEXPECTED),
    "null": Row(bare.answer(b"null"), Reason.UNEXPECTED),
    "a list": Row(bare.answer(b"[]"), Reason.UNEXPECTED),
    "a string": Row(bare.answer(b'"Materialized"'), Reason.UNEXPECTED),
    "binary": Row(bare.answer(bytes(range(256))), Reason.UNEXPECTED),
    "gzip that nobody asked for": Row(bare.GZIP, Reason.UNEXPECTED),
    "truncated gzip": Row(Fault(gzip=True, cut="text"), Reason.UNEXPECTED),
    "deep JSON": Row(
        bare.answer(b'{"MaterializedViewRefreshTaskRun":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        Reason.UNEXPECTED,
    ),
    "a redirect": Row(
        Fault(status=302, body=b"", headers=(("Location", "http://127.0.0.1:9/"),)), Reason.UNEXPECTED
    ),
    "no number": Row(bare.run_with(b"DPUSeconds", b"NaN"), Reason.UNEXPECTED, GET_ONLY),
    "an infinite number": Row(bare.run_with(b"DPUSeconds", b"1e999"), Reason.UNEXPECTED, GET_ONLY),
    "text for a number": Row(bare.run_with(b"DPUSeconds", b'"many"'), Reason.UNEXPECTED, GET_ONLY),
    "text for a time": Row(bare.run_with(b"StartTime", b'"yesterday"'), Reason.UNEXPECTED, GET_ONLY),
    "a time of no year": Row(bare.run_with(b"EndTime", b"1e300"), Reason.UNEXPECTED, GET_ONLY),
    "a number for a text": Row(bare.run_with(b"DatabaseName", b"17"), Reason.UNEXPECTED, GET_ONLY),
    "a list for the record": Row(
        bare.answer(b'{"MaterializedViewRefreshTaskRun":[]}'), Reason.UNEXPECTED, GET_ONLY
    ),
    "null for the record": Row(
        bare.answer(b'{"MaterializedViewRefreshTaskRun":null}'), Reason.UNEXPECTED, GET_ONLY
    ),
    "another content type": Row(Fault(content_type="text/plain"), None),
    "latency": Row(bare.slow(0.3), None),
}

ANSWERS = {
    ("not found", Operation.GET_RUN),
    ("not found", Operation.GET_TABLE),
    ("not found", Operation.GET_TABLES),
}
"""Failures that are counted, and yet tell something: the run, the view or the database is not there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one operation at one moment. Its target has credentials of its own."""

    number: int
    row: str
    operation: Operation
    moment: Moment

    def __str__(self) -> str:
        return f"{self.row} at {self.operation} {self.moment}"

    @property
    def target(self) -> str:
        return f"cell{self.number}"

    @property
    def fault(self) -> Fault:
        return ROWS[self.row].fault

    @property
    def never_answered(self) -> bool:
        """Whether the client waits until its timeout."""
        return self.fault.hang or self.fault.trickle > 0

    @property
    def reason(self) -> Reason | None:
        reason = ROWS[self.row].reason
        return Reason.CREDENTIALS if reason and self.operation in STS else reason

    @property
    def is_answer(self) -> bool:
        """Whether Glue has said that the view is not there, which is asked again at the next resync only."""
        return (self.row, self.operation) in ANSWERS and self.operation is not Operation.GET_RUN

    @property
    def harmless(self) -> bool:
        """Whether the target has to be up all the same."""
        return self.reason is None or (self.row, self.operation) in ANSWERS


def can_happen(operation: Operation, moment: Moment) -> bool:
    if moment is Moment.MID_LISTING:
        return operation in LISTINGS | {Operation.ASSUME_ROLE}
    if operation is Operation.GET_CALLER_IDENTITY:  # asked once; what is known of an account stays true
        return moment is Moment.FIRST_POLL
    return True


def cells(moment: Moment) -> Iterator[Cell]:
    number = 0
    for name, row in ROWS.items():
        for operation in Operation:
            if operation in row.operations and can_happen(operation, moment):
                number += 1
                yield Cell(number, name, operation, moment)
