"""How do reports travel to the peer and back, over every network that both nodes are on?

Each node listens on its own address of a network and connects to the peer's; a connection carries
the reports of who opened it. Whatever breaks is opened again, at once at first, then after at most a
second. Connections from other addresses are closed unread. Something wrong from the peer's address
counts for nothing but this: somebody there is alive.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from hafailover.errors import AddressError
from hafailover.group.events import Event, ReportReceived, SignOfLife
from hafailover.group.report import GroupReport
from hafailover.override import override
from hafailover.runtime.peer_messages import HashAnswer, PeerAnswer, Question, ReportMessage, Taken
from hafailover.runtime.peer_wire import Fault, Side
from hafailover.runtime.settings import NetworkSettings
from hafailover.system.peer_connection import Identity, PeerConnection
from hafailover.system.peer_connections import IncomingConnection, OutgoingConnection

CONNECT_S: Final = 1.0
BACKOFF_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
STRANGERS_MAX: Final = 4
"""So many connections of one network may be unproven at a time; the oldest makes room."""
SIGN_PERIOD_S: Final = 0.25
"""At most so often is the same sign of life told."""


class PeerNetwork:
    """The channel over one network: one listener, one connection out, one in."""

    def __init__(
        self,
        network: NetworkSettings,
        *,
        port: int,
        identity: Identity,
        groups: Iterable[str],
        feed: Callable[[str, Event], None],
    ) -> None:
        self.network = network
        self.on_answer: Callable[[PeerAnswer], None] = _answers_nothing
        """Called with every answer to a question."""
        self.on_question: Callable[[Question, Callable[[PeerAnswer], None]], None] = _refuse
        """Called with every question of the peer, and with what takes the answer."""
        self.refused: Counter[str] = Counter()
        """How often something was refused, by reason."""
        self.received_at: float | None = None
        """When the last report came, on the loop's clock."""
        self._port = port
        self._identity = identity
        self._groups = tuple(groups)
        self._feed = feed
        self._newest: dict[str, GroupReport] = {}
        self._outgoing: OutgoingConnection | None = None
        self._incoming: IncomingConnection | None = None
        self._strangers: list[IncomingConnection] = []
        self._server: asyncio.Server | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._lost = asyncio.Event()
        self._signed_at: dict[str, float] = {}

    @property
    def is_connected_out(self) -> bool:
        """Whether our reports have a way."""
        return self._outgoing is not None and self._outgoing.wire.is_ready

    @property
    def is_connected_in(self) -> bool:
        """Whether the peer's reports have a way."""
        return self._incoming is not None

    async def start(self) -> None:
        """Listen, and begin to connect.

        Raises:
            AddressError: The own address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        address = self.network.own_address
        try:
            self._server = await loop.create_server(
                self._accept, address, self._port, reuse_address=True, backlog=16
            )
        except OSError as error:
            problem = error.strerror or str(error)
            raise AddressError(f"{address} port {self._port}", problem) from error
        self._connecting = loop.create_task(self._stay_connected())

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        for connection in (self._outgoing, self._incoming, *self._strangers):
            if connection is not None:
                connection.abort()

    def send(self, group: str, report: GroupReport) -> None:
        """Send a report as soon as it can be; a newer one takes its place."""
        self._newest[group] = report
        if self._outgoing is not None:
            self._outgoing.flush()
        if self._incoming is not None:
            self._incoming.settle()

    def ask(self, question: Question) -> bool:
        """Send a question; False if there is no way now."""
        return self._outgoing is not None and self._outgoing.ask(question)

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            if await self._connect():
                failures = 0
                await self._lost.wait()
            delay = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            failures += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), delay)
            self._hurry.clear()

    async def _connect(self) -> bool:
        loop = asyncio.get_running_loop()
        self._lost.clear()
        connection = OutgoingConnection(
            self._identity.wire(Side.INITIATOR),
            newest=self._newest,
            owed=self._owed,
            on_answer=self.on_answer,
            on_fault=self._fault,
            on_closed=self._closed_out,
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(
                    lambda: connection,
                    self.network.peer_address,
                    self._port,
                    local_addr=(self.network.own_address, 0),
                )
        except (OSError, TimeoutError):
            connection.abort()
            return False
        self._outgoing = connection
        return True

    def _closed_out(self, connection: PeerConnection) -> None:
        if connection is self._outgoing:
            self._outgoing = None
        self._lost.set()

    def _accept(self) -> "asyncio.Protocol":
        return _Door(self)

    def admit(self, transport: asyncio.Transport, address: str) -> asyncio.Protocol | None:
        """Return the protocol for a connection that came in, or None if it is nobody we know."""
        if not _is_same_host(address, self.network.peer_address):
            self.refused["a connection from an address that is not the peer's"] += 1
            return None
        if len(self._strangers) >= STRANGERS_MAX:
            self._strangers.pop(0).abort()
        connection = IncomingConnection(
            self._identity.wire(Side.RESPONDER),
            on_ready=self._ready_in,
            on_report=self._report,
            on_taken=self._taken,
            on_question=self.on_question,
            on_fault=self._fault,
            on_garbage=self._garbage,
            on_closed=self._closed_in,
        )
        self._strangers.append(connection)
        transport.set_protocol(connection)
        return connection

    def _ready_in(self, connection: IncomingConnection) -> None:
        self._strangers.remove(connection)
        earlier, self._incoming = self._incoming, connection
        if earlier is not None:
            earlier.abort()
        # The peer's agent is there: no reason to wait out a backoff.
        if self._outgoing is None:
            self._hurry.set()

    def _closed_in(self, connection: PeerConnection) -> None:
        if connection is self._incoming:
            self._incoming = None
        if connection in self._strangers:
            self._strangers.remove(connection)

    def _owed(self) -> Taken | None:
        return None if self._incoming is None else self._incoming.owed()

    def _taken(self, said: Taken) -> None:
        if self._outgoing is not None:
            self._outgoing.taken(said)

    def _report(self, message: ReportMessage) -> None:
        if message.group not in self._groups:
            self._garbage(f"a report of the group {message.group}, which this node does not have")
            return
        self.received_at = asyncio.get_running_loop().time()
        self._feed(message.group, ReportReceived(network=self.network.name, report=message.report))

    def _garbage(self, problem: str) -> None:
        self.refused[problem[:200]] += 1
        self._sign("an authentic message that is not understood")

    def _fault(self, fault: Fault) -> None:
        self.refused[fault.value] += 1
        if fault is not Fault.TRUNCATED:
            # A connection that was cut may be the last word of a host that has just died.
            self._sign(fault.value)

    def _sign(self, what: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._signed_at.get(what, float("-inf")) < SIGN_PERIOD_S:
            return
        self._signed_at[what] = now
        for group in self._groups:
            self._feed(group, SignOfLife(network=self.network.name, what=what))


class _Door(asyncio.Protocol):
    """Looks at where a connection comes from before anything else is done for it."""

    def __init__(self, network: PeerNetwork) -> None:
        self._network = network

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        name = transport.get_extra_info("peername")
        admitted = self._network.admit(transport, name[0]) if name else None
        if admitted is None:
            transport.abort()
        else:
            admitted.connection_made(transport)


class PeerChannel:
    """The channel over all networks of this node."""

    def __init__(self, networks: Iterable[PeerNetwork]) -> None:
        self.networks = tuple(networks)

    async def start(self) -> None:
        """Listen and connect on every network."""
        for network in self.networks:
            await network.start()

    async def close(self) -> None:
        """End everything."""
        for network in self.networks:
            await network.close()

    def send(self, group: str, report: GroupReport) -> None:
        """Send the report over every network."""
        for network in self.networks:
            network.send(group, report)


def _answers_nothing(_answer: PeerAnswer) -> None:
    """Nobody asked."""


def _refuse(question: Question, answer: Callable[[PeerAnswer], None]) -> None:
    """Nobody is there who could hash anything."""
    answer(HashAnswer(number=question.number, problem="this node compares nothing"))


def _is_same_host(one: str, other: str) -> bool:
    return _packed(one) == _packed(other)


def _packed(address: str) -> bytes:
    bare = address.partition("%")[0]
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    return socket.inet_pton(family, bare)
