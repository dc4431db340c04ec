"""TLS: who gets in with which certificate, and what a rotation changes at once."""

import contextlib
import http.client
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from starlette.responses import PlainTextResponse

from exporter.cli.web_security import live_security, load_security
from exporter.errors import ConfigurationError
from exporter.web.limits import Limits
from tests.support.certificates import Authority, Pair
from tests.support.clock import SAFETY_NET, eventually
from tests.support.web import WebServer, ended

APP = PlainTextResponse("fine\n")
REFUSED = (ssl.SSLError, ConnectionError)
"""Where the handshake fails; in TLS 1.3 the client learns it only when it reads."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "own")


@pytest.fixture
def clients(tmp_path: Path) -> Authority:
    """Who signs clients."""
    return Authority(tmp_path, "clients")


def configured(folder: Path, pair: Pair, *more: str) -> Path:
    file = folder / "web.yml"
    lines = ("tls_server_config:", f"cert_file: {pair.cert.name}", f"key_file: {pair.key.name}", *more)
    file.write_text("\n  ".join(lines) + "\n")
    return file


def mutual(kind: str, authority: Authority) -> tuple[str, str]:
    return f"client_auth_type: {kind}", f"client_ca_file: {authority.file.name}"


def received(raw: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(65536):
            came += data
    return came


def test_https_is_served_and_plain_http_is_not(tmp_path: Path, authority: Authority) -> None:
    with WebServer(APP, config=configured(tmp_path, authority.pair("server"))) as server:
        assert server.ask(tls=authority.client()).body == b"fine\n"
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.ask()
        assert server.ask(tls=authority.client()).status == 200


def test_one_tls_connection_serves_scrape_after_scrape(tmp_path: Path, authority: Authority) -> None:
    with WebServer(APP, config=configured(tmp_path, authority.pair("server"))) as server:
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


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["VerifyClientCertIfGiven", "RequireAndVerifyClientCert"])
def test_clients_get_in_by_their_certificates(
    tmp_path: Path, authority: Authority, clients: Authority, kind: str, version: ssl.TLSVersion
) -> None:
    config = configured(tmp_path, authority.pair("server"), *mutual(kind, clients))
    known = authority.client(clients.pair("prometheus", "prometheus"))
    # Signed by whoever signed the server, who is not asked about clients.
    stranger = authority.client(authority.pair("stranger", "stranger"))
    with WebServer(APP, config=config) as server:
        assert gets_in(server, known, version)
        assert not gets_in(server, stranger, version)
        assert gets_in(server, authority.client(), version) is (kind == "VerifyClientCertIfGiven")


def test_without_client_auth_any_certificate_or_none_does(
    tmp_path: Path, authority: Authority, clients: Authority
) -> None:
    config = configured(tmp_path, authority.pair("server"), "client_auth_type: NoClientCert")
    with WebServer(APP, config=config) as server:
        assert server.ask(tls=authority.client()).status == 200
        assert server.ask(tls=authority.client(clients.pair("x", "x"))).status == 200


def test_a_rotated_certificate_is_served_at_once_and_the_old_one_never_again(
    tmp_path: Path, authority: Authority
) -> None:
    first = authority.pair("server").der
    config = configured(tmp_path, Pair(tmp_path / "server.pem", tmp_path / "server.key"))
    with WebServer(APP, config=config) as server:
        assert server.certificate(authority.client()) == first
        second = authority.pair("server").der
        assert second != first
        assert [server.certificate(authority.client()) for _ in range(5)] == [second] * 5


def test_a_connection_from_before_a_rotation_is_closed(tmp_path: Path, authority: Authority) -> None:
    """One that scrapes every few seconds would otherwise live on with what has been taken back."""
    config = configured(tmp_path, authority.pair("server"))
    with WebServer(APP, config=config) as server:
        connection = server.connect(authority.client())
        connection.request("GET", "/")
        connection.getresponse().read()
        authority.pair("server")
        assert connection.sock.recv(1) == b""
        connection.close()


def test_clients_of_a_replaced_authority_stay_outside(
    tmp_path: Path, authority: Authority, clients: Authority
) -> None:
    config = configured(tmp_path, authority.pair("server"), *mutual("RequireAndVerifyClientCert", clients))
    old = authority.client(clients.pair("old", "old"))
    with WebServer(APP, config=config) as server:
        assert server.ask(tls=old).status == 200
        new = authority.client(Authority(tmp_path, "clients").pair("new", "new"))
        assert server.ask(tls=new).status == 200
        with pytest.raises(REFUSED):
            server.ask(tls=old)


def test_a_handshake_that_began_under_an_older_authority_lets_nobody_in(
    tmp_path: Path, authority: Authority, clients: Authority
) -> None:
    """Whoever begins one just before his authority is replaced could end it afterwards."""
    config = configured(tmp_path, authority.pair("server"), *mutual("RequireAndVerifyClientCert", clients))
    old = authority.client(clients.pair("old", "old"))
    with WebServer(APP, config=config) as server, server.socket() as raw:
        came_in, goes_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = old.wrap_bio(came_in, goes_out, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLWantReadError):
            handshake.do_handshake()
        raw.sendall(goes_out.read())
        came_in.write(raw.recv(65536))  # the server has chosen its demands by now
        Authority(tmp_path, "clients")
        assert server.security is not None
        security = server.security
        eventually(lambda: security.generation == 1)
        handshake.do_handshake()
        handshake.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.sendall(goes_out.read())
        assert received(raw) == b""


def test_a_certificate_without_its_key_changes_nothing_until_the_key_comes(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files cannot be replaced at once."""
    first = authority.pair("server")
    der = first.der
    config = configured(tmp_path, first)
    later = authority.pair("later")
    with WebServer(APP, config=config) as server:
        first.cert.write_bytes(later.cert.read_bytes())
        assert [server.certificate(authority.client()) for _ in range(3)] == [der] * 3
        first.key.write_bytes(later.key.read_bytes())
        assert server.certificate(authority.client()) == later.der
    log = capsys.readouterr().out
    assert log.count("the last good one stays") == 1
    assert "does not belong to the certificate" in log


