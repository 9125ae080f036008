"""A member with several addresses is reached over whichever of them works, on loopback addresses."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from hafailover.override import override
from hafailover.system import etcd_connection
from hafailover.system.etcd_connection import Endpoint, EtcdConnection, connect
from hafailover.system.etcd_gateway import EtcdGateway
from hafailover.system.etcd_place import Place
from tests.etcd.conftest import play

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NOBODY, SILENT, GOOD, OTHER = (f"127.0.0.{number}" for number in (4, 3, 2, 1))


class Known(Place):
    """A name that was looked up."""

    def __init__(self, port: int, *addresses: str) -> None:
        super().__init__(Endpoint(host="etcd.test", port=port, is_tls=False), None)
        self._found = addresses

    @override
    async def addresses(self) -> tuple[str, ...]:
        return self._found


class Member:
    """Answers whatever it is asked, and counts who is connected."""

    def __init__(self) -> None:
        self.open = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                writer.write(ANSWER)
        self.open -= 1
        writer.close()

    async def has_open(self, count: int) -> None:
        while self.open != count:  # noqa: ASYNC110 - only tests wait for it
            await asyncio.sleep(0.01)


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port where every packet to ``SILENT`` vanishes: nobody accepts, and the queue is full."""
    with (
        socket.create_server((SILENT, 0), backlog=0) as listener,
        contextlib.ExitStack() as waiting,
    ):
        found: int = listener.getsockname()[1]
        for _ in range(3):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - the standard library's signature
            filler.connect_ex((SILENT, found))
        yield found


def have_head_start(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("hafailover.system.etcd_connection._HEAD_START_S", seconds)


def test_an_address_whose_packets_vanish_costs_a_moment_and_only_once(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        server = await asyncio.start_server(Member().meet, GOOD, port)
        gateway = EtcdGateway((Known(port, SILENT, GOOD),))
        assert await gateway.call("/v3/kv/txn", {}, 5.0) == {}
        gateway.close()
        # The next connection begins where the last answer came from.
        have_head_start(monkeypatch, 3600.0)
        assert await gateway.call("/v3/kv/txn", {}, 5.0) == {}
        gateway.close()
        server.close()

    play(story())


def test_an_address_that_refuses_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        have_head_start(monkeypatch, 3600.0)
        server = await asyncio.start_server(Member().meet, GOOD, port)
        gateway = EtcdGateway((Known(port, NOBODY, GOOD),))
        assert await gateway.call("/v3/kv/txn", {}, 5.0) == {}
        gateway.close()
        server.close()

    play(story())


def test_one_connection_is_left_when_two_are_opened_at_once(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        have_head_start(monkeypatch, 0.0)
        both, alone = asyncio.Barrier(2), etcd_connection._open

        async def together(*words: Any) -> EtcdConnection:
            opened = await alone(*words)
            await both.wait()
            return opened

        monkeypatch.setattr(etcd_connection, "_open", together)
        member = Member()
        servers = [await asyncio.start_server(member.meet, each, port) for each in (GOOD, OTHER)]
        connection = await connect(Known(port).endpoint, (SILENT, GOOD, OTHER), None)
        assert connection.address in {GOOD, OTHER}
        assert (await connection.post("/", b"")).body == b"{}"
        await member.has_open(1)
        connection.close()
        await member.has_open(0)
        for server in servers:
            server.close()

    play(story())
