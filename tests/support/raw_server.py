"""A server that answers each request with exactly these bytes, and hangs up."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Self


class RawServer:
    """Serves on loopback while it is entered. ``answer``: from the request's body to all that is sent."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.connections = 0

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805 (self is the server)
                self.connections += 1
                length = 0
                while (line := handler.rfile.readline()) not in {b"\r\n", b""}:
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                with contextlib.suppress(OSError):
                    handler.wfile.write(answer(handler.rfile.read(length)))
                    handler.connection.shutdown(socket.SHUT_WR)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """Say nothing: that clients hang up is what the tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