def test_files_that_are_named_before_they_are_there_count_once_they_come(
    tmp_path: Path, authority: Authority
) -> None:
    """Whoever writes the configuration first, and then the certificate that it names."""
    first = authority.pair("server")
    config = configured(tmp_path, first)
    with WebServer(APP, config=config) as server:
        configured(tmp_path, Pair(tmp_path / "next.pem", tmp_path / "next.key"))
        assert server.certificate(authority.client()) == first.der
        following = authority.pair("next")
        assert server.certificate(authority.client()) == following.der


def test_whether_what_the_files_say_is_in_use_is_told(tmp_path: Path, authority: Authority) -> None:
    pair = authority.pair("server")
    security = live_security(str(configured(tmp_path, pair)))
    assert security is not None
    told: list[bool] = []
    security.tell = told.append
    key = pair.key.read_bytes()
    pair.key.write_text("half a key")
    security.refresh()
    pair.key.write_bytes(key)
    security.refresh()
    (tmp_path / "web.yml").write_text("")
    security.refresh()
    assert told == [False, True, False], "the last one would protect less, and waits for a reload"
    security.reload()
    assert told == [False, True, False, True]


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, b"tls_server_config: {cert_file: x"])
def test_a_broken_file_leaves_everything_as_it_is(
    tmp_path: Path, authority: Authority, content: bytes | None
) -> None:
    pair = authority.pair("server")
    config = configured(tmp_path, pair)
    with WebServer(APP, config=config) as server:
        if content is None:
            config.unlink()
        else:
            config.write_bytes(content)
        assert server.certificate(authority.client()) == pair.der
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.ask()


def test_less_protection_takes_a_reload(tmp_path: Path, authority: Authority, clients: Authority) -> None:
    """The end of a file that is being written is missing for a moment: that must open no door."""
    pair = authority.pair("server")
    config = configured(tmp_path, pair, *mutual("RequireAndVerifyClientCert", clients))
    with WebServer(APP, config=config) as server:
        configured(tmp_path, pair)
        with pytest.raises(REFUSED):
            server.ask(tls=authority.client())
        assert server.security is not None
        server.security.reload()
        assert server.ask(tls=authority.client()).status == 200
        config.write_text("")
        assert server.ask(tls=authority.client()).status == 200
        server.security.reload()
        assert server.ask().status == 200


