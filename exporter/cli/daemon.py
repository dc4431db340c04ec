"""Listening, polling and leaving: what ``serve`` and ``demo`` do once everything is put together."""

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from exporter import __version__
from exporter.cli.exporter_process import Exporter, make_exporter
from exporter.cli.file_content import content_of
from exporter.cli.loading import load_settings
from exporter.cli.main import EXIT_FAILED
from exporter.cli.reloading import Reloader
from exporter.cli.sharding import Shard
from exporter.cli.signals import Signals
from exporter.clock import SystemClock
from exporter.errors import ExporterError
from exporter.model.settings import Settings, WebSettings
from exporter.web.address import ListenAddress, bound_address

if TYPE_CHECKING:
    from exporter.cli.web_protection import WebProtection
    from exporter.web.server import Server

STOP_WITHIN = 2.0
"""Seconds that polls get to commit what they have when the program stops."""

log = structlog.get_logger()


class CannotListenError(ExporterError):
    """The listen address cannot be had."""


def run(
    *,
    signals: Signals,
    config_file: str,
    config_auto_reload_interval: float,
    storage_path: str | None,
    web_listen_address: ListenAddress,
    web_config_file: str | None,
    web_external_url: str | None,
    web_enable_lifecycle: bool,
    shard: Shard,
) -> int:
    """Run ``serve`` until a signal ends it; the parameters are the flags. Returns the exit status."""
    loaded = content_of(config_file)
    settings = load_settings(config_file, shard)
    web = _web_protection(web_config_file) if web_config_file is not None else None
    clock = SystemClock()
    exporter = make_exporter(
        settings, storage_path=storage_path, clock=clock, external_url=web_external_url, shard=shard
    )
    reloader = Reloader(
        config_file, lambda: load_settings(config_file, shard), exporter, clock, loaded=loaded, web=web
    )
    return serve_until_signal(
        exporter,
        settings,
        web_listen_address,
        signals=signals,
        reloader=reloader,
        lifecycle=web_enable_lifecycle,
        reload_interval=config_auto_reload_interval,
        shard=shard,
    )


def _web_protection(file: str) -> "WebProtection":
    from exporter.cli.web_protection import WebProtection  # noqa: PLC0415 (a second schema and bcrypt: 15 ms)

    return WebProtection(file)


def serve_until_signal(
    exporter: Exporter,
    settings: Settings,
    address: ListenAddress,
    *,
    signals: Signals,
    reloader: Reloader | None = None,
    lifecycle: bool = False,
    reload_interval: float = 0.0,
    shard: Shard = Shard(),  # noqa: B008 (frozen)
) -> int:
    """Poll and serve until SIGTERM or SIGINT. Returns the exit status.

    ``reloader``: what SIGHUP does; it has the web configuration, without which all is plain HTTP.
    ``lifecycle``: whether ``POST /-/reload`` reloads, too. ``reload_interval``: seconds between checks of the
    configuration file; 0: never. ``shard``: shown on the status page.
    """
    _raise_file_limit()
    listener = _listen(address)
    exporter.scheduler.configure(settings)
    web = reloader.web if reloader else None
    server = _make_server(exporter, web, reloader if lifecycle else None, shard)
    if reloader:
        threading.Thread(target=reloader.run, args=(reload_interval,), name="reload", daemon=True).start()
    protection = web.current.settings if web else WebSettings()
    log.info(
        "listening",
        address=bound_address(listener),
        targets=len(settings.targets),
        **protection.in_words(),
    )
    asyncio.run(_serve(server, listener, exporter, reloader, signals))
    if not signals.stopping:
        log.error("the web server ended by itself")
        signals.hurry(EXIT_FAILED)
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
        raise CannotListenError(
            f"cannot listen on {host}:{address.port}: {os.strerror(error.errno) if error.errno else error}"
            f" ({guess}see --web.listen-address)"
        ) from error


def _make_server(
    exporter: Exporter, web: "WebProtection | None", reloader: Reloader | None, shard: Shard
) -> "Server":
    """Return the server of everything. ``reloader``: what ``POST /-/reload`` uses; None: not allowed."""
    # Imported here: the first polls wait for Glue meanwhile.
    from exporter.web.app import Site, make_app  # noqa: PLC0415
    from exporter.web.request_log import RequestLog  # noqa: PLC0415
    from exporter.web.runbooks import runbook_routes  # noqa: PLC0415
    from exporter.web.server import Server  # noqa: PLC0415
    from exporter.web.status_model import About  # noqa: PLC0415
    from exporter.web.status_page import StatusPage  # noqa: PLC0415
    from exporter.web.status_snapshot import read_status  # noqa: PLC0415

    page = StatusPage(lambda: read_status(exporter.store, time.time()), About(__version__, str(shard)))
    app = make_app(
        Site(
            scrape=exporter.exposition.scrape,
            trouble=exporter.scheduler.trouble,
            ready=exporter.store.ready,
            reload=reloader.reload if reloader else None,
            pages=[*page.routes, *runbook_routes()],
        )
    )
    if web:
        from exporter.web.auth import BasicAuth  # noqa: PLC0415 (bcrypt)

        app = BasicAuth(app, web.users)
    if log.is_enabled_for(logging.DEBUG):
        app = RequestLog(app)
    server = Server(app, web.current.context if web else None)
    if web:
        web.on_new_context = server.replace_context
    return server


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
        # Polls end while answers under way do: a thread, for another may hold the locks.
        threading.Thread(target=exporter.scheduler.stop, args=(0.0,), name="stop polls", daemon=True).start()
        server.stop()

    def reload() -> None:
        if reloader:
            reloader.request()
        else:
            log.info("there is no configuration to reload")

    signals.pass_on(lambda name: _hand_on(loop, stop, name), lambda: _hand_on(loop, reload))
    await server.run_on(listener)


def _hand_on(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: str) -> None:
    """Have the event loop call this: a signal handler itself may neither log nor take a lock."""
    # A signal can come when the loop has ended: then the program is leaving anyway.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
