"""Basic auth: every path, method and credential, and what a check costs."""

import asyncio
import base64
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import bcrypt
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.web.auth import MOST_WAITING, Passwords, credentials
from tests.support.clock import SAFETY_NET
from tests.support.passwords import basic, hashed
from tests.support.web import WebServer

CLOSED = [
    "/",
    "/metrics",
    "/api/v1/status",
    "/-/reload",
    "/nothing-here",
    "/-/healthy/",
    "/-/healthy/../metrics",
]
OPEN = ["/-/healthy", "/-/ready", "/-/%68ealthy"]
METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]

WRONG = {
    "none": {},
    "a wrong password": basic("alice", "rabbit"),
    "an empty password": basic("alice", ""),
    "an unknown user": basic("mallory", "wonderland"),
    "another user's password": basic("bob", "wonderland"),
    "no user": basic("", "wonderland"),
    "a user in other case": basic("Alice", "wonderland"),
    "more than the password": basic("alice", "wonderland\0"),
    "dots, as in the hash of an unknown user": basic("mallory", "." * 31),
    "no colon": {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    "no base64": {"Authorization": "Basic alice:wonderland"},
    "nothing after the scheme": {"Authorization": "Basic"},
    "nothing at all": {"Authorization": ""},
    "no UTF-8": {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
    "another scheme": {"Authorization": "Bearer wonderland"},
    "a long one": {"Authorization": "Basic " + base64.b64encode(b"alice:" + b"x" * 9000).decode()},
}
RIGHT = {
    "a password": basic("alice", "wonderland"),
    "an empty one": basic("carol", ""),
    "umlauts": basic("Jürgen", "Größe€"),
    "a colon in it": basic("bob", "a:b:c"),
    "a long one, of which bcrypt uses 72 bytes, as in Go": basic("long", "x" * 100),
    "a scheme in small letters": {"Authorization": basic("alice", "wonderland")["Authorization"].lower()[:5]
                                  + basic("alice", "wonderland")["Authorization"][5:]},
}  # fmt: skip


def app() -> ASGIApp:
    page = PlainTextResponse("page\n")
    pages = [
        Route(path, lambda _: page) for path in ("/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready")
    ]
    return Starlette(routes=[*pages, Route("/-/reload", lambda _: page, methods=["POST"])])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    config = tmp_path_factory.mktemp("web") / "web.yml"
    users = {
        "alice": hashed("wonderland", "2y"),
        "bob": hashed("a:b:c", "2a"),
        "carol": hashed(""),
        "long": hashed("x" * 72),
        "Jürgen": hashed("Größe€"),
    }
    config.write_text("basic_auth_users:\n" + "".join(f"  {user}: {users[user]}\n" for user in users))
    with WebServer(app(), config=config) as served:
        yield served


@pytest.mark.parametrize("path", CLOSED)
def test_without_the_right_password_every_path_is_401(server: WebServer, path: str) -> None:
    """Also those that do not exist, and with methods that would be wrong."""
    for method in METHODS:
        for headers in (WRONG["none"], WRONG["a wrong password"], WRONG["an unknown user"]):
            answer = server.ask(path, method=method, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
            assert method == "HEAD" or answer.body == b"a user name and a password are needed\n"


@pytest.mark.parametrize("path", OPEN)
def test_health_asks_for_no_password(server: WebServer, path: str) -> None:
    for headers in (WRONG["none"], WRONG["a wrong password"], WRONG["no base64"], RIGHT["a password"]):
        assert server.ask(path, headers=headers).status == 200
        assert server.ask(path, method="POST", headers=headers).status == 405


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/metrics", "GET", 200),
        ("/metrics", "HEAD", 200),
        ("/metrics", "POST", 405),
        ("/-/reload", "POST", 200),
        ("/-/reload", "GET", 405),
        ("/nothing-here", "GET", 404),
    ],
)
def test_with_the_right_password_all_is_as_without_any(
    server: WebServer, path: str, method: str, status: int
) -> None:
    assert server.ask(path, method=method, headers=RIGHT["a password"]).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [*((headers, 200) for headers in RIGHT.values()), *((headers, 401) for headers in WRONG.values())],
    ids=[*RIGHT, *WRONG],
)
def test_right_is_right_and_wrong_is_wrong(server: WebServer, headers: dict[str, str], status: int) -> None:
    assert server.ask(headers=headers).status == status


