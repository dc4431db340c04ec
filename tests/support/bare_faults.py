"""How an endpoint can be told to misbehave: every fault is a value, given a name."""

import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is different about an answer. All that is not named here stays as it would have been."""

    delay: float = 0.0
    """Seconds before the answer, whatever it is."""
    hang: bool = False
    """Never answer: the connection stays open until the server or the client closes it."""
    error: str | None = None
    """An error code of the API, answered in the protocol's own way."""
    message: str = "as told by the test"
    """Of the error."""
    status: int | None = None
    """The HTTP status; with ``error`` 400 unless it is given."""
    body: bytes | None = None
    """These bytes instead of the true answer."""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Beside the usual ones, or in place of those of the same names."""
    cut: Literal["connection", "reset", "body", "text"] | None = None
    """``connection``: closed without an answer; ``reset``: torn down; ``body``: closed after half of the
    bytes that were announced; ``text``: half of the bytes, announced as if they were all."""
    raw: bytes | None = None
    """Exactly these bytes instead of an HTTP response; then the connection is closed."""
    trickle: float = 0.0
    """Seconds before each of the body's bytes."""
    gzip: bool = False
    """Compress the body and say so, whether or not the client accepts it."""


def error(code: str, status: int = 400, *, message: str = "as told by the test") -> Fault:
    return Fault(error=code, status=status, message=message)


def answer(body: bytes) -> Fault:
    return Fault(body=body, status=200)


def json_answer(value: object, **headers: str) -> Fault:
    return Fault(body=json.dumps(value).encode(), status=200, headers=tuple(headers.items()))


def slow(seconds: float) -> Fault:
    """Answer late, but truly."""
    return Fault(delay=seconds)


HANG = Fault(hang=True)
THROTTLED = error("ThrottlingException")
ACCESS_DENIED = error("AccessDeniedException")
EXPIRED_TOKEN = error("ExpiredTokenException")
INVALID_INPUT = error("InvalidInputException")
NOT_FOUND = error("EntityNotFoundException")
UNAVAILABLE = Fault(
    status=503, body=b"<html><body>Service Unavailable</body></html>", content_type="text/html"
)
CUT_CONNECTION = Fault(cut="connection")
CUT_TEXT = Fault(cut="text")
HTML = Fault(
    status=200, body=b"<!DOCTYPE html><html><body>Please sign in.</body></html>", content_type="text/html"
)
GZIP = Fault(gzip=True)


def run_with(member: bytes, value: bytes) -> Fault:
    """Answer a ``Get`` with a record that holds this one member, however malformed the value is."""
    return answer(b'{"MaterializedViewRefreshTaskRun":{"' + member + b'":' + value + b"}}")
