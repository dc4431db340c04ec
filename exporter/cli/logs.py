"""What the program writes: log lines, one event each, on standard error; results on standard output.

Standard error may be a full disk, a pipe without a reader or with one that hangs, or closed. None of it stops
the program. Standard output that cannot be written is an error.
"""

import contextlib
import io
import logging
import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

import click

from exporter.errors import ExporterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer
    from structlog.typing import EventDict, Processor, WrappedLogger

DROPPED = "log lines were dropped: standard error did not take them"
STDERR = 2
LOG_TIMEOUT = 1.0
"""Seconds that a log line waits for a reader that is slow, or hangs; the next ones do not wait."""


class StandardError(io.FileIO):
    """Standard error, to which writing never fails: what it does not take is dropped and counted.

    Once it takes lines again, the first one says how many were dropped. Safe for several threads.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._lock = threading.RLock()
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._cut = False
        """Whether the last line that was written is not complete."""
        self.dropped = 0
        """Lines since the last one that was written."""
        self.timeout: float | None = None
        """Seconds to wait for room; None: without limit, as for messages that are read in a pager."""
        self.notice: Callable[[int], str] = lambda lines: f"{DROPPED}: {lines}"
        """Makes the line that says how many were dropped."""

    @classmethod
    def install(cls) -> None:
        """Put it in the place of ``sys.stderr``, for logs, tracebacks and messages of commands alike."""
        if sys.stderr:
            descriptor, encoding = sys.stderr.fileno(), sys.stderr.encoding
        else:
            # It is closed, and must not become the state's file: libraries write to 2, whatever it is.
            while (descriptor := os.open(os.devnull, os.O_RDONLY)) < STDERR:
                pass
            encoding = "utf-8"
        raw = cls(descriptor)
        sys.stderr = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", write_through=True)

    @classmethod
    def installed(cls) -> "StandardError | None":
        """Return the one in use."""
        raw = getattr(sys.stderr, "buffer", None)
        return raw if isinstance(raw, cls) else None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write whole lines, or drop them. Returns the number of bytes either way."""
        text = bytes(data)
        with self._lock:
            if self.dropped and self._put(f"{self.notice(self.dropped)}\n".encode()):
                self.dropped = 0
            if self.dropped or not self._put(text):
                self.dropped += text.count(b"\n")
        return len(text)

    def _put(self, text: bytes) -> bool:
        """Write it all, in parts that the system takes without a further wait."""
        rest = memoryview(b"\n" + text if self._cut else text)
        try:
            while rest:
                seconds = 0 if self.dropped else self.timeout
                if seconds is not None and not self._room.poll(seconds * 1000):
                    return False
                rest = rest[os.write(self.fileno(), rest[: select.PIPE_BUF]) :]
                self._cut = bool(rest)
        except OSError:
            return False
        return True


def echo_error(text: str) -> None:
    """Write why the program ends: to standard output, if standard error does not take it."""
    click.echo(text, err=True)
    stream = StandardError.installed()
    if stream and stream.dropped:
        with contextlib.suppress(OSError):
            click.echo(text)


@contextlib.contextmanager
def standard_output() -> "Iterator[None]":
    """Write to standard output within, and flush it. Raises ExporterError where it cannot be written."""
    if sys.stdout is None:
        raise ExporterError("cannot write to standard output: it is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):  # whose encoding may lack what is written
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # its reader has seen enough: click leaves silently
    except OSError as error:
        raise unwritable(error) from error


def unwritable(error: OSError) -> ExporterError:
    """Return the error for a standard output that cannot be written, to which nothing is written any more."""
    # What is left in the buffer would fail again when the interpreter ends, and change the exit status.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExporterError(f"cannot write to standard output: {error.strerror}")


def printable(text: str) -> str:
    r"""Return the text with each control character but the line feed written as ``\x1b`` or ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def first_line(text: str | None) -> str:
    """Return the first line of a text, as it cannot steer a terminal; "" where there is none."""
    lines = (text or "").strip().splitlines()
    return printable(" ".join(lines[0].split())) if lines else ""


def configure_logs(level: str = "warning", form: str = "logfmt", stream: TextIO | None = None) -> None:
    """Send every line of this program, and the warnings of its libraries, to one stream in one format.

    Libraries stay at warnings even at ``--log.level=debug``: botocore's debug lines hold signatures.
    """
    import structlog  # noqa: PLC0415 (a tenth of a second that neither help nor check-config needs)

    stream = stream if stream is not None else sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
        _clean,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"], drop_missing=True)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
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

    def notice(lines: int) -> str:
        event: Any = {"event": DROPPED, "lines": lines}
        for process in (*shared, renderer):
            event = process(None, "warning", event)
        return str(event)

    if standard_error := StandardError.installed():
        standard_error.timeout, standard_error.notice = LOG_TIMEOUT, notice
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    # It logs a traceback when credentials cannot be renewed; the target's own line says so without one.
    logging.getLogger("botocore").setLevel(logging.CRITICAL)


def _clean(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Leave out what Glue did not report, and let no message steer a terminal."""
    return {
        key: printable(value) if isinstance(value, str) else value
        for key, value in event.items()
        if value is not None
    }