@pytest.mark.parametrize(
    "value", [b"Basic  ", b"\xff\xfe", b"Basic \xc3\xa4", b"Basic YTpi\0", b"Basic YTpi YTpi"]
)
def test_what_is_no_single_well_formed_header_is_nobody(value: bytes) -> None:
    assert credentials([(b"authorization", value)]) is None
    assert credentials([(b"authorization", b"Basic YTpi")] * 2) is None


def test_users_change_without_a_restart(tmp_path: Path) -> None:
    """A connection that was let in is asked again at every request."""
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users:\n  alice: {hashed('one')}\n")
    with WebServer(app(), config=config) as server:
        connection = server.connect()

        def status(user: str, password: str) -> int:
            connection.request("GET", "/metrics", headers=basic(user, password))
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert status("alice", "one") == 200
        config.write_text(f"basic_auth_users:\n  alice: {hashed('two')}\n  bob: {hashed('three')}\n")
        server.follow()
        assert [status("alice", "one"), status("alice", "two"), status("bob", "three")] == [401, 200, 200]
        config.write_text(f"basic_auth_users:\n  bob: {hashed('three')}\n")
        server.follow()
        assert [status("alice", "two"), status("bob", "three")] == [401, 200]
        connection.close()


class Check:
    """bcrypt, noting the hashes; it waits for the gate."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = self.most_running = 0

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.hashes.append(stored)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.gate.wait(SAFETY_NET)
        self.running -= 1
        return bcrypt.checkpw(password, stored)


USERS = {"alice": hashed("wonderland"), "bob": hashed("builder")}


async def status(passwords: Passwords, user: str, password: str, users: Mapping[str, str] = USERS) -> int:
    """Return the status of the answer to a request with this user and password."""
    sent = [(b"authorization", basic(user, password)["Authorization"].encode())]
    refusal = await passwords.refusal(users, sent)
    return refusal.status_code if refusal else 200


def test_what_was_right_is_not_checked_again_until_its_hash_changes() -> None:
    check = Check()

    async def ask() -> None:
        passwords = Passwords(check)
        for _ in range(3):
            assert await status(passwords, "alice", "wonderland") == 200
        assert len(check.hashes) == 1
        changed = USERS | {"alice": hashed("elsewhere")}
        assert await status(passwords, "alice", "wonderland", changed) == 401
        assert await status(passwords, "alice", "elsewhere", changed) == 200
        assert await status(passwords, "alice", "wonderland", {"bob": USERS["bob"]}) == 401
        assert "wonderland" not in repr(vars(passwords))

    asyncio.run(ask())


def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    """A hash of the same cost is checked, though none that any password could have."""
    check = Check()
    assert asyncio.run(status(Passwords(check), "mallory", "wonderland")) == 401
    (stored,) = check.hashes
    assert stored[4:7] == b"04$"
    assert stored.endswith(b"." * 31)


def test_one_password_is_checked_at_a_time_and_few_wait() -> None:
    """One that was right before waits for none of them."""
    check = Check()

    async def ask() -> None:
        passwords = Passwords(check)
        assert await status(passwords, "alice", "wonderland") == 200
        check.gate.clear()
        flood = [asyncio.create_task(status(passwords, "bob", str(number))) for number in range(50)]
        await asyncio.sleep(0)
        assert await status(passwords, "alice", "wonderland") == 200
        check.gate.set()
        assert Counter(await asyncio.gather(*flood)) == {401: MOST_WAITING, 429: 50 - MOST_WAITING}

    asyncio.run(ask())
    assert check.most_running == 1
