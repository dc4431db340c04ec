"""What systemd learns of the service, as sd_notify(3) says: datagrams to the socket that it names."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

SEND_WITHIN = 1.0
"""Seconds to wait where systemd does not read."""

log = structlog.get_logger()


def notify(*assignments: str) -> None:
    """Send assignments such as ``READY=1``, if ``NOTIFY_SOCKET`` says where."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        # An abstract socket: its name begins with a null byte, which no variable can hold.
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SEND_WITHIN)
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        log.warning("systemd was not notified", state=assignments[0], error=str(error))


def feed_watchdog(trouble: Callable[[], str | None], ended: threading.Event) -> None:
    """Ping twice in the watchdog's time while there is no trouble, until the event is set.

    ``trouble``: returns why a restart would help, or None.
    """
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
    if not ours or not microseconds.isdecimal() or not int(microseconds):
        return
    logged = False
    while not ended.is_set():
        reason = trouble()
        if reason is None:
            notify("WATCHDOG=1")
        elif not logged:
            log.error("no ping to the watchdog: systemd restarts the service", reason=reason)
        logged = reason is not None
        ended.wait(int(microseconds) / 1e6 / 2)
