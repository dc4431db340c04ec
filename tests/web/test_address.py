"""Listen addresses, written as Prometheus writes them."""

import socket

import pytest

from exporter.web.address import ListenAddress, bound_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":10079", "", 10079),
        (":0", "", 0),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("0.0.0.0:10079", "0.0.0.0", 10079),  # noqa: S104 (it is only read)
        ("localhost:65535", "localhost", 65535),
        ("exporter.example.org:80", "exporter.example.org", 80),
        ("[::1]:10079", "::1", 10079),
        ("[::]:0", "::", 0),
        ("[fe80::1%eth0]:10079", "fe80::1%eth0", 10079),
        (" :10079\n", "", 10079),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert ListenAddress.parse(text) == ListenAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "10079",
        "localhost",
        "localhost:",
        ":-1",
        ":http",
        "::1:10079",
        "[::1]",
        "[]:80",
        "[::1:80",
        "http://localhost:80",
        "a b:80",
        f"{'a' * 64}:80",
        "..:80",
        ":\u0661\u0662",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a valid listen address: .*; write host:port, :port or"):
        ListenAddress.parse(text)


@pytest.mark.parametrize("text", [":65536", "localhost:999999"])
def test_a_port_beyond_the_range_is_told_the_range(text: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' has no port from 0 to 65535$"):
        ListenAddress.parse(text)


def reaches(host: str, listener: socket.socket) -> bool:
    """Tell whether a connection to the listener comes about."""
    with socket.create_connection((host, listener.getsockname()[1]), timeout=5):
        return True


def test_port_0_binds_a_free_port_that_can_be_written_down() -> None:
    with ListenAddress.parse("127.0.0.1:0").bind() as listener:
        host, port = listener.getsockname()
        assert port > 0
        assert bound_address(listener) == f"127.0.0.1:{port}"
        assert ListenAddress.parse(bound_address(listener)) == ListenAddress(host, port)
        assert reaches("127.0.0.1", listener)


def test_a_bound_ipv6_address_stands_in_brackets() -> None:
    with ListenAddress.parse("[::1]:0").bind() as listener:
        assert bound_address(listener) == f"[::1]:{listener.getsockname()[1]}"
        assert reaches("::1", listener)


@pytest.mark.parametrize("text", [":0", "[::]:0"])
def test_every_address_means_ipv4_and_ipv6(text: str) -> None:
    """Go's listeners take both for ``[::]``, and who writes it expects that."""
    with ListenAddress.parse(text).bind() as listener:
        assert reaches("127.0.0.1", listener)
        assert reaches("::1", listener)


def test_an_address_in_use_is_an_os_error() -> None:
    with ListenAddress.parse("127.0.0.1:0").bind() as listener:
        taken = ListenAddress.parse(bound_address(listener))
        with pytest.raises(OSError, match="in use"):
            taken.bind()


def test_an_unknown_host_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"."):
        ListenAddress.parse("no-such-host.invalid:0").bind()


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (":1", "127.0.0.1"),
        ("0.0.0.0:1", "127.0.0.1"),
        ("[::]:1", "::1"),
        ("[::1]:1", "::1"),
        ("10.1.2.3:1", "10.1.2.3"),
        ("name:1", "name"),
    ],
)
def test_this_machine_reaches_the_address_at_a_host(text: str, host: str) -> None:
    assert ListenAddress.parse(text).reachable_host() == host
