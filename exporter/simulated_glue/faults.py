"""Faults on demand: what an answer can be instead of the right one, and to whom it happens."""

import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from exporter.simulated_glue.errors import ServiceError
from exporter.simulated_glue.ledger import Call

JSON_CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer before it is sent."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_CONTENT_TYPE
    sent: int | None = None
    """Cut the connection after so many bytes of the body; None sends all of it."""
    dropped: bool = False
    """Cut the connection without any answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that can happen to a request. The functions below make the usual ones."""

    delay: float = 0.0
    """Seconds before the request is carried out; ``math.inf`` until the fault is cleared."""
    instead: Answer | None = None
    """Sent instead of carrying the request out."""
    change: Callable[[Answer], Answer] | None = None
    """Applied to the right answer."""


def error(code: str, message: str, *, status: int = 400) -> Fault:
    """Answer with any error of the service."""
    return Fault(instead=Answer(status=status, body=ServiceError(code, message).body()))


def throttling() -> Fault:
    """Answer as when there are too many requests; the service model does not list it, Glue sends it."""
    body = {"__type": "ThrottlingException", "message": "Rate exceeded"}
    return Fault(instead=Answer(status=400, body=json.dumps(body).encode()))


def operation_timeout() -> Fault:
    """Answer with the modelled error of an operation that took Glue too long."""
    return error("OperationTimeoutException", "The operation timed out.")


def access_denied(message: str = "User is not authorized to perform this operation") -> Fault:
    """Answer as when an IAM policy or Lake Formation forbids the request."""
    return error("AccessDeniedException", message)


def server_error(status: int = 500) -> Fault:
    """Answer with 500 (a JSON error), or 502, 503 and the like (a load balancer's page)."""
    if status == 500:  # noqa: PLR2004 (HTTP's own number)
        return error("InternalServiceException", "An internal service error occurred.", status=status)
    page = f"<html><body><h1>{status} Service Unavailable</h1></body></html>".encode()
    return Fault(instead=Answer(status=status, body=page, content_type="text/html"))


def connection_cut() -> Fault:
    """Close the connection without an answer."""
    return Fault(instead=Answer(dropped=True))


def cut_json(keep: float = 0.5) -> Fault:
    """Send only the first part of the right JSON, as an HTTP answer that is complete in itself."""
    return Fault(change=lambda answer: replace(answer, body=answer.body[: int(len(answer.body) * keep)]))


def cut_body(keep: float = 0.5) -> Fault:
    """Promise the whole body and close the connection after its first part."""
    return Fault(change=lambda answer: replace(answer, sent=int(len(answer.body) * keep)))


def html() -> Fault:
    """Answer with status 200 and the page of some proxy."""
    page = b"<!DOCTYPE html><html><body>Please sign in to the network</body></html>"
    return Fault(instead=Answer(body=page, content_type="text/html"))


def json_value(value: object) -> Fault:
    """Answer with status 200 and any JSON value that is no object, such as None or a list."""
    return Fault(instead=Answer(body=json.dumps(value).encode()))


def raw_body(body: bytes, *, status: int = 200, content_type: str = JSON_CONTENT_TYPE) -> Fault:
    """Answer with any bytes."""
    return Fault(instead=Answer(status=status, body=body, content_type=content_type))


def edited(edit: Callable[[dict[str, object]], object]) -> Fault:
    """Send what ``edit`` makes of the right JSON object."""
    return Fault(
        change=lambda answer: replace(answer, body=json.dumps(edit(json.loads(answer.body))).encode())
    )


def wrong_types() -> Fault:
    """Send run records whose numbers are words and whose times are no times."""
    wrong = {"DPUSeconds": "many", "ProcessedBytes": [1], "CreationTime": "yesterday", "Status": 7}

    def spoil(answer: dict[str, object]) -> dict[str, object]:
        records = [
            answer.get("MaterializedViewRefreshTaskRun"),
            answer.get("MaterializedViewRefreshTaskRuns"),
        ]
        for record in (item for part in records for item in (part if isinstance(part, list) else [part])):
            if isinstance(record, dict):
                record.update(wrong)
        return answer

    return edited(spoil)


def slow(seconds: float) -> Fault:
    """Answer rightly, but so much later (by the machine's clock: the client waits for real)."""
    return Fault(delay=seconds)


def hanging() -> Fault:
    """Answer rightly, but not before the fault is cleared."""
    return Fault(delay=math.inf)


@dataclass(slots=True, kw_only=True, eq=False)
class PlacedFault:
    """A fault and the requests that it happens to."""

    fault: Fault
    operation: str | None
    region: str | None
    catalog_id: str | None
    matching: Callable[[Call], bool] | None
    left: int | None
    """How many more requests it happens to; None for all."""
    hits: int = 0
    """How many requests it has happened to."""
    released: threading.Event = field(default_factory=threading.Event)

    def clear(self) -> None:
        """End the fault, and let go of the requests that wait in it."""
        self.left = 0
        self.released.set()

    def wait(self) -> None:
        """Wait as long as the fault makes a request wait, or until it is cleared."""
        if self.fault.delay:
            self.released.wait(None if math.isinf(self.fault.delay) else self.fault.delay)

    def concerns(self, call: Call) -> bool:
        """Tell whether the fault happens to this call."""
        return (
            self.left != 0
            and self.operation in (None, call.operation)
            and self.region in (None, call.region)
            and self.catalog_id in (None, call.catalog_id)
            and (self.matching is None or self.matching(call))
        )


class FaultBoard:
    """The faults in force; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._placed: list[PlacedFault] = []

    def add(
        self,
        fault: Fault,
        *,
        operation: str | None = None,
        region: str | None = None,
        catalog_id: str | None = None,
        matching: Callable[[Call], bool] | None = None,
        times: int | None = None,
    ) -> PlacedFault:
        """Let a fault happen to the requests that fit all that is given; ``times`` limits how many.

        Of several faults that fit a request, the one added first happens.
        """
        placed = PlacedFault(
            fault=fault,
            operation=operation,
            region=region,
            catalog_id=catalog_id,
            matching=matching,
            left=times,
        )
        with self._lock:
            self._placed.append(placed)
        return placed

    def clear(self) -> None:
        """End all faults, and let go of the requests that wait in them."""
        with self._lock:
            placed, self._placed = self._placed, []
        for fault in placed:
            fault.clear()

    def take(self, call: Call) -> PlacedFault | None:
        """Return the fault that happens to this call, and count it."""
        with self._lock:
            for placed in self._placed:
                if placed.concerns(call):
                    placed.hits += 1
                    if placed.left is not None:
                        placed.left -= 1
                    return placed
            return None
