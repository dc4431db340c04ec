"""Listen addresses, written as Prometheus writes them."""

import socket

import pytest

from exporter.web.address import ListenAddress, bound_address


@pytest.mark.parametrize(
    ("text", "host", "port", "reached_at"),
    [
        (":10079", "", 10079, "127.0.0.1"),
        (":0", "", 0, "127.0.0.1"),
        (" :10079\n", "", 10079, "127.0.0.1"),
        ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1"),
        ("0.0.0.0:10079", "0.0.0.0", 10079, "127.0.0.1"),  # noqa: S104 (it is only read)
        ("exporter.example.org:65535", "exporter.example.org", 65535, "exporter.example.org"),
        ("[::1]:10079", "::1", 10079, "::1"),
        ("[::]:0", "::", 0, "::1"),
        ("[fe80::1%eth0]:10079", "fe80::1%eth0", 10079, "fe80::1%eth0"),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int, reached_at: str) -> None:
    address = ListenAddress.parse(text)
    assert address == ListenAddress(host, port)
    assert address.reachable_host() == reached_at


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "10079", "localhost", "localhost:", ":-1", ":http", "::1:10079", "[::1]", "[]:80"),
        *("[::1:80", "http://localhost:80", "a b:80", f"{'a' * 64}:80", "..:80", ":\u0661\u0662"),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a valid listen address: .*; write host:port, :port or"):
        ListenAddress.parse(text)


@pytest.mark.parametrize("text", [":65536", "localhost:999999"])
def test_a_port_beyond_the_range_is_told_the_range(text: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' has no port from 0 to 65535$"):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "bound", "reached_at"),
    [
        ("127.0.0.1:0", "127.0.0.1:{}", ["127.0.0.1"]),
        ("[::1]:0", "[::1]:{}", ["::1"]),
        (":0", "[::]:{}", ["127.0.0.1", "::1"]),
        # Go's listeners take both for this one, too.
        ("[::]:0", "[::]:{}", ["127.0.0.1", "::1"]),
    ],
)
def test_port_0_binds_a_free_port_that_can_be_written_down(
    text: str, bound: str, reached_at: list[str]
) -> None:
    with ListenAddress.parse(text).bind() as listener:
        port = listener.getsockname()[1]
        assert bound_address(listener) == bound.format(port)
        for host in reached_at:
            socket.create_connection((host, port), timeout=5).close()
        with pytest.raises(OSError, match="in use"):
            ListenAddress.parse(bound_address(listener)).bind()


def test_an_unknown_host_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"."):
        ListenAddress.parse("no-such-host.invalid:0").bind()
