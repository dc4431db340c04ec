"""What one client, and all of them together, may take from the server."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the web server; docs/web-config.md tells users about each."""

    connections: int = 512
    """Beyond, the oldest that says nothing is closed first: below the 1,024 files that a process gets."""
    handshake_seconds: float = 10.0
    """For the TLS handshake."""
    request_seconds: float = 10.0
    """From a connection's begin, or a later request's first byte, to the request's last byte."""
    idle_seconds: int = 65
    """Between two requests: longer than most scrape intervals, so that one connection serves all."""
    answer_seconds: float = 60.0
    """To take an answer, from when the client first fell behind: longer than scrape timeouts."""
    clients_behind: int = 16
    """That do not take their answer as fast as it is sent; each holds some megabytes of memory."""
    head_bytes: int = 16 * KIB
    """Of a request's line and headers."""
    body_bytes: int = 64 * KIB
    """Of a request's body. No path wants one: it is read and dropped."""
    farewell_seconds: float = 2.0
    """That a refused client gets to read why, and what it still sends is dropped."""
