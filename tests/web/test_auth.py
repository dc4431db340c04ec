"""Basic auth: every path, method and credential, with TLS and without."""

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.web.app import SECURITY_HEADERS, Site, make_app
from exporter.web.auth import MOST_WAITING, Credentials, Passwords, TooManyChecksError, credentials
from tests.support.certificates import Authority
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
COSTLY = "$2b$10$Ftcwdadr8hUXmgZIgrWsDORPVUS0lQwDOnSKp.7b7SHwJF50tGMxe"
"""Of `wonderland`, at a cost as in real life: a check takes some 60 ms."""
METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]

WRONG = {
    "none": {},
    "a wrong password": basic("alice", "rabbit"),
    "an empty password": basic("alice", ""),
    "an unknown user": basic("mallory", "wonderland"),
    "another user's password": basic("bob", "wonderland"),
    "no user": basic("", "wonderland"),
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
    "a scheme in small letters": {"Authorization": basic("alice", "wonderland")["Authorization"].lower()[:5]
                                  + basic("alice", "wonderland")["Authorization"][5:]},
}  # fmt: skip


@dataclass
class Answer:
    """A scrape's answer."""

    content_type: str = "text/plain; version=0.0.4; charset=utf-8"
    content_encoding: str | None = None
    length: int = 5
    chunks: tuple[bytes, ...] = (b"up 1\n",)


def app() -> ASGIApp:
    page = PlainTextResponse("page\n")
    return make_app(
        Site(
            scrape=lambda _accept, _encoding: Answer(),
            trouble=lambda: None,
            ready=lambda: True,
            reload=lambda: (),
            pages=[Route("/", lambda _: page), Route("/api/v1/status", lambda _: page)],
        )
    )


@dataclass(frozen=True)
class Both:
    """The same server, plain and with TLS."""

    plain: WebServer
    secure: WebServer
    authority: Authority


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("web")
    users = "".join(
        f"  {user}: {stored}\n"
        for user, stored in {
            "alice": hashed("wonderland", "2y"),
            "bob": hashed("a:b:c", "2a"),
            "carol": hashed(""),
            "Jürgen": hashed("Größe€"),
        }.items()
    )
    plain, secure = folder / "plain.yml", folder / "secure.yml"
    plain.write_text(f"basic_auth_users:\n{users}")
    authority = Authority(folder, "own")
    authority.pair("server")
    secure.write_text(
        f"basic_auth_users:\n{users}tls_server_config: {{cert_file: server.pem, key_file: server.key}}\n"
    )
    with WebServer(app(), config=plain) as one, WebServer(app(), config=secure) as other:
        yield Both(one, other, authority)


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("tls", ["plain", "TLS"])
def test_without_the_right_password_every_path_is_401(both: Both, path: str, tls: str) -> None:
    """Also those that do not exist, and with methods that would be wrong."""
    server, client = (both.secure, both.authority.client()) if tls == "TLS" else (both.plain, None)
    for method in METHODS:
        for headers in (WRONG["none"], WRONG["a wrong password"], WRONG["an unknown user"]):
            answer = server.ask(path, method=method, tls=client, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
            assert method == "HEAD" or answer.body == b"a user name and a password are needed\n"


@pytest.mark.parametrize("path", OPEN)
@pytest.mark.parametrize("tls", ["plain", "TLS"])
def test_health_asks_for_no_password(both: Both, path: str, tls: str) -> None:
    server, client = (both.secure, both.authority.client()) if tls == "TLS" else (both.plain, None)
    for headers in (WRONG["none"], WRONG["a wrong password"], WRONG["no base64"], RIGHT["a password"]):
        assert server.ask(path, tls=client, headers=headers).status == 200
        assert server.ask(path, method="POST", tls=client, headers=headers).status == 405


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/metrics", "GET", 200),
        ("/metrics", "HEAD", 200),
        ("/metrics", "POST", 405),
        ("/", "GET", 200),
        ("/api/v1/status", "GET", 200),
        ("/-/reload", "POST", 200),
        ("/-/reload", "GET", 405),
        ("/nothing-here", "GET", 404),
    ],
)
@pytest.mark.parametrize("tls", ["plain", "TLS"])
def test_with_the_right_password_all_is_as_without_any(
    both: Both, path: str, method: str, status: int, tls: str
) -> None:
    server, client = (both.secure, both.authority.client()) if tls == "TLS" else (both.plain, None)
    answer = server.ask(path, method=method, tls=client, headers=RIGHT["a password"])
    assert answer.status == status


@pytest.mark.parametrize("which", RIGHT)
def test_right_is_right(both: Both, which: str) -> None:
    assert both.plain.ask(headers=RIGHT[which]).body == b"up 1\n"


@pytest.mark.parametrize("which", WRONG)
def test_wrong_is_401_however_it_is_wrong(both: Both, which: str) -> None:
    assert both.plain.ask(headers=WRONG[which]).status == 401


