"""Passwords: what is checked, how often, and how many at once."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Any

import bcrypt
import pytest

from exporter.web.passwords import PasswordCheck, PasswordLimits, Verdict
from tests.support.clock import SAFETY_NET
from tests.support.passwords import hashed

USERS = {"alice": hashed("wonderland"), "bob": hashed("builder", "2y"), "carol": hashed("", "2a")}


class Counted:
    """bcrypt, counting."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.running = self.most_running = 0

    def __call__(self, password: bytes, stored: bytes) -> bool:
        """Check for real."""
        self.hashes.append(stored)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return bcrypt.checkpw(password, stored)
        finally:
            self.running -= 1


class Gated:
    """A check that takes until the gate is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[bytes] = []

    def __call__(self, password: bytes, _stored: bytes) -> bool:
        """Wait; only ``right`` is right."""
        self.asked.append(password)
        self.gate.wait(SAFETY_NET)
        return password == b"right"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), SAFETY_NET))


@pytest.mark.parametrize(
    ("user", "password", "verdict"),
    [
        ("alice", b"wonderland", Verdict.RIGHT),
        ("bob", b"builder", Verdict.RIGHT),
        ("carol", b"", Verdict.RIGHT),
        ("alice", b"builder", Verdict.WRONG),
        ("alice", b"", Verdict.WRONG),
        ("alice", b"wonderland\0", Verdict.WRONG),
        ("Alice", b"wonderland", Verdict.WRONG),
        ("", b"", Verdict.WRONG),
        ("mallory", b"." * 31, Verdict.WRONG),
        ("alice", b"\xff" * 5000, Verdict.WRONG),
    ],
)
def test_a_password_is_right_or_wrong(user: str, password: bytes, verdict: Verdict) -> None:
    check = PasswordCheck()
    assert asyncio.run(check.verdict(USERS, user, password, "::1")) is verdict


def test_bcrypt_ignores_what_comes_after_72_bytes() -> None:
    """As it does in Go, whose users come with the same files."""
    users = {"long": hashed("x" * 72)}
    assert asyncio.run(PasswordCheck().verdict(users, "long", b"x" * 100, "::1")) is Verdict.RIGHT


def test_what_is_known_is_not_checked_again() -> None:
    counted = Counted()

    async def ask() -> None:
        check = PasswordCheck(check=counted)
        for _ in range(3):
            assert await check.verdict(USERS, "alice", b"wonderland", "::1") is Verdict.RIGHT
            assert await check.verdict(USERS, "alice", b"wrong", "::1") is Verdict.WRONG

    run(ask)
    assert len(counted.hashes) == 2


def test_a_changed_hash_forgets_what_was_right() -> None:
    async def ask() -> None:
        check = PasswordCheck()
        assert await check.verdict(USERS, "alice", b"wonderland", "::1") is Verdict.RIGHT
        changed = USERS | {"alice": hashed("elsewhere")}
        assert await check.verdict(changed, "alice", b"wonderland", "::1") is Verdict.WRONG
        assert await check.verdict(changed, "alice", b"elsewhere", "::1") is Verdict.RIGHT
        gone = {name: stored for name, stored in USERS.items() if name != "alice"}
        assert await check.verdict(gone, "alice", b"wonderland", "::1") is Verdict.WRONG

    run(ask)


def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    """A hash of the same cost is checked, though none that any password could have."""
    counted = Counted()
    asyncio.run(PasswordCheck(check=counted).verdict(USERS, "mallory", b"wonderland", "::1"))
    (stored,) = counted.hashes
    assert stored[4:7] == b"04$"
    assert stored.endswith(b"." * 31)


def test_no_password_is_remembered() -> None:
    async def ask() -> None:
        check = PasswordCheck()
        await check.verdict(USERS, "alice", b"wonderland", "::1")
        await check.verdict(USERS, "alice", b"hunter2", "::1")
        remembered = repr(vars(check))
        assert "wonderland" not in remembered
        assert "hunter2" not in remembered

    run(ask)


def test_what_is_remembered_is_bounded() -> None:
    async def ask() -> None:
        check = PasswordCheck(
            PasswordLimits(remembered_wrong=5, rest=0), check=lambda _password, _stored: False
        )
        for number in range(20):
            await check.verdict(USERS, "alice", str(number).encode(), "::1")
        assert len(check._wrong) == 5
        assert not check._pending
        assert not check._pending_of

    run(ask)


def test_a_flood_waits_in_a_short_line_and_one_address_takes_only_part_of_it() -> None:
    gated = Gated()
    users = MappingProxyType({"alice": "h" * 60})

    async def ask() -> None:
        check = PasswordCheck(PasswordLimits(pending=6, pending_per_address=4, rest=0), check=gated)

        def wrong(number: int, address: str) -> asyncio.Task[Verdict]:
            return asyncio.create_task(check.verdict(users, "alice", str(number).encode(), address))

        flood = [wrong(number, "192.0.2.1") for number in range(50)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(check.verdict(users, "alice", b"right", "192.0.2.2"))
        same = asyncio.create_task(check.verdict(users, "alice", b"right", "192.0.2.1"))
        more = [wrong(number, f"198.51.100.{number}") for number in range(100, 110)]
        await asyncio.sleep(0)
        gated.gate.set()
        verdicts = [await task for task in flood]
        assert verdicts.count(Verdict.BUSY) == 46
        assert verdicts.count(Verdict.WRONG) == 4
        assert await honest is Verdict.RIGHT
        assert await same is Verdict.RIGHT, "it waits for the same check"
        assert [await task for task in more].count(Verdict.BUSY) == 9

    run(ask)
    assert gated.asked.count(b"right") == 1


def test_one_password_is_checked_at_a_time() -> None:
    counted = Counted()

    async def ask() -> None:
        check = PasswordCheck(check=counted)
        await asyncio.gather(*(check.verdict(USERS, "bob", str(n).encode(), str(n)) for n in range(10)))

    run(ask)
    assert counted.most_running == 1
    assert len(counted.hashes) == 10


def test_what_is_known_does_not_wait_for_a_flood() -> None:
    """A scraper that has been let in once is let in at once."""
    gated = Gated()

    async def ask() -> None:
        check = PasswordCheck(check=gated)
        gated.gate.set()
        assert await check.verdict({"a": "h" * 60}, "a", b"right", "::1") is Verdict.RIGHT
        gated.gate.clear()
        flood = [
            asyncio.create_task(check.verdict({"a": "h" * 60}, "a", str(n).encode(), "::1"))
            for n in range(50)
        ]
        await asyncio.sleep(0.01)
        # The gate is shut: this would wait for ever if it had to be checked.
        async with asyncio.timeout(20):
            assert await check.verdict({"a": "h" * 60}, "a", b"right", "::1") is Verdict.RIGHT
        gated.gate.set()
        await asyncio.gather(*flood)

    run(ask)


def test_who_hangs_up_leaves_no_trace() -> None:
    gated = Gated()

    async def ask() -> None:
        check = PasswordCheck(PasswordLimits(rest=0), check=gated)
        asking = asyncio.create_task(check.verdict({"a": "h" * 60}, "a", b"right", "::1"))
        await asyncio.sleep(0)
        asking.cancel()
        gated.gate.set()
        assert await check.verdict({"a": "h" * 60}, "a", b"right", "::1") is Verdict.RIGHT
        assert not check._pending_of

    run(ask)
    assert gated.asked == [b"right"]
