"""Runs the application on a listening socket until it is told to stop."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE_PERIOD = 2
"""Seconds that answers under way get when the server stops."""
KEEP_ALIVE = 65
"""Seconds that an idle connection stays open: longer than most scrape intervals, so that one serves all."""
LARGEST_HEAD = 16 * 1024
"""Bytes of a request's line and headers; more is refused."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the program has its own, and its own exit status."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # h11, not httptools: that one accepts heads of any size.
                http="h11",
                h11_max_incomplete_event_size=LARGEST_HEAD,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE_PERIOD,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program."""
        yield

    async def run_on(self, listener: socket.socket) -> None:
        """Serve on this socket until :meth:`stop`; closes it."""
        await self.serve(sockets=[listener])

    def stop(self) -> None:
        """Let the server finish the answers under way and return."""
        self.should_exit = True
