"""The HTTP server of the demo's Glue, on loopback."""

import socketserver
import threading
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exporter.simulated_glue.service import Response


class LoopbackServer(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1 until it is stopped."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, answer: Callable[[Mapping[str, str], bytes], Response], now: Callable[[], float]
    ) -> None:
        """``answer``: from a request's headers and body; ``now``: Unix time, for the header ``Date``."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.now = now
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.05,), name="simulated-glue", daemon=True
        )
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_port = self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients may hang up."""

    def stop(self) -> None:
        """Stop listening."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_POST(self) -> None:  # the name that http.server looks for
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.answer(dict(self.headers), body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the simulation's time: a client reads the service's clock from the answer."""
        return formatdate(self.server.now() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the exporter."""
