"""TLS: who gets in with which certificate, and what a rotation changes at once."""

import contextlib
import http.client
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from starlette.responses import PlainTextResponse

from exporter.cli.reloading import load_protection
from exporter.errors import ConfigurationError
from exporter.web.server import Timeouts
from tests.support.certificates import Authority, Pair
from tests.support.clock import eventually
from tests.support.left_over import nothing_left_over
from tests.support.passwords import basic, hashed
from tests.support.web import WebServer

APP = PlainTextResponse("fine\n")
REFUSED = (ssl.SSLError, ConnectionError)
"""Where the handshake fails; in TLS 1.3 the client learns it only when it reads."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "own")


@pytest.fixture
def clients(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "clients")


def configured(folder: Path, pair: Pair, *more: str) -> Path:
    file = folder / "web.yml"
    lines = ("tls_server_config:", f"cert_file: {pair.cert.name}", f"key_file: {pair.key.name}", *more)
    file.write_text("\n  ".join(lines) + "\n")
    return file


def mutual(kind: str, authority: Authority) -> tuple[str, str]:
    return f"client_auth_type: {kind}", f"client_ca_file: {authority.file.name}"


def received(raw: socket.socket) -> bytes:
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(65536):
            came += data
    return came


def test_https_is_served_and_plain_http_is_not(tmp_path: Path, authority: Authority) -> None:
    """One connection serves scrape after scrape."""
    with WebServer(APP, config=configured(tmp_path, authority.pair("server"))) as server:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.ask()
        connection = server.connect(authority.client())
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"fine\n"
            first = connection.sock
        assert connection.sock is first
        connection.close()


def gets_in(server: WebServer, client: ssl.SSLContext, version: ssl.TLSVersion) -> bool:
    client.minimum_version = client.maximum_version = version
    try:
        return server.ask(tls=client).status == 200
    except REFUSED:
        return False


def test_the_lowest_version_is_kept(tmp_path: Path, authority: Authority) -> None:
    pair, client = authority.pair("server"), authority.client()
    with WebServer(APP, config=configured(tmp_path, pair)) as server:
        assert gets_in(server, client, ssl.TLSVersion.TLSv1_2)
        assert gets_in(server, client, ssl.TLSVersion.TLSv1_3)
    with WebServer(APP, config=configured(tmp_path, pair, "min_version: TLS13")) as server:
        assert not gets_in(server, client, ssl.TLSVersion.TLSv1_2)
        assert gets_in(server, client, ssl.TLSVersion.TLSv1_3)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NoClientCert", [True, True, True]),
        ("VerifyClientCertIfGiven", [True, False, True]),
        ("RequireAndVerifyClientCert", [True, False, False]),
    ],
)
def test_clients_get_in_by_their_certificates(
    tmp_path: Path, authority: Authority, clients: Authority, kind: str, expected: list[bool]
) -> None:
    more = mutual(kind, clients) if kind != "NoClientCert" else ()
    config = configured(tmp_path, authority.pair("server"), *more)
    known = authority.client(clients.pair("prometheus", "prometheus"))
    # Signed by the CA of the server, which is not asked about clients.
    stranger = authority.client(authority.pair("stranger", "stranger"))
    with WebServer(APP, config=config) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            found = [gets_in(server, client, version) for client in (known, stranger, authority.client())]
            assert found == expected


def serves(server: WebServer, authority: Authority, pair: Pair) -> None:
    """Take over the changed files, and wait until new connections see this certificate."""
    server.follow()

    def is_seen() -> bool:
        with contextlib.suppress(ssl.SSLError, ConnectionError):  # plain HTTP, as yet
            return server.certificate(authority.client()) == pair.der
        return False

    eventually(is_seen)


def test_rotations_under_load_fail_no_scrape(tmp_path: Path, authority: Authority) -> None:
    """A scrape every 100 ms, each on a connection of its own, through 20 rotations."""
    config = configured(tmp_path, authority.pair("server"))
    statuses: list[int | str] = []
    stop = threading.Event()
    with nothing_left_over(), WebServer(APP, config=config) as server:

        def scrape() -> None:
            while not stop.wait(0.1):
                try:
                    statuses.append(server.ask(tls=authority.client()).status)
                except OSError as error:
                    statuses.append(repr(error))

        scraper = threading.Thread(target=scrape)
        scraper.start()
        try:
            for _ in range(20):
                serves(server, authority, authority.pair("server"))
                scrapes = len(statuses)
                eventually(lambda: len(statuses) > scrapes)  # noqa: B023 (called within the round)
        finally:
            stop.set()
            scraper.join()
    assert len(statuses) >= 20
    assert set(statuses) == {200}


def test_a_request_that_is_on_its_way_during_a_rotation_is_answered(
    tmp_path: Path, authority: Authority
) -> None:
    """Its connection was accepted under the certificate before."""
    config = configured(tmp_path, authority.pair("server"))
    with WebServer(APP, config=config) as server:
        connection = server.connect(authority.client())
        connection.connect()
        serves(server, authority, authority.pair("server"))
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"fine\n"
        connection.close()


def test_clients_of_a_replaced_authority_stay_outside(
    tmp_path: Path, authority: Authority, clients: Authority
) -> None:
    """Also those whose handshake had begun, once their time is over."""
    config = configured(tmp_path, authority.pair("server"), *mutual("RequireAndVerifyClientCert", clients))
    old = authority.client(clients.pair("old", "old"))
    with WebServer(APP, config=config, timeouts=Timeouts(handover=0.1)) as server, server.socket() as raw:
        assert server.ask(tls=old).status == 200
        came_in, goes_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = old.wrap_bio(came_in, goes_out, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLWantReadError):
            handshake.do_handshake()
        raw.sendall(goes_out.read())
        came_in.write(raw.recv(65536))  # the server has chosen its demands by now
        let_in = server.connect(old)
        let_in.request("GET", "/")
        assert let_in.getresponse().read() == b"fine\n"

        new = authority.client(Authority(tmp_path, "clients").pair("new", "new"))
        server.follow()
        assert let_in.sock.recv(1) == b"", "those from before are closed, so their server has ended"
        assert server.ask(tls=new).status == 200
        with pytest.raises(REFUSED):
            server.ask(tls=old)
        handshake.do_handshake()
        handshake.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.sendall(goes_out.read())
        assert received(raw) == b""
        let_in.close()


def test_a_certificate_without_its_key_changes_nothing_until_the_key_comes(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files cannot be replaced at once; nor may they be there when the configuration names them."""
    first = authority.pair("server")
    der = first.der
    config = configured(tmp_path, first)
    later = authority.pair("later")
    with WebServer(APP, config=config) as server:
        first.cert.write_bytes(later.cert.read_bytes())
        for _ in range(3):
            server.follow()
            assert server.certificate(authority.client()) == der
        first.key.write_bytes(later.key.read_bytes())
        serves(server, authority, later)
        configured(tmp_path, Pair(tmp_path / "next.pem", tmp_path / "next.key"))
        server.follow()
        assert server.certificate(authority.client()) == later.der
        serves(server, authority, authority.pair("next"))
    log = capsys.readouterr().out
    assert log.count("not in use") == 2
    assert "does not belong to the certificate" in log


