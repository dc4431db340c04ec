"""Listen addresses as Prometheus writes them: ``host:port``, ``:port``, ``[::1]:port``."""

import re
import socket
from dataclasses import dataclass

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%a-z]+)\]|(?P<host>[^\s:/@\[\]]*)):(?P<port>[0-9]{1,9})")
BACKLOG = 1024
LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host means every address of this machine."""

    host: str
    port: int
    """0: the system picks a free one."""

    @classmethod
    def parse(cls, text: str) -> "ListenAddress":
        """Read a listen address. Raises ValueError with a sentence for people."""
        match = _ADDRESS.fullmatch(text.strip())
        if not match or not _is_name(match["host"] or ""):
            raise ValueError(f"not a valid listen address: {text!r}; write host:port, :port or [::1]:port")
        if int(match["port"]) > LARGEST_PORT:
            raise ValueError(f"{text!r} has no port from 0 to {LARGEST_PORT}")
        return cls(match["v6"] or match["host"] or "", int(match["port"]))

    def bind(self) -> socket.socket:
        """Return a socket that listens here. Raises OSError where that cannot be."""
        # [::] is for both, too, as with Go's listeners.
        if self.host in {"", "::"} and socket.has_dualstack_ipv6():
            listener = socket.create_server(
                ("", self.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        else:
            family, _, _, _, address = socket.getaddrinfo(
                self.host or "0.0.0.0",  # noqa: S104 (every address is what an empty host asks for)
                self.port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )[0]
            listener = socket.create_server(address, family=family, backlog=BACKLOG)
        # Made anew, it knows that its protocol is TCP: else asyncio leaves out TCP_NODELAY, and what follows
        # an answer's head waits 40 ms for the client to confirm the head.
        return socket.socket(fileno=listener.detach())

    def reachable_host(self) -> str:
        """Return a host under which this machine reaches the address."""
        return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (nothing is bound here)


def bound_address(listener: socket.socket) -> str:
    """Return the address that a socket listens on, as one would write it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_name(host: str) -> bool:
    """Return whether the name can be looked up at all: else the lookup raises a UnicodeError."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
