"""Listening, polling and leaving: what ``serve`` and ``demo`` do once everything is put together."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Sequence

import structlog

from exporter.cli.exporter_process import Exporter
from exporter.cli.main import EXIT_FAILED
from exporter.cli.reloading import Reloader
from exporter.cli.signals import Signals, end_in_time
from exporter.cli.systemd import feed_watchdog, notify
from exporter.errors import ExporterError
from exporter.metrics.exposition import accepts_gzip
from exporter.model.settings import Settings, WebSettings
from exporter.web.address import ListenAddress, bound_address
from exporter.web.app import make_app
from exporter.web.pages import runbook_routes, status_routes
from exporter.web.server import Server
from exporter.web.status import read_status

STOP_WITHIN = 2.0
"""Seconds that polls get to commit what they have when the program stops."""

log = structlog.get_logger()


def serve_until_signal(
    exporter: Exporter,
    settings: Settings,
    addresses: Sequence[ListenAddress],
    *,
    signals: Signals,
    reloader: Reloader | None = None,
    lifecycle: bool = False,
) -> int:
    """Poll and serve until SIGTERM or SIGINT. Returns the exit status.

    ``reloader``: what SIGHUP does; it has the web configuration, without which all is plain HTTP.
    ``lifecycle``: whether ``POST /-/reload`` reloads, too.
    """
    _raise_file_limit()
    listeners = [_listen(address) for address in addresses]
    exporter.scheduler.configure(settings)
    web = reloader.web if reloader else None
    app = make_app(
        scrape=exporter.exposition.scrape,
        trouble=exporter.scheduler.trouble,
        ready=exporter.store.ready,
        reload=reloader.reload if reloader and lifecycle else None,
        pages=[
            *status_routes(lambda: read_status(exporter.store, time.time()), accepts_gzip),
            *runbook_routes(),
        ],
        settings=(lambda: web.current.settings) if web else WebSettings,
    )
    server = Server(app, web.current.context if web else None)
    if web:
        web.on_new_context = server.replace_context
    ended = threading.Event()

    def stop(signal: str) -> None:
        log.info("stopping", signal=signal)
        notify("STOPPING=1")
        ended.set()
        if reloader:
            reloader.end()
        server.stop()
        # Polls end while answers under way do.
        exporter.scheduler.stop(0.0)

    protection = (web.current.settings if web else WebSettings()).in_words()
    for listener in listeners:
        log.info("listening", address=bound_address(listener), targets=len(settings.targets), **protection)
    notify("READY=1")
    if reloader:
        threading.Thread(target=reloader.run, name="reload", daemon=True).start()
    watchdog = (exporter.scheduler.trouble, ended)
    threading.Thread(target=feed_watchdog, args=watchdog, name="watchdog", daemon=True).start()
    signals.pass_on(stop, reloader.request if reloader else lambda: None)
    asyncio.run(server.run_on(*listeners))
    if not signals.stopping:
        log.error("the web server ended by itself")
        end_in_time(EXIT_FAILED)
    exporter.scheduler.stop(STOP_WITHIN)
    exporter.close()
    log.info("stopped")
    return 0 if signals.stopping else EXIT_FAILED


def _raise_file_limit() -> None:
    """Allow as many open files as the system does: each connection is one, and 1,024 is a common default."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # on macOS the limit of the kernel is lower
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listen(address: ListenAddress) -> socket.socket:
    try:
        return address.bind()
    except OSError as error:
        host = f"[{address.host}]" if ":" in address.host else address.host
        guess = "is another exporter running? " if error.errno == errno.EADDRINUSE else ""
        # The errors of look-ups have numbers of their own.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise ExporterError(
            f"cannot listen on {host}:{address.port}: {reason} ({guess}see --web.listen-address)"
        ) from error