def test_a_refusal_has_the_security_headers_too(both: Both) -> None:
    answer = both.plain.ask()
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_all(name.decode()) == [value.decode()]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b"Basic " + base64.b64encode(b"a:b"), b"Basic " + base64.b64encode(b"c:d")],
        [b"Basic  "],
        [b"\xff\xfe"],
        [b"Basic \xc3\xa4"],
        [b"Basic YTpi\0"],
        [b"Basic YTpi YTpi"],
    ],
)
def test_what_is_no_single_well_formed_header_is_nobody(headers: list[bytes]) -> None:
    assert credentials([(b"authorization", value) for value in headers]) is None


def test_the_password_is_in_no_repr() -> None:
    sent = credentials([(b"authorization", b"Basic " + base64.b64encode(b"alice:hunter2"))])
    assert sent == Credentials("alice", b"hunter2")
    assert "hunter2" not in repr(sent)


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


@pytest.mark.parametrize("content", ["", "basic_auth_users:\n", "basic_auth_users: {}\n", "# later\n"])
def test_users_that_are_gone_let_nobody_in(tmp_path: Path, content: str) -> None:
    """Half a file, while it is being written, must not open the door."""
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users:\n  alice: {hashed('one')}\n")
    with WebServer(app(), config=config) as server:
        config.write_text(content)
        server.follow()
        assert server.ask().status == 401
        assert server.ask(headers=basic("alice", "one")).status == 200


def test_a_flood_of_wrong_passwords_delays_no_scraper_that_is_known(tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text("basic_auth_users:\n  alice: " + COSTLY + "\n")
    with WebServer(app(), config=config) as server, ThreadPoolExecutor(60) as flood:
        assert server.ask(headers=basic("alice", "wonderland")).status == 200
        guesses = [
            flood.submit(server.ask, headers=basic("alice", f"guess {number}")) for number in range(60)
        ]
        for _ in range(5):
            began = time.monotonic()
            assert server.ask(headers=basic("alice", "wonderland")).status == 200
            assert time.monotonic() - began < 1
        statuses = [guess.result().status for guess in guesses]
        assert set(statuses) <= {401, 429}
        assert statuses.count(401) < 50, "some are not even checked"


class Check:
    """bcrypt, counting; it waits for the gate."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = self.most_running = 0

    def __call__(self, password: bytes, stored: bytes) -> bool:
        """Check for real."""
        self.hashes.append(stored)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.gate.wait(SAFETY_NET)
        self.running -= 1
        return bcrypt.checkpw(password, stored)


USERS = {"alice": hashed("wonderland"), "bob": hashed("builder", "2y"), "carol": hashed("", "2a")}


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("alice", b"wonderland", True),
        ("bob", b"builder", True),
        ("carol", b"", True),
        ("alice", b"wonderland\0", False),
        ("Alice", b"wonderland", False),
        ("", b"", False),
        ("mallory", b"." * 31, False),
        ("alice", b"\xff" * 5000, False),
    ],
)
def test_a_password_is_right_or_wrong(user: str, password: bytes, right: bool) -> None:  # noqa: FBT001 (a parameter of pytest's)
    assert asyncio.run(Passwords().right(USERS, user, password)) is right


def test_bcrypt_ignores_what_comes_after_72_bytes() -> None:
    """As it does in Go, whose users come with the same files."""
    users = {"long": hashed("x" * 72)}
    assert asyncio.run(Passwords().right(users, "long", b"x" * 100))


def test_what_was_right_is_not_checked_again_until_its_hash_changes() -> None:
    check = Check()

    async def ask() -> None:
        passwords = Passwords(check)
        for _ in range(3):
            assert await passwords.right(USERS, "alice", b"wonderland")
        assert len(check.hashes) == 1
        changed = USERS | {"alice": hashed("elsewhere")}
        assert not await passwords.right(changed, "alice", b"wonderland")
        assert await passwords.right(changed, "alice", b"elsewhere")
        assert not await passwords.right({"bob": USERS["bob"]}, "alice", b"wonderland")
        assert "wonderland" not in repr(vars(passwords))

    asyncio.run(ask())


def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    """A hash of the same cost is checked, though none that any password could have."""
    check = Check()
    assert not asyncio.run(Passwords(check).right(USERS, "mallory", b"wonderland"))
    (stored,) = check.hashes
    assert stored[4:7] == b"04$"
    assert stored.endswith(b"." * 31)


def test_one_password_is_checked_at_a_time_and_few_wait() -> None:
    """One that was right before waits for none of them."""
    check = Check()

    async def ask() -> None:
        passwords = Passwords(check)
        assert await passwords.right(USERS, "alice", b"wonderland")
        check.gate.clear()
        flood = [asyncio.create_task(passwords.right(USERS, "bob", b"%d" % number)) for number in range(50)]
        await asyncio.sleep(0)
        assert await passwords.right(USERS, "alice", b"wonderland")
        check.gate.set()
        results = await asyncio.gather(*flood, return_exceptions=True)
        assert results.count(False) == MOST_WAITING
        assert sum(isinstance(result, TooManyChecksError) for result in results) == 50 - MOST_WAITING

    asyncio.run(ask())
    assert check.most_running == 1
