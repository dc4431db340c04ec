"""The simulated services as one WSGI application: notes each call, lets faults happen, asks moto."""

import json
import logging
import re
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request

from exporter.simulated_glue.catalog import Account
from exporter.simulated_glue.clock import Clock
from exporter.simulated_glue.errors import ServiceError
from exporter.simulated_glue.faults import Answer, FaultBoard
from exporter.simulated_glue.ledger import Call, Ledger
from exporter.simulated_glue.service import RefreshRunsResponse, StsResponse

_log = logging.getLogger(__name__)

_SIGNATURE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_RESPONSES: dict[str, Callable[[Account], Any]] = {"glue": RefreshRunsResponse, "sts": StsResponse}


class App:
    """Answers the requests of one simulation; called by the server's threads."""

    def __init__(self, account: Account, clock: Clock, ledger: Ledger, faults: FaultBoard) -> None:
        self._account = account
        self._clock = clock
        self._ledger = ledger
        self._faults = faults

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request as WSGI asks for."""
        answer = self._answer(Request(environ))
        if answer.dropped:
            _cut(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            # A client reads the service's clock from here.
            ("x-amzn-RequestId", str(uuid.uuid4())),
            ("Date", formatdate(self._clock.time(), usegmt=True)),
        ]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body] if answer.sent is None else _cut_body(answer.body[: answer.sent], environ)

    def _answer(self, request: Request) -> Answer:
        try:
            call = self._call(request)
        except ServiceError as error:
            return _error_answer(error)
        self._ledger.note(call)
        placed = self._faults.take(call)
        if placed is None:
            return self._carry_out(call, request)
        placed.wait()
        if placed.fault.instead is not None:
            return placed.fault.instead
        answer = self._carry_out(call, request)
        return answer if placed.fault.change is None else placed.fault.change(answer)

    def _call(self, request: Request) -> Call:
        signature = _SIGNATURE.search(request.headers.get("Authorization", ""))
        if signature is None:
            raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
        operation, parameters = _operation(request)
        return Call(
            service=signature["service"],
            operation=operation,
            region=signature["region"],
            access_key=signature["key"],
            parameters=parameters,
            time=self._clock.time(),
        )

    def _carry_out(self, call: Call, request: Request) -> Answer:
        response = _RESPONSES.get(call.service)
        try:
            if response is None:
                raise NotImplementedError(f"The service {call.service} is not simulated")  # noqa: TRY301 (one way out)
            with self._account.lock:
                # moto's public entry would make the response without our account.
                status, _, body = response(self._account)._dispatch(request)  # noqa: SLF001 (see above)
        except ServiceError as error:
            return _error_answer(error)
        except NotImplementedError as error:
            return _error_answer(ServiceError("UnknownOperationException", str(error)))
        except Exception as error:  # noqa: BLE001 (a bug of ours must look like one, not like a cut connection)
            _log.exception("%s failed in the simulation itself", call.operation)
            return _error_answer(ServiceError("InternalServiceException", repr(error), status=500))
        content = body.encode() if isinstance(body, str) else body
        content_type = "text/xml" if call.service == "sts" else "application/x-amz-json-1.1"
        return Answer(status=int(status), body=content, content_type=content_type)


def _operation(request: Request) -> tuple[str, dict[str, object]]:
    """Return the operation and its parameters, of the JSON or the query protocol. Raises ServiceError."""
    text = request.get_data().decode("utf-8", errors="replace")
    target = request.headers.get("X-Amz-Target")
    if target is None:
        fields: dict[str, object] = dict(parse_qsl(text))
        return str(fields.pop("Action", "")), fields
    try:
        parameters = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", "The request is no JSON") from error
    if not isinstance(parameters, dict):
        raise ServiceError("SerializationException", "The request is no JSON object")
    return target.rpartition(".")[2], parameters


def _error_answer(error: ServiceError) -> Answer:
    return Answer(status=error.status, body=error.body())


def _cut(environ: dict[str, Any]) -> None:
    """Close the client's connection for good: werkzeug alone would wait for another request on it."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def _cut_body(body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    yield body
    _cut(environ)
