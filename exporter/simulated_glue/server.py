"""The HTTP server of the demo's Glue, on loopback."""

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exporter.simulated_glue.glue import SimulatedGlue


@contextmanager
def serve(glue: SimulatedGlue) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 as long as the block lasts; the value is the URL."""
    server = _Server(glue)
    threading.Thread(target=server.serve_forever, args=(0.05,), name="simulated-glue", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, glue: SimulatedGlue) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.glue = glue

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask the network."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print the error, unless a client has hung up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:  # the name that http.server looks for
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.server.glue.answer(dict(self.headers), body)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the simulation's time: a client reads the service's clock from the answer."""
        return formatdate(self.server.glue.now() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the exporter."""