def test_a_reload_with_mistakes_changes_nothing(tmp_path: Path, authority: Authority) -> None:
    pair = authority.pair("server")
    config = configured(tmp_path, pair)
    with WebServer(APP, config=config) as server:
        config.write_text("tls_server_confg: {}")
        assert server.security is not None
        with pytest.raises(ConfigurationError):
            server.security.reload()
        assert server.certificate(authority.client()) == pair.der


def test_more_protection_comes_by_itself(tmp_path: Path, authority: Authority) -> None:
    config = tmp_path / "web.yml"
    config.write_text("")
    with WebServer(APP, config=config) as server:
        assert server.ask().status == 200
        configured(tmp_path, authority.pair("server"))
        assert server.ask(tls=authority.client()).status == 200
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.ask()


def test_a_swapped_link_is_seen(tmp_path: Path, authority: Authority) -> None:
    """As Kubernetes swaps the content of a secret."""
    versions = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        pair = authority.pair("server")
        versions.append(pair.der)
        pair.cert.rename(folder / "server.pem")
        pair.key.rename(folder / "server.key")
    link = tmp_path / "data"
    link.symlink_to("one")
    config = configured(tmp_path, Pair(Path("x"), Path("x")))
    config.write_text("tls_server_config: {cert_file: data/server.pem, key_file: data/server.key}")
    with WebServer(APP, config=config) as server:
        assert server.certificate(authority.client()) == versions[0]
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(link)
        assert server.certificate(authority.client()) == versions[1]


def mistake(config: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_security(str(config))
    return str(caught.value).removeprefix(f"{config}:")


def test_files_that_cannot_be_used_are_told_by_key_and_line(tmp_path: Path, authority: Authority) -> None:
    pair, other = authority.pair("server"), authority.pair("other")
    junk = tmp_path / "junk"
    junk.write_text("no certificate")
    missing = tmp_path / "missing"
    assert mistake(configured(tmp_path, Pair(missing, pair.key))) == (
        "2: tls_server_config.cert_file: cannot be read: No such file or directory"
    )
    assert mistake(configured(tmp_path, Pair(pair.cert, tmp_path))).startswith(
        "3: tls_server_config.key_file: cannot be read: "
    )
    assert mistake(configured(tmp_path, Pair(junk, pair.key))) == (
        "2: tls_server_config.cert_file: holds no certificate in PEM that OpenSSL accepts"
    )
    assert mistake(configured(tmp_path, Pair(pair.cert, junk))) == (
        "3: tls_server_config.key_file: holds no key in PEM that OpenSSL accepts for the certificate in"
        " cert_file"
    )
    assert mistake(configured(tmp_path, Pair(pair.cert, other.key))) == (
        "3: tls_server_config.key_file: does not belong to the certificate in cert_file"
    )
    wrong_ca = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: junk")
    assert mistake(configured(tmp_path, pair, *wrong_ca)) == (
        "5: tls_server_config.client_ca_file: holds no certificate in PEM"
    )


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path: Path, authority: Authority) -> None:
    """OpenSSL would ask whoever sits at the terminal, and wait."""
    pair = authority.pair("server")
    plain = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    pair.key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    assert mistake(configured(tmp_path, pair)).startswith(
        "3: tls_server_config.key_file: is encrypted with a password"
    )


def test_a_handshake_that_never_ends_is_given_up(tmp_path: Path, authority: Authority) -> None:
    config = configured(tmp_path, authority.pair("server"))
    with WebServer(APP, config=config, limits=Limits(handshake_seconds=0.2)) as server:
        began = time.monotonic()
        with server.socket() as silent, server.socket() as slow:
            slow.sendall(b"\x16\x03\x01")
            for client in (silent, slow):
                assert ended(client)
        assert time.monotonic() - began < SAFETY_NET / 4
        assert server.ask(tls=authority.client()).status == 200
