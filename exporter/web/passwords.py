"""Passwords against bcrypt hashes: slow on purpose, so asked as seldom as can be and never many at once."""

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from time import perf_counter

import bcrypt

LONGEST = 72
"""Bytes of a password that bcrypt looks at; the toolkit, too, ignores the rest."""
_SALT_END = 29
"""Characters of a hash up to the end of its salt."""


class Verdict(Enum):
    """What is known about a user and a password."""

    RIGHT = auto()
    WRONG = auto()
    BUSY = auto()
    """Too many others are waiting to be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLimits:
    """How much work passwords may cause. One is checked at a time, on a thread of its own."""

    pending: int = 16
    """Different ones that wait for their check."""
    pending_per_address: int = 4
    """Of these, from one address: so that one stranger leaves room for others."""
    remembered_right: int = 256
    remembered_wrong: int = 4096
    rest: float = 1.0
    """After a wrong one, as many times as long as its check took: at most half a core goes to strangers."""


class PasswordCheck:
    """Checks passwords; remembers what was right and wrong, and never a password.

    What it remembers is kept under a keyed hash of user, password and stored hash: a changed hash is
    another key, so nothing that was right under an old one stays so.
    """

    def __init__(
        self,
        limits: PasswordLimits | None = None,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    ) -> None:
        self._limits = limits or PasswordLimits()
        self._check = check
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._pending_of: Counter[str] = Counter()
        self._checks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def verdict(self, users: Mapping[str, str], user: str, password: bytes, address: str) -> Verdict:
        """Tell whether the password is the user's. An unknown user takes as long as a known one."""
        password = password[:LONGEST]
        known = user in users
        stored = users[user] if known else self._decoy(users, user)
        key = self._key(user, stored, password)
        if key in self._right:
            self._right.move_to_end(key)
            return Verdict.RIGHT
        if key in self._wrong:
            self._wrong.move_to_end(key)
            return Verdict.WRONG
        pending = self._pending.get(key)
        if pending is None:
            if (
                len(self._pending) >= self._limits.pending
                or self._pending_of[address] >= self._limits.pending_per_address
            ):
                return Verdict.BUSY
            pending = self._start(key, password, stored, known=known, address=address)
        # Shielded: others may wait for it, too, and the next request finds the answer.
        return Verdict.RIGHT if await asyncio.shield(pending) else Verdict.WRONG

    def _start(
        self, key: bytes, password: bytes, stored: str, *, known: bool, address: str
    ) -> asyncio.Future[bool]:
        pending: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending[key] = pending
        self._pending_of[address] += 1

        async def check() -> None:
            async with self._one_at_a_time:
                began = perf_counter()
                right = False
                try:
                    matches = await asyncio.to_thread(self._check, password, stored.encode())
                    right = matches and known
                    self._remember(key, right=right)
                finally:
                    del self._pending[key]
                    self._pending_of -= Counter([address])
                    if not pending.done():
                        pending.set_result(right)
                if not right:
                    await asyncio.sleep((perf_counter() - began) * self._limits.rest)

        task = asyncio.create_task(check())
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)
        return pending

    def _remember(self, key: bytes, *, right: bool) -> None:
        memory = self._right if right else self._wrong
        memory[key] = None
        if len(memory) > (self._limits.remembered_right if right else self._limits.remembered_wrong):
            memory.popitem(last=False)

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
