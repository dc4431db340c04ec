"""Listening, polling and leaving: what ``serve`` and ``demo`` do once everything is put together."""

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from exporter.cli.exporter_process import Exporter
from exporter.cli.main import EXIT_FAILED
from exporter.cli.reloading import Reloader
from exporter.cli.sharding import Shard
from exporter.cli.signals import Signals
from exporter.errors import ExporterError
from exporter.model.settings import Settings, WebSettings
from exporter.web.address import ListenAddress, bound_address

if TYPE_CHECKING:
    from exporter.web.security import LiveSecurity
    from exporter.web.server import Server

STOP_WITHIN = 2.0
"""Seconds that polls get to commit what they have when the program stops."""

log = structlog.get_logger()


class CannotListenError(ExporterError):
    """The listen address cannot be had."""


def serve_until_signal(
    exporter: Exporter,
    settings: Settings,
    address: ListenAddress,
    *,
    signals: Signals | None = None,
    reloader: Reloader | None = None,
    security: "LiveSecurity | None" = None,
    lifecycle: bool = False,
    reload_interval: float = 0.0,
    shard: Shard = Shard(),  # noqa: B008 (frozen)
) -> int:
    """Poll and serve until SIGTERM or SIGINT. Returns the exit status.

    ``signals``: who handles them already. ``reloader``: what SIGHUP does. ``security``: TLS and users; None:
    plain HTTP for everybody. ``lifecycle``: let ``POST /-/reload`` reload, too. ``reload_interval``: seconds
    between two looks whether the configuration has changed; 0: never. ``shard``: what the status page tells
    of it.
    """
    listener = _listen(address)
    with contextlib.nullcontext(signals) if signals else Signals() as handled:
        exporter.scheduler.configure(settings)
        if reloader:
            threading.Thread(target=reloader.run, args=(reload_interval,), name="reload", daemon=True).start()
        from exporter.cli.website import make_server  # noqa: PLC0415 (the first polls wait for Glue meanwhile)

        reload = reloader.reload_while_running if reloader and lifecycle else None
        server = make_server(exporter, security=security, reload=reload, shard=shard)
        protection = security.current.settings.in_words() if security else WebSettings().in_words()
        log.info("listening", address=bound_address(listener), targets=len(settings.targets), **protection)
        asyncio.run(_serve(server, listener, exporter, reloader, handled))
        if not handled.stopping:
            log.error("the web server ended by itself")
            handled.hurry(EXIT_FAILED)
        exporter.scheduler.stop(STOP_WITHIN)
        exporter.close()
        log.info("stopped")
        return 0 if handled.stopping else EXIT_FAILED


def _listen(address: ListenAddress) -> socket.socket:
    try:
        return address.bind()
    except OSError as error:
        host = f"[{address.host}]" if ":" in address.host else address.host
        guess = "is another exporter running? " if error.errno == errno.EADDRINUSE else ""
        raise CannotListenError(
            f"cannot listen on {host}:{address.port}: {os.strerror(error.errno) if error.errno else error}"
            f" ({guess}see --web.listen-address)"
        ) from error


async def _serve(
    server: "Server",
    listener: socket.socket,
    exporter: Exporter,
    reloader: Reloader | None,
    signals: Signals,
) -> None:
    """Run the server until a signal ends it."""
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        log.info("stopping", signal=name)
        if reloader:
            reloader.end()
        # Polls end while answers under way do: a thread, for somebody may hold the locks.
        threading.Thread(target=exporter.scheduler.stop, args=(0.0,), name="stop polls", daemon=True).start()
        server.stop()

    def reload() -> None:
        if reloader:
            reloader.ask()
        else:
            log.info("there is no configuration to reload")

    signals.pass_on(lambda name: _hand_on(loop, stop, name), lambda: _hand_on(loop, reload))
    await server.run_on(listener)


def _hand_on(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: str) -> None:
    """Have the event loop call this: a signal handler itself may neither log nor take a lock."""
    # A signal can come when the loop has ended: then the program is leaving anyway.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
