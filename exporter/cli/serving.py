"""Listening, polling and leaving: what ``serve`` and ``demo`` do once everything is put together."""

import asyncio
import os
import signal
import socket
import sys
import threading
from functools import partial

import structlog

from exporter import __version__
from exporter.cli.exporter_process import Exporter
from exporter.cli.main import EXIT_FAILED
from exporter.cli.reloading import Reloader
from exporter.errors import ExporterError
from exporter.model.settings import Settings
from exporter.model.sharding import Shard
from exporter.store.status import read_status
from exporter.web.address import ListenAddress, bound_address
from exporter.web.app import Site, make_app
from exporter.web.server import Server
from exporter.web.status_model import About
from exporter.web.status_page import StatusPage

STOP_WITHIN = 2.0
"""Seconds that polls get to commit what they have when the program stops."""
SWITCH_INTERVAL = 0.0005
"""Seconds after which the interpreter lets another thread on: with the default of 5 ms one busy poller
makes a large scrape many times slower."""

log = structlog.get_logger()


class CannotListenError(ExporterError):
    """The listen address cannot be had."""


def serve_until_signal(
    exporter: Exporter,
    settings: Settings,
    address: ListenAddress,
    *,
    reloader: Reloader | None = None,
    lifecycle: bool = False,
    reload_interval: float = 0.0,
    shard: Shard = Shard(),  # noqa: B008 (frozen)
) -> int:
    """Poll and serve until SIGTERM or SIGINT. Returns the exit status.

    ``reloader``: what SIGHUP does. ``lifecycle``: let ``POST /-/reload`` do it, too. ``reload_interval``:
    seconds between two looks whether the configuration has changed; 0: never. ``shard``: what the status
    page tells of it.
    """
    listener = _listen(address)
    sys.setswitchinterval(SWITCH_INTERVAL)
    site = Site(
        scrape=exporter.exposition.scrape,
        trouble=exporter.loop.trouble,
        ready=exporter.store.ready,
        reload=reloader.reload if reloader and lifecycle else None,
        pages=StatusPage(partial(read_status, exporter.store), About(__version__, str(shard))).routes,
    )
    exporter.loop.configure(settings)
    log.info("listening", address=bound_address(listener), targets=len(settings.targets))
    ended = threading.Event()
    if reloader and reload_interval:
        threading.Thread(
            target=reloader.watch, args=(reload_interval, ended), name="reload", daemon=True
        ).start()
    stopped = asyncio.run(_serve(Server(make_app(site)), listener, reloader))
    ended.set()
    exporter.loop.stop(STOP_WITHIN)
    exporter.close()
    if not stopped:
        log.error("the web server ended by itself")
        return EXIT_FAILED
    log.info("stopped")
    return 0


def _listen(address: ListenAddress) -> socket.socket:
    try:
        return address.bind()
    except OSError as error:
        host = f"[{address.host}]" if ":" in address.host else address.host
        raise CannotListenError(
            f"cannot listen on {host}:{address.port}: {os.strerror(error.errno) if error.errno else error}"
            " (is another exporter running? see --web.listen-address)"
        ) from error


async def _serve(server: Server, listener: socket.socket, reloader: Reloader | None) -> bool:
    """Run the server; tell whether it ended because of a signal."""
    told = asyncio.Event()
    reloads: set[asyncio.Task[object]] = set()

    def stop(name: str) -> None:
        log.info("stopping", signal=name)
        told.set()
        server.stop()

    def reload() -> None:
        if reloader is None:
            log.info("there is no configuration to reload")
            return
        task = asyncio.create_task(asyncio.to_thread(reloader.reload))
        reloads.add(task)  # the loop itself keeps no reference
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await server.run_on(listener)
    return told.is_set()
