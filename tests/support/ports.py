"""Ports of loopback for servers that must be told theirs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """Give a port that nobody else gets meanwhile: servers may listen there, one after the other, or none.

    A socket keeps it that is bound and never listens, so that connections are refused where no server is. A
    server has to set ``SO_REUSEADDR``, as nearly all do.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