@pytest.mark.parametrize(
    "content", [None, b"", b"\0" * 100, b"tls_server_config: {cert_file: x", b"tls_server_config: {}"]
)
def test_a_broken_file_changes_nothing_but_certificates_that_are_rotated(
    tmp_path: Path, authority: Authority, content: bytes | None
) -> None:
    config = configured(tmp_path, authority.pair("server"))
    with WebServer(APP, config=config) as server:
        if content is None:
            config.unlink()
        else:
            config.write_bytes(content)
        serves(server, authority, authority.pair("server"))
        assert server.protection is not None
        assert not server.protection.in_use
        with pytest.raises(ConfigurationError):
            server.protection.read()


def test_more_protection_comes_by_itself(tmp_path: Path, authority: Authority) -> None:
    config = tmp_path / "web.yml"
    users = f"basic_auth_users:\n  alice: {hashed('wonderland')}\n"
    config.write_text(users)
    with WebServer(APP, config=config) as server:
        assert server.ask(headers=basic("alice", "wonderland")).status == 200
        pair = authority.pair("server")
        configured(tmp_path, pair)
        config.write_text(users + config.read_text())
        serves(server, authority, pair)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.ask()


def test_changed_users_close_no_connection(tmp_path: Path, authority: Authority) -> None:
    """With another context, connections would be closed a moment later."""
    config = configured(tmp_path, authority.pair("server"))
    contexts: list[ssl.SSLContext | None] = []
    with WebServer(APP, config=config) as server:
        assert server.protection is not None
        server.protection.on_new_context = contexts.append
        connection = server.connect(authority.client())
        connection.request("GET", "/")
        first = connection.sock
        assert connection.getresponse().read() == b"fine\n"
        config.write_text(f"{config.read_text()}basic_auth_users:\n  alice: {hashed('wonderland')}\n")
        server.follow()
        connection.request("GET", "/")
        assert connection.getresponse().status == 401
        assert (connection.sock, contexts) == (first, [])
        server.protection.adopt(server.protection.read())
        assert contexts == []
        connection.close()


