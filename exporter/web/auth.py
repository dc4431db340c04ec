"""Basic auth, in front of everything that says something about Glue."""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping

import bcrypt
from starlette.responses import PlainTextResponse

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Asked by container platforms, which have no password; they say nothing about Glue."""
LONGEST_PASSWORD = 72
"""Bytes that bcrypt uses; the toolkit, too, ignores the rest."""
MOST_WAITING = 16
"""Passwords that wait for their check."""
_SALT_END = 29
"""Characters of a hash up to the end of its salt."""

_UNAUTHORIZED = PlainTextResponse(
    "a user name and a password are needed\n",
    401,
    {"WWW-Authenticate": 'Basic realm="glue-mv-exporter", charset="UTF-8"'},
)
_BUSY = PlainTextResponse("too many passwords are being checked\n", 429, {"Retry-After": "1"})


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, bytes] | None:
    """Return the user and the password of a request; None where there are none, or they are malformed."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None  # of two, this and a proxy before it might each believe another
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Passwords:
    """Checks passwords against bcrypt hashes, which is slow on purpose: one at a time, in a thread.

    A password that was right is not checked again. It is remembered as a keyed hash of user, password and
    stored hash, so nothing stays right when the stored hash changes.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        self._check = check
        self._secret = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        self._waiting = 0
        self._one_at_a_time = asyncio.Lock()

    async def refusal(
        self, users: Mapping[str, str], headers: Iterable[tuple[bytes, bytes]]
    ) -> PlainTextResponse | None:
        """Return the answer to a request without a right user and password; None where it has them.

        ``users``: their bcrypt hashes. An unknown user takes as long as a known one.
        """
        sent = credentials(headers)
        if sent is None:
            return _UNAUTHORIZED
        user, password = sent[0], sent[1][:LONGEST_PASSWORD]
        stored = users[user] if user in users else self._decoy(users, user)
        key = self._key(user, stored, password)
        if key in self._right:
            return None
        if self._waiting >= MOST_WAITING:
            return _BUSY
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                # The same one may have been checked while this one waited.
                matches = key in self._right or await asyncio.to_thread(
                    self._check, password, stored.encode()
                )
        finally:
            self._waiting -= 1
        if not matches or user not in users:
            return _UNAUTHORIZED
        self._right.add(key)
        return None

    def _key(self, user: str, stored: str, password: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in (user.encode(), stored.encode(), password):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()

    def _decoy(self, users: Mapping[str, str], user: str) -> str:
        """Return a hash that no password has, as costly as some user's: always the same for a name.

        With one cost for all, unknown names would stand out where users' hashes differ in theirs.
        """
        hashes = sorted(users.values())
        place = int.from_bytes(self._key(user, "", b"")[:8], "big") % len(hashes)
        return hashes[place][:_SALT_END].ljust(60, ".")
