"""The HTTP server: threads on loopback, a bounded number of them, and a stop that waits for nobody."""

import socketserver
import threading
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 256
"""A connection past these is closed at once."""
IDLE_SECONDS = 60.0
"""A connection that says nothing for so long is closed."""
_STOP_POLL_SECONDS = 0.02
_JOIN_SECONDS = 2.0


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS
    protocol_version = "HTTP/1.1"

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin the answer without the machine's date: the application sends the simulation's."""
        self.send_response_only(code, message)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the ledger has it."""


class _Server(ThreadedWSGIServer):
    """Keeps count of its threads, so that none outlives a stop."""

    def __init__(self, app: Any, port: int) -> None:
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._threads_lock = threading.Lock()
        self._open: dict[threading.Thread, Any] = {}
        super().__init__(LOOPBACK, port, app, handler=_Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask the network."""
        try:
            socketserver.TCPServer.server_bind(self)
        except OSError as error:
            # Not as the OSError that it is: werkzeug would end the process.
            raise RuntimeError(f"cannot listen on {LOOPBACK}:{self.port}: {error.strerror}") from error
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), name="simulated-glue", daemon=True
        )
        with self._threads_lock:
            self._open[thread] = request
        thread.start()

    def _serve_connection(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._threads_lock:
                self._open.pop(threading.current_thread(), None)
            self._slots.release()

    def close_connections(self) -> None:
        """Cut what is still open and wait for the threads, a short while."""
        with self._threads_lock:
            still_open = dict(self._open)
        for connection in still_open.values():
            try:
                connection.shutdown(2)
            except OSError:
                continue  # its client, or its thread, was faster
        for thread in still_open:
            thread.join(_JOIN_SECONDS)


class LoopbackServer:
    """Serves a WSGI application on 127.0.0.1 until it is stopped."""

    def __init__(self, app: Any, port: int) -> None:
        self._server = _Server(app, port)
        self.port = self._server.port
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_SECONDS,), name="simulated-glue", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut the connections that are still open."""
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
