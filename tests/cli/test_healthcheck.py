"""``healthcheck`` against a live server of one answer."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from socketserver import BaseRequestHandler, TCPServer

import pytest

from exporter.cli.main import run
from tests.support.ports import held_port

Output = pytest.CaptureFixture[str]


@dataclass
class OneAnswer:
    """A server that gives every connection the same bytes."""

    port: int
    requests: list[bytes]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[OneAnswer]:
    requests: list[bytes] = []

    class Answer(BaseRequestHandler):
        def handle(self) -> None:
            requests.append(self.request.recv(4096))
            self.request.sendall(request.param)

    with TCPServer(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield OneAnswer(listening.server_address[1], requests)
        listening.shutdown()
        thread.join()


def says(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


def check(address: str) -> int:
    return run(["healthcheck", f"--web.listen-address={address}"])


@pytest.mark.parametrize("server", [says("200 OK", "healthy\n")], indirect=True)
@pytest.mark.parametrize("address", [":{}", "127.0.0.1:{}", "0.0.0.0:{}", "localhost:{}"])
def test_a_healthy_exporter_is_status_0(capsys: Output, server: OneAnswer, address: str) -> None:
    assert check(address.format(server.port)) == 0
    assert capsys.readouterr() == ("healthy\n", "")
    assert server.requests[0].startswith(b"GET /-/healthy HTTP/1.1\r\n")


@pytest.mark.parametrize("server", [says("200 OK", "healthy\n")], indirect=True)
def test_the_address_comes_from_the_exporters_own_environment_and_no_proxy(
    server: OneAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS", f":{server.port}")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert run(["healthcheck"]) == 0


@pytest.mark.parametrize(
    "server", [says("503 Service Unavailable", "the poll loop has died\n")], indirect=True
)
def test_an_unhealthy_exporter_is_status_1_with_its_reason(capsys: Output, server: OneAnswer) -> None:
    assert check(f":{server.port}") == 1
    assert capsys.readouterr() == ("", "not healthy: the poll loop has died\n")


@pytest.mark.parametrize(
    "server",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"\x1b[2J\r\n", says("404 Not Found", "\x1b[2J")],
    indirect=True,
    ids=str,
)
def test_something_else_at_the_port_is_status_1(capsys: Output, server: OneAnswer) -> None:
    assert check(f":{server.port}") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()


def test_nobody_there_is_status_1(capsys: Output) -> None:
    with held_port() as port:
        assert check(f":{port}") == 1
    assert capsys.readouterr().err == "no healthy exporter: [Errno 111] Connection refused\n"


def test_an_unknown_host_is_status_1(capsys: Output) -> None:
    assert check("no-such-host.invalid:1") == 1
    assert "no healthy exporter: " in capsys.readouterr().err