def mistake(config: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_protection(str(config))
    return str(caught.value).removeprefix(f"{config}:")


def test_files_that_cannot_be_used_are_told_by_key_and_line(tmp_path: Path, authority: Authority) -> None:
    authority.pair("server")
    authority.pair("other")
    (tmp_path / "folder").mkdir()
    (tmp_path / "junk").write_text("no certificate")
    accepted = "in PEM that OpenSSL accepts"
    no_key = f"tls_server_config.key_file: holds no key {accepted}, without a password, for cert_file"
    for cert, key, told in (
        ("none", "server.key", "2: tls_server_config.cert_file: cannot be read: No such file or directory"),
        ("server.pem", "folder", "3: tls_server_config.key_file: cannot be read: Is a directory"),
        ("junk", "server.key", f"2: tls_server_config.cert_file: holds no certificate {accepted}"),
        ("server.pem", "junk", f"3: {no_key}"),
        (
            "server.pem",
            "other.key",
            "3: tls_server_config.key_file: does not belong to the certificate in cert_file",
        ),
    ):
        assert mistake(configured(tmp_path, Pair(tmp_path / cert, tmp_path / key))) == told
    wrong_ca = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: junk")
    assert mistake(configured(tmp_path, authority.pair("server"), *wrong_ca)) == (
        "5: tls_server_config.client_ca_file: holds no certificate in PEM"
    )


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path: Path, authority: Authority) -> None:
    """OpenSSL would ask for it at the terminal, and wait."""
    pair = authority.pair("server")
    plain = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    pair.key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    assert "key_file: holds no key in PEM that OpenSSL accepts, without a password" in mistake(
        configured(tmp_path, pair)
    )


@pytest.mark.parametrize(
    ("identity", "san"),
    [
        ("prometheus.example.org", "prometheus.example.org"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("ops@example.org", "ops@example.org"),
    ],
)
def test_only_certificates_with_an_allowed_name_get_in(
    tmp_path: Path, authority: Authority, clients: Authority, identity: str, san: str
) -> None:
    config = configured(
        tmp_path,
        authority.pair("server"),
        *mutual("RequireAndVerifyClientCert", clients),
        f'client_allowed_sans: ["other.example.org", "{san}"]',
    )
    allowed, another = clients.pair("allowed", identity), clients.pair("another", "x.example.org", "10.0.0.2")
    with WebServer(APP, config=config) as server:
        assert server.ask(tls=authority.client(allowed)).body == b"fine\n"
        with pytest.raises(REFUSED):
            server.ask(tls=authority.client(another))
        with pytest.raises(REFUSED):
            server.ask(tls=authority.client())


def test_allowed_names_change_without_a_restart(
    tmp_path: Path, authority: Authority, clients: Authority
) -> None:
    """New connections are judged by the new names. An empty list is not used: it would let all in."""
    server_pair = authority.pair("server")
    required = mutual("RequireAndVerifyClientCert", clients)
    one, two = (authority.client(clients.pair(name, f"{name}.example.org")) for name in ("one", "two"))
    config = configured(tmp_path, server_pair, *required, "client_allowed_sans: [one.example.org]")
    with WebServer(APP, config=config, timeouts=Timeouts(handover=0.1)) as server:
        assert server.ask(tls=one).status == 200
        configured(tmp_path, server_pair, *required, "client_allowed_sans: [two.example.org]")
        server.follow()

        def two_is_let_in() -> bool:
            with contextlib.suppress(*REFUSED):  # by the server before, as long as it accepts connections
                return server.ask(tls=two).status == 200
            return False

        eventually(two_is_let_in)
        with pytest.raises(REFUSED):
            server.ask(tls=one)
        configured(tmp_path, server_pair, *required)
        server.follow()
        with pytest.raises(REFUSED):
            server.ask(tls=one)
