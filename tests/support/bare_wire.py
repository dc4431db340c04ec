"""The wire of a bare Glue: HTTP/1.1, JSON 1.1 and the query protocol of STS, and how answers go wrong."""

import gzip
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from tests.support.bare_faults import Fault

Response = tuple[int, str, bytes]
"""HTTP status, content type, body."""
Answer = tuple[Response, Fault]
Answerer = Callable[[str, Mapping[str, Any], Mapping[str, str]], Answer]
"""From operation, parameters and signer to the answer."""
Control = Callable[[str, str, bytes], bytes | None]
"""From method, path and body of a request that is no API call to JSON; None: not found."""

_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def glue_error(code: str, message: str, status: int = 400) -> Response:
    """Return an error of the JSON protocol."""
    return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "Message": message}).encode()


def sts_error(code: str, message: str, status: int = 400) -> Response:
    """Return an error of the query protocol."""
    body = (
        f'<ErrorResponse xmlns="{_STS}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>bare</RequestId></ErrorResponse>"
    )
    return status, "text/xml", body.encode()


def sts_answer(operation: str, account: str, parameters: Mapping[str, Any], lifetime: float) -> Response:
    """Answer ``GetCallerIdentity`` or ``AssumeRole``, whose key names the role's last word."""
    if operation == "GetCallerIdentity":
        result = (
            f"<Arn>arn:aws:iam::{account}:user/test</Arn><UserId>AIDATEST</UserId>"
            f"<Account>{account}</Account>"
        )
    else:
        arn = parameters["RoleArn"]
        word = re.sub(r"\W", "", arn.rpartition("/")[2]).upper()
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lifetime))
        result = (
            f"<Credentials><AccessKeyId>ASIA{word}</AccessKeyId>"
            f"<SecretAccessKey>assumed-secret</SecretAccessKey><SessionToken>assumed-token</SessionToken>"
            f"<Expiration>{expiration}</Expiration></Credentials><AssumedRoleUser><Arn>{escape(arn)}</Arn>"
            f"<AssumedRoleId>AROATEST:session</AssumedRoleId></AssumedRoleUser>"
        )
    body = (
        f'<{operation}Response xmlns="{_STS}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>bare</RequestId></ResponseMetadata></{operation}Response>"
    )
    return 200, "text/xml", body.encode()


class Server(ThreadingHTTPServer):
    """Serves in threads of its own until it is closed; then none of them is left."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, answerer: Answerer, control: Control) -> None:
        self.answerer = answerer
        self.control = control
        self.clock_skew = 0.0
        self.closing = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # clients may hang up whenever they like
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop, cutting what is open."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._open_lock:
            threads = list(self._open.values())
            for connection in self._open:
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
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            operation = target.rpartition(".")[2]
            parameters = json.loads(body)
        elif self.headers.get_content_type() == "application/x-www-form-urlencoded":
            parameters = dict(urllib.parse.parse_qsl(body.decode()))
            operation = parameters.pop("Action", "")
        else:
            self._send_control(body)
            return
        response, fault = self.server.answerer(operation, parameters, self._signer())
        self._send_with(fault, response)

    def do_GET(self) -> None:
        self._send_control(b"")

    def do_DELETE(self) -> None:
        self._send_control(b"")

    def _signer(self) -> Mapping[str, str]:
        found = re.search(
            r"Credential=(?P<access_key>[^/]+)/\d+/(?P<aws_region>[^/]+)/",
            self.headers.get("Authorization", ""),
        )
        return found.groupdict() if found else {}

    def _send_control(self, body: bytes) -> None:
        answer = self.server.control(self.command, self.path, body)
        self._send(404 if answer is None else 200, "application/json", answer or b"{}")

    def _send_with(self, fault: Fault, response: Response) -> None:
        if fault.delay:
            self.server.closing.wait(fault.delay)
        if fault.hang:
            self.server.closing.wait()
        if fault.hang or fault.cut in {"connection", "reset"}:
            if fault.cut == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        status, content_type, body = response
        body = body if fault.body is None else fault.body
        headers = dict(fault.headers)
        if fault.gzip:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if fault.cut == "text":
            body = body[: len(body) // 2]
        self._send(
            fault.status or status,
            fault.content_type or content_type,
            body,
            headers,
            sent=fault.sent
            if fault.sent is not None
            else len(body) // 2
            if fault.cut == "body"
            else len(body),
            trickle=fault.trickle,
        )

    def _send(
        self,
        status: int,
        content_type: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        sent: int | None = None,
        trickle: float = 0.0,
    ) -> None:
        head = [
            f"HTTP/1.1 {status} Bare",
            f"Date: {formatdate(time.time() + self.server.clock_skew, usegmt=True)}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            "x-amzn-RequestId: bare",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + (b"" if trickle else body[:sent]))
        if trickle:
            for byte in body[:sent]:
                self.server.closing.wait(trickle)
                self.wfile.write(bytes([byte]))
        if sent is not None and sent < len(body):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as inherited)
        """Say nothing: the calls are counted, and the terminal belongs to the test."""
