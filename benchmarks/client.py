"""A scraper that costs as little as it can: it reads what comes into one buffer, and looks at the clock."""

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, Self

_BUFFER = 1 << 20


class Timing(NamedTuple):
    """One scrape, in seconds from the request."""

    first_byte: float
    total: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    headers: Sequence[tuple[str, str]]
    body: bytes


class Client:
    """One connection that is kept, as Prometheus keeps it."""

    def __init__(self, port: int, **headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self._request = f"GET /metrics HTTP/1.1\r\nHost: benchmark\r\n{lines}\r\n".encode()
        self._buffer = memoryview(bytearray(_BUFFER))

    def time(self) -> Timing:
        """Scrape once."""
        begun = time.perf_counter()
        self._socket.sendall(self._request)
        head, taken = self._head()
        first = time.perf_counter() - begun
        left = _length(head) - taken
        while left:
            taken = self._socket.recv_into(self._buffer)
            assert taken, "the server has hung up"
            left -= taken
        return Timing(first, time.perf_counter() - begun)

    def time_to_the_end(self) -> float:
        """Scrape once a server that says neither how long its answer is nor keeps the connection."""
        begun = time.perf_counter()
        self._socket.sendall(self._request)
        while self._socket.recv_into(self._buffer):
            pass
        return time.perf_counter() - begun

    def fetch(self) -> Answer:
        """Scrape once and keep what comes."""
        self._socket.sendall(self._request)
        head, taken = self._head()
        body = bytearray(self._buffer[len(head) + 4 : len(head) + 4 + taken])
        left = _length(head) - taken
        while left:
            taken = self._socket.recv_into(self._buffer)
            assert taken, "the server has hung up"
            body += self._buffer[:taken]
            left -= taken
        _, *lines = head.decode().split("\r\n")
        return Answer([tuple(line.split(": ", 1)) for line in lines], bytes(body))  # type: ignore[misc]  # a name and a value each

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _head(self) -> tuple[bytes, int]:
        """Return the head, and how many bytes of the body came with it (they follow it in the buffer)."""
        filled = 0
        while True:
            taken = self._socket.recv_into(self._buffer[filled:])
            assert taken, "the server has hung up"
            filled += taken
            head, end, rest = bytes(self._buffer[: min(filled, 4096)]).partition(b"\r\n\r\n")
            if end:
                assert head.startswith(b"HTTP/1.1 200"), head
                del rest
                return head, filled - len(head) - 4


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError("an answer without Content-Length")


def in_turn(ports: Mapping[str, int], times: int, **headers: str) -> dict[str, list[Timing]]:
    """Scrape each server in turn: what else the machine does meets all of them alike."""
    clients = {name: Client(port, **headers) for name, port in ports.items()}
    for client in clients.values():
        client.time()
    found: dict[str, list[Timing]] = {name: [] for name in ports}
    for _ in range(times):
        for name, client in clients.items():
            found[name].append(client.time())
    for client in clients.values():
        client.close()
    return found


def totals(timings: Sequence[Timing]) -> list[float]:
    """Return the whole times."""
    return [timing.total for timing in timings]


def middle(timings: Sequence[Timing]) -> float:
    """Return the median of the whole times."""
    return median(totals(timings))
