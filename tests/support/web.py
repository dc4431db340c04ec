"""A web server of the exporter's in a thread, on a port of its own."""

import asyncio
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from starlette.types import ASGIApp

from exporter.cli.reloading import WebProtection
from exporter.clock import Clock
from exporter.model.settings import WebSettings
from exporter.web.address import ListenAddress
from exporter.web.app import guarded
from exporter.web.server import Server, Timeouts
from tests.support.clock import SAFETY_NET


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage = field(repr=False)


class WebServer:
    """Runs while its block does."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        config: Path | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
    ) -> None:
        """``config``: a web configuration, whose changes :meth:`follow` takes over."""
        self.protection = protection = WebProtection(str(config)) if config else None
        app = guarded(app, lambda: protection.current.settings if protection else WebSettings(), Clock())
        context = protection.current.context if protection else None
        self.server = Server(app, context, timeouts)
        if protection:
            protection.on_new_context = self.server.replace_context
        self._listener = ListenAddress.parse("127.0.0.1:0").bind()
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.server.run_on(self._listener)), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()
        self._thread.join(SAFETY_NET)
        assert not self._thread.is_alive()

    def follow(self) -> None:
        """Use what has changed in the web configuration and the files that it names."""
        assert self.protection is not None
        self.protection.follow()

    def connect(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if tls is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SAFETY_NET, context=tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SAFETY_NET)

    def ask(
        self,
        path: str = "/metrics",
        *,
        method: str = "GET",
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = self.connect(tls)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), answer.headers)
        finally:
            connection.close()

    def certificate(self, client: ssl.SSLContext) -> bytes:
        """Return the certificate that a new connection sees."""
        connection = self.connect(client)
        try:
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            return connection.sock.getpeercert(binary_form=True) or b""
        finally:
            connection.close()

    def socket(self) -> socket.socket:
        """Return a plain connection for whatever is no request."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SAFETY_NET)


class Client:
    """Calls an application as a server would, without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send one request that holds no header but these."""

        async def send() -> httpx.Response:
            # A fault of the application is answered by it and then raised for the server's log.
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport) as client:
                url = httpx.URL("http://exporter").join(path)
                return await client.send(httpx.Request(method, url, headers=headers))

        return asyncio.run(send())

    def get(self, path: str = "/metrics", **headers: str) -> httpx.Response:
        return self.request("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


def ended(client: socket.socket) -> bool:
    """Wait until the server has closed the connection, whatever it says before."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True
