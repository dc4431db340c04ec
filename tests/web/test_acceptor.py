"""What becomes of connections whose handshake is given up."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from exporter.web.acceptor import Acceptor
from exporter.web.address import ListenAddress
from exporter.web.limits import Limits
from exporter.web.lobby import Lobby


class Entrance:
    """An acceptor whose TLS context a test changes."""

    def __init__(self, listener: socket.socket) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.acceptor = Acceptor(listener, asyncio.Protocol, lambda: self.context, Lobby(Limits()), Limits())

    def rotate(self) -> None:
        """Take another context from now on."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.acceptor.give_up_outdated()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket()) as listener:
        yield listener


@pytest.mark.parametrize("begun", [False, True], ids=["before it begins", "under way"])
def test_a_handshake_that_a_rotation_ends_leaves_no_socket_open(
    listener: socket.socket, *, begun: bool
) -> None:
    """A task that is cancelled before its first step runs nothing, not even what would close the socket."""

    async def story() -> None:
        entrance = Entrance(listener)
        client, connection = socket.socketpair()
        client.setblocking(False)
        with client:
            entrance.acceptor._admit(connection)
            if begun:
                await asyncio.sleep(0.01)
            entrance.rotate()
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(20):
                while await loop.sock_recv(client, 65536):
                    pass  # what TLS says as a farewell
            assert connection.fileno() == -1
            await entrance.acceptor.stop()

    asyncio.run(story())


def test_a_handshake_that_has_not_begun_ends_with_the_server(listener: socket.socket) -> None:
    async def story() -> None:
        entrance = Entrance(listener)
        client, connection = socket.socketpair()
        with client:
            entrance.acceptor._admit(connection)
            await entrance.acceptor.stop()
            assert connection.fileno() == -1

    asyncio.run(story())


def test_an_answer_does_not_wait_for_its_head_to_be_confirmed() -> None:
    """A head and a small body are two packets; the system would hold back the second for 40 ms."""
    delays: list[int] = []

    class Guest(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connection = transport.get_extra_info("socket")
            delays.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def story() -> None:
        with ListenAddress.parse("127.0.0.1:0").bind() as listener:
            listener.setblocking(False)
            acceptor = Acceptor(listener, Guest, lambda: None, Lobby(Limits()), Limits())
            accepting = asyncio.create_task(acceptor.run())
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            async with asyncio.timeout(20):
                await reader.read()
            writer.close()
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)
            await acceptor.stop()

    asyncio.run(story())
    assert delays
    assert all(delays)
