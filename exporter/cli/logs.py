"""Log lines for operators: one event a line on standard error, as logfmt or JSON."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from exporter.cli.printable import printable

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,  # as Prometheus itself calls it
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send every line of this program, and the warnings of its libraries, to one stream in one format.

    Libraries stay at warnings even at ``--log.level=debug``: botocore's debug lines hold signatures.
    """
    stream = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
        _without_none,
        _printable,
    ]
    order = ["ts", "level", "msg"]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    # It logs a traceback when credentials cannot be renewed; the target's own line says so without one.
    logging.getLogger("botocore").setLevel(logging.CRITICAL)


def _without_none(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what Glue did not report."""
    return {key: value for key, value in event.items() if value is not None}


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make control characters visible: an error message of Glue's must not steer a terminal."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
