"""The web side of a running exporter, put together. Imported while something is waited for."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog
from starlette.routing import BaseRoute

from exporter import __version__
from exporter.cli.exporter_process import Exporter
from exporter.cli.sharding import Shard
from exporter.web.app import Site, make_app
from exporter.web.late import late_routes
from exporter.web.request_log import RequestLog
from exporter.web.security import LiveSecurity
from exporter.web.server import Server

STATUS_PATHS = ("/", "/api/v1/status", "/static/{name}")
"""Of the status page."""

log = structlog.get_logger()


def make_server(
    exporter: Exporter,
    *,
    security: LiveSecurity | None,
    reload: Callable[[], Sequence[str]] | None,
    shard: Shard,
) -> Server:
    """Return the server of everything. ``reload``: what ``POST /-/reload`` does; None: not allowed."""
    site = Site(
        scrape=exporter.exposition.scrape,
        trouble=exporter.scheduler.trouble,
        ready=exporter.store.ready,
        reload=reload,
        pages=late_routes(STATUS_PATHS, partial(status_routes, exporter, shard)),
    )
    app = make_app(site)
    if log.is_enabled_for(logging.DEBUG):
        return Server(app, security=security, around=RequestLog)
    return Server(app, security=security)


def status_routes(exporter: Exporter, shard: Shard) -> Iterable[BaseRoute]:
    """Return the routes of the status page."""
    # jinja2, the templates and all that only readers of the page need: 50 ms and 5 MB.
    from exporter.web.status_model import About  # noqa: PLC0415 (see above)
    from exporter.web.status_page import StatusPage  # noqa: PLC0415 (see above)
    from exporter.web.status_snapshot import read_status  # noqa: PLC0415 (see above)

    return StatusPage(lambda: read_status(exporter.store, time.time()), About(__version__, str(shard))).routes
