"""Servers that send the same bytes from memory, to compare with: ``python -m benchmarks.fixed KIND FILE``.

``same_stack`` is this exporter's own web server (uvicorn and h11) with an application that sends one
bytes object; ``bare`` is an asyncio protocol that writes head and body, and reads nothing of the request
but its end: no HTTP server can be faster in this language. ``FILE`` holds the body, and beside it
``FILE.json`` the headers.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from starlette.types import Receive, Scope, Send

from exporter.web.address import ListenAddress
from exporter.web.server import Server

KINDS = ("same_stack", "bare")


async def same_stack(listener: socket.socket, headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Serve until the process ends."""
    head = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    await Server(app).run_on(listener)


async def bare(listener: socket.socket, headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Serve until the process ends."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode()

    class Fixed(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport = transport

        def data_received(self, data: bytes) -> None:
            if data.endswith(b"\r\n\r\n"):
                self._transport.write(head)
                self._transport.write(body)

    server = await asyncio.get_running_loop().create_server(Fixed, sock=listener)
    await server.serve_forever()


def main(kind: str, file: str) -> None:
    """Print the port, and serve."""
    body = Path(file).read_bytes()
    headers = [tuple(pair) for pair in json.loads(Path(f"{file}.json").read_text())]
    listener = ListenAddress("127.0.0.1", 0).bind()
    print(listener.getsockname()[1], flush=True)
    asyncio.run({"same_stack": same_stack, "bare": bare}[kind](listener, headers, body))


if __name__ == "__main__":
    main(*sys.argv[1:])
