"""What do both directions of the peer channel share: the wire, the deadline of the handshake, the end?"""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hafailover.override import override
from hafailover.runtime.peer_wire import (
    NONCE_BYTES,
    Broken,
    Fault,
    Message,
    Output,
    PeerWire,
    Ready,
    Send,
    Side,
)

HANDSHAKE_S: Final = 1.0
"""Whoever has not proved itself by then is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who speaks to whom, with which key."""

    node: str
    peer: str
    key: bytes

    def wire(self, side: Side) -> PeerWire:
        """Return one side of a fresh connection."""
        nonce = os.urandom(NONCE_BYTES)
        return PeerWire(side, key=self.key, node=self.node, peer=self.peer, nonce=nonce)


class PeerConnection(asyncio.Protocol):
    """What both directions share: the wire, the deadline of the handshake, the end."""

    def __init__(
        self,
        wire: PeerWire,
        *,
        on_fault: Callable[[Fault], None],
        on_closed: Callable[["PeerConnection"], None],
    ) -> None:
        self.wire = wire
        self.transport: asyncio.Transport | None = None
        self.agreed: Ready | None = None
        self._on_fault = on_fault
        self._on_closed = on_closed
        self._deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        connected: socket.socket | None = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(HANDSHAKE_S, self.abort)
        transport.write(self.wire.begin())

    @override
    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._take(self.wire.receive(data))

    @override
    def eof_received(self) -> None:
        """Take note that the other side ended."""
        self._take(self.wire.end())

    @override
    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell that it is over."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_closed(self)

    def abort(self) -> None:
        """End the connection now, without any courtesy that could wait."""
        if self.transport is not None:
            self.transport.abort()

    def became_ready(self) -> None:
        """The other side has proved itself."""

    def got(self, payload: bytes) -> None:
        """Take an authentic payload."""

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send(data=data):
                    if self.transport is not None:
                        self.transport.write(data)
                case Ready():
                    self.agreed = output
                    if self._deadline is not None:
                        self._deadline.cancel()
                    self.became_ready()
                case Message(payload=payload):
                    self.got(payload)
                case Broken(fault=fault):
                    self._on_fault(fault)
                    self.abort()
