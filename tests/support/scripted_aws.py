"""An HTTP server for Glue and STS that answers exactly what a test tells it to, bytes and all."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request."""

    operation: str
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    """The Content-Length, if it is to be wrong."""
    pieces: tuple[float, int] | None = None
    """Seconds between two pieces of the body, and the bytes of each."""
    silent: bool = False
    """Answer nothing until the server stops."""
    hang_up: bool = False
    """Close the connection instead."""


def found(answer: object, **headers: str) -> Reply:
    """Return a JSON object as a successful answer."""
    return Reply(json.dumps(answer).encode(), headers=headers)


def refused(code: str, message: str = "no", *, status: int = 400) -> Reply:
    """Return an error as Glue writes it."""
    return Reply(json.dumps({"__type": code, "Message": message}).encode(), status)


def sts_refused(code: str, message: str, *, status: int = 403) -> Reply:
    """Return an error as STS writes it."""
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Reply(text.encode(), status)


def sts_account(account: str) -> Reply:
    """Return the answer of GetCallerIdentity."""
    result = f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
    return Reply(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>".encode())


def sts_role(access_key: str, *, expiration: str) -> Reply:
    """Return the answer of AssumeRole."""
    keys = {
        "AccessKeyId": access_key,
        "SecretAccessKey": "role-secret",
        "SessionToken": "role-token",
        "Expiration": expiration,
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    result = f"<AssumeRoleResult><Credentials>{inner}</Credentials></AssumeRoleResult>"
    return Reply(f"<AssumeRoleResponse>{result}</AssumeRoleResponse>".encode())


class ScriptedAws:
    """Serves on loopback while it is entered; keeps what it was asked."""

    def __init__(self, answer: Callable[[Asked], Reply] | Reply) -> None:
        self.answer: Callable[[Asked], Reply] = (lambda _: answer) if isinstance(answer, Reply) else answer
        """May be changed at any time."""
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        """Set when silent connections may be closed."""
        self.connections: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"aws": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def operations(self) -> list[str]:
        """What was asked, in order."""
        return [asked.operation for asked in self.asked]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in self.connections.copy():
            with contextlib.suppress(OSError):  # it has just been closed
                connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: that clients hang up is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30  # none is closed because a busy machine pauses between two calls
    aws: ScriptedAws

    def setup(self) -> None:
        super().setup()
        self.aws.connections.add(self.connection)

    def finish(self) -> None:
        self.aws.connections.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:  # the name that http.server looks for
        asked = self._asked()
        self.aws.asked.append(asked)
        self._send(self.aws.answer(asked))

    def _asked(self) -> Asked:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        target = self.headers.get("X-Amz-Target")
        if target:
            return Asked(target.rpartition(".")[2], json.loads(body), dict(self.headers))
        form = {name: values[0] for name, values in parse_qs(body).items()}
        return Asked(form["Action"], form, dict(self.headers))

    def _send(self, reply: Reply) -> None:
        if reply.silent:
            self.aws.stopping.wait()
        if reply.silent or reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        length = len(reply.body) if reply.announced is None else reply.announced
        self.send_header("Content-Length", str(length))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(reply)
        self.close_connection = length != len(reply.body)

    def _send_body(self, reply: Reply) -> None:
        pause, size = reply.pieces or (0.0, len(reply.body) or 1)
        try:
            for at in range(0, len(reply.body), size):
                if pause and self.aws.stopping.wait(pause):
                    return
                self.wfile.write(reply.body[at : at + size])
        except OSError:
            self.close_connection = True  # the client has gone

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)  # without a Date: the test says which

    def log_message(self, *_: object) -> None: ...
