"""Asks for a user and a password, in front of everything that says something about Glue."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.app import SecurityHeaders
from exporter.web.passwords import PasswordCheck, Verdict
from exporter.web.seldom import SeldomWarning

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Asked by container platforms, which have no password; they say nothing about Glue."""

_UNAUTHORIZED = SecurityHeaders(
    PlainTextResponse(
        "a user name and a password are needed\n",
        401,
        {"WWW-Authenticate": 'Basic realm="glue-mv-exporter", charset="UTF-8"'},
    )
)
_BUSY = SecurityHeaders(
    PlainTextResponse("too many passwords are being checked\n", 429, {"Retry-After": "1"})
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client sent."""

    user: str
    password: bytes = field(repr=False)


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> Credentials | None:
    """Return the user and the password of a request; None where there are none, or they are malformed."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None  # of two, this and a proxy before it might each believe another
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return Credentials(user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class BasicAuth:
    """Lets requests through to the application whose user and password are right."""

    def __init__(
        self, app: ASGIApp, users: Callable[[], Mapping[str, str]], passwords: PasswordCheck | None = None
    ) -> None:
        """``users`` are the bcrypt hashes of now; while there are none, nobody is asked."""
        self._app = app
        self._users = users
        self._passwords = passwords or PasswordCheck()
        self._refused = SeldomWarning("requests with a wrong user or password")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        users = self._users()
        if not users or scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        sent = credentials(scope["headers"])
        if sent is None:
            await _UNAUTHORIZED(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        match await self._passwords.verdict(users, sent.user, sent.password, address):
            case Verdict.RIGHT:
                await self._app(scope, receive, send)
            case Verdict.WRONG:
                self._refused.happened(address=address)
                await _UNAUTHORIZED(scope, receive, send)
            case Verdict.BUSY:
                self._refused.happened(address=address)
                await _BUSY(scope, receive, send)
