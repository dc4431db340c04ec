"""An AWS endpoint over HTTP: it notes every call, misbehaves on demand, and else leaves the answer to others.

Of the standard library alone. Two kinds of Glue stand behind it: :class:`~tests.support.bare_glue.BareGlue`,
which knows nothing of the exporter or of any AWS library, and :class:`~tests.support.moto_glue.MotoGlue`.
"""

import gzip
import itertools
import json
import math
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from xml.sax.saxutils import escape

from tests.support.bare_faults import Fault

STS = "https://sts.amazonaws.com/doc/2011-06-15/"
JSON_1_1 = "application/x-amz-json-1.1"


class Response(NamedTuple):
    """What is answered, faults aside."""

    status: int
    body: bytes
    content_type: str = JSON_1_1


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
    service: str
    """The service that the request is signed for: ``glue`` or ``sts``."""
    session_token: str | None
    """Of temporary credentials."""
    user_agent: str

    @property
    def run_id(self) -> str | None:
        return self.parameters.get("MaterializedViewRefreshTaskRunId")

    @property
    def catalog_id(self) -> str | None:
        return self.parameters.get("CatalogId")

    @property
    def offset(self) -> int:
        """How many records come before the page that is asked for, by a bare Glue's token."""
        return int(str(self.parameters.get("NextToken", "0")).partition(".")[0])


def error_response(call: Call, code: str, message: str, status: int = 400) -> Response:
    if call.service != "sts":
        return Response(status, json.dumps({"__type": code, "Message": message}).encode())
    body = (
        f'<ErrorResponse xmlns="{STS}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>bare</RequestId></ErrorResponse>"
    )
    return Response(status, body.encode(), "text/xml")


class Endpoint:
    """Serves on 127.0.0.1 from the moment it is made, and stops with :meth:`close`."""

    def __init__(self, judge: Callable[[Call], Fault | None] | Fault | None = None, *, port: int = 0) -> None:
        """``judge``: what happens to every call, or a function that says it of each."""
        self.judge: Callable[[Call], Fault | None] = judge if callable(judge) else lambda _: judge
        """What happens to a call; None: what :meth:`misbehave` says. Must be quick. May be changed."""
        self.now: Callable[[], float] = time.time
        """The clock of the header ``Date``."""
        self.clock_skew = 0.0
        """Seconds that the header ``Date`` is ahead of this clock."""
        self._changed = threading.Condition()
        self._calls: list[Call] = []
        self._rules: list[Callable[[Call], Fault | None]] = []
        self._server = _Server(self, port)

    def respond(self, call: Call, headers: Mapping[str, str], body: bytes) -> Response:
        """Return the right answer to a call; ``headers`` and ``body`` are those of its request."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def connections(self) -> frozenset[socket.socket]:
        return frozenset(self._server.open)

    def misbehave(
        self,
        fault: Fault,
        *,
        operation: str | None = None,
        aws_region: str | None = None,
        every: int = 1,
        times: float = math.inf,
    ) -> None:
        """Answer so from now on, to the calls that fit all that is given.

        With ``every`` 2 to each second one of them, and in all so many ``times``. Of two faults that fit a
        call, the later one happens.
        """
        numbers = itertools.count(1)

        def rule(call: Call) -> Fault | None:
            fits = operation in {None, call.operation} and aws_region in {None, call.aws_region}
            number = next(numbers) if fits else 0
            return fault if fits and number % every == 0 and number <= times * every else None

        with self._changed:
            self._rules.insert(0, rule)

    def behave(self) -> None:
        """Forget what :meth:`misbehave` was given. Calls that hang go on hanging."""
        with self._changed:
            self._rules.clear()

    def calls(self, operation: str | None = None, *, run_id: str | None = None) -> Sequence[Call]:
        with self._changed:
            return [
                call
                for call in self._calls
                if operation in {None, call.operation} and run_id in {None, call.run_id}
            ]

    def count(self, operation: str | None = None, *, run_id: str | None = None) -> int:
        return len(self.calls(operation, run_id=run_id))

    def forget_calls(self) -> None:
        with self._changed:
            self._calls.clear()

    def wait_for_calls(
        self, count: int, operation: str | None = None, *, run_id: str | None = None, seconds: float = 60.0
    ) -> None:
        """Wait until there were so many calls; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count(operation, run_id=run_id) >= count, seconds):
                raise TimeoutError(
                    f"{self.count(operation, run_id=run_id)} instead of {count} calls in {seconds} s"
                )

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, call: Call, headers: Mapping[str, str], body: bytes) -> tuple[Response, Fault]:
        """Note one call and decide how it is answered."""
        with self._changed:
            self._calls.append(call)
            judged = (rule(call) for rule in (self.judge, *self._rules))
            fault = next(filter(None, judged), Fault())
            self._changed.notify_all()
        if fault.error is not None:
            return error_response(call, fault.error, fault.message, fault.status or 400), fault
        if fault.body is not None or fault.raw is not None or fault.hang:
            return Response(fault.status or 200, fault.body or b""), fault
        return self.respond(call, headers, body), fault


class _Server(ThreadingHTTPServer):
    """Serves in threads of its own until it is closed; then none of them is left."""

    request_queue_size = 256

    def __init__(self, endpoint: Endpoint, port: int) -> None:
        self.endpoint = endpoint
        self.closing = threading.Event()
        self.open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Know the connection before its thread runs: else a new one would outlive the server."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._open_lock:
            self.open[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self.open[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # clients may hang up whenever they like
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._open_lock:
            threads = list(self.open.values())
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # its client was faster
        for thread in threads:
            thread.join(5)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response, fault = self.server.endpoint.answer(self._call(body), dict(self.headers), body)
        if fault.delay:
            self.server.closing.wait(fault.delay)
        if fault.hang:
            self.server.closing.wait()
        if fault.cut == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault.hang or fault.cut in {"connection", "reset"}:
            self.close_connection = True
        elif fault.raw is not None:
            self.wfile.write(fault.raw)
            self.close_connection = True
        else:
            self._send(response, fault)

    def _call(self, body: bytes) -> Call:
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            operation, parameters = target.rpartition(".")[2], json.loads(body)
        else:  # the query protocol, of STS
            parameters = dict(urllib.parse.parse_qsl(body.decode()))
            operation = parameters.pop("Action", "")
        signed = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", self.headers.get("Authorization", ""))
        access_key, aws_region, service = signed.groups() if signed else ("", "", "")
        return Call(
            at=time.monotonic(),
            operation=operation,
            parameters=parameters,
            access_key=access_key,
            aws_region=aws_region,
            service=service,
            session_token=self.headers.get("X-Amz-Security-Token"),
            user_agent=self.headers.get("User-Agent", ""),
        )

    def _send(self, response: Response, fault: Fault) -> None:
        body = response.body if fault.body is None else fault.body
        endpoint = self.server.endpoint
        headers = {
            "Date": formatdate(endpoint.now() + endpoint.clock_skew, usegmt=True),
            "Content-Type": fault.content_type or response.content_type,
            "x-amzn-RequestId": "bare",
            **dict(fault.headers),
        }
        if fault.gzip:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if fault.cut == "text":
            body = body[: len(body) // 2]
        headers["Content-Length"] = str(len(body))
        sent = body
        if fault.cut == "body":
            sent = body[: len(body) // 2]
            self.close_connection = True
        head = [f"HTTP/1.1 {fault.status or response.status} Bare"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + (b"" if fault.trickle else sent))
        if fault.trickle:
            for byte in sent:
                self.server.closing.wait(fault.trickle)
                self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        """Say nothing: the calls are counted, and the terminal belongs to the test."""
