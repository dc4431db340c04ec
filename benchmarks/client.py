"""A scraper that costs as little as it can: it reads what comes into one buffer, and looks at the clock."""

import http.client
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
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
        taken = self._receive()
        first = time.perf_counter() - begun
        head, end, _ = bytes(self._buffer[: min(taken, 4096)]).partition(b"\r\n\r\n")
        assert end
        assert head.startswith(b"HTTP/1.1 200"), head
        (length,) = re.findall(rb"\r\ncontent-length: (\d+)", head.lower())
        left = int(length) - (taken - len(head) - len(end))
        while left:
            left -= self._receive()
        return Timing(first, time.perf_counter() - begun)

    def _receive(self) -> int:
        taken = self._socket.recv_into(self._buffer)
        assert taken, "the server has hung up"
        return taken

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def scraped(port: int, **headers: str) -> Answer:
    """Scrape once over a connection of its own, and keep what comes."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", "/metrics", headers=named)
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.OK
        return Answer(answer.getheaders(), answer.read())


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
