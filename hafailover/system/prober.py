"""Which hosts live, whatever their agents do?

A host that answers an ICMP echo lives; so does one whose kernel refuses a TCP connection to the
port of the peer channel, or accepts it. The ping targets are asked by ICMP. All echoes are asked for at
once; only a host that does not answer soon is tried by TCP too, which costs both sides far more. Whoever
has not answered within the deadline has not answered; once all have, nothing more is waited for. An echo
that comes back wakes nobody: it is read when the agent is awake anyway, or when its time is over.
"""

import asyncio
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from hafailover.group.events import Event, ProbeFinished
from hafailover.vrrp.advertisement import internet_checksum

DEADLINE_S: Final = 0.3
KNOCK_S: Final = 0.1
"""So long an echo may take before a connection is tried."""
_ECHO: Final = struct.Struct("!BBHHH")
_ECHO_REQUEST: Final = {4: 8, 6: 128}
_ECHO_REPLY: Final = {4: 0, 6: 129}
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
"""Of Linux alone, raw(7)."""
_ALL_BUT_REPLIES: Final = struct.pack("=I", 0xFFFFFFFF ^ (1 << _ECHO_REPLY[4]))
_PACKETS_MAX: Final = 512
"""So many are taken in one look: what the buffer holds, and a flood costs no more than some milliseconds."""
_PACKET_BYTES: Final = 2048
_RECEIVE_BUFFER: Final = 256 << 10
"""Between two looks a flood must not drive out what is waited for."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPlace:
    """Where the peer's host is on one network."""

    network: str
    own_address: str
    peer_address: str
    port: int


@dataclass(slots=True, eq=False)
class _Probing:
    """One probe under way."""

    group: str
    probe_id: int
    hosts: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    knocking: set[socket.socket] = field(default_factory=set)
    numbers: list[tuple[int, int]] = field(default_factory=list)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class _Echo:
    """One raw socket of one address family; answers are matched by identifier and number."""

    def __init__(self, version: int) -> None:
        family, protocol = (
            (socket.AF_INET, socket.IPPROTO_ICMP)
            if version == 4
            else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        )
        self._version = version
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._identifier = int.from_bytes(os.urandom(2))
        self._number = 0
        self._waiting: dict[int, tuple[Address, Callable[[], None]]] = {}
        if version == 4 and sys.platform == "linux":
            # As FreeBSD does: nobody is woken up by what others ask of this host.
            self._socket.setsockopt(_SOL_RAW, _ICMP_FILTER, _ALL_BUT_REPLIES)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    def ask(self, address: Address, answered: Callable[[], None]) -> int:
        """Send one echo request; returns its number, to be forgotten later."""
        self._number = (self._number + 1) & 0xFFFF
        self._waiting[self._number] = (address, answered)
        kind = _ECHO_REQUEST[self._version]
        bare = _ECHO.pack(kind, 0, 0, self._identifier, self._number)
        # Over IPv6 the kernel fills the checksum in (RFC 3542 section 3.1).
        checksum = internet_checksum(bare) if self._version == 4 else 0
        packet = _ECHO.pack(kind, 0, checksum, self._identifier, self._number)
        try:
            self._socket.sendto(packet, (str(address), 0))
        except OSError:
            # No route, or the interface is down: that is an answer that never comes.
            return self._number
        return self._number

    def forget(self, number: int) -> None:
        """Wait for this answer no longer."""
        self._waiting.pop(number, None)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> None:
        """Take what has come back."""
        for _ in range(_PACKETS_MAX):
            try:
                packet, source = self._socket.recvfrom(_PACKET_BYTES)
            except OSError:
                return
            # A raw IPv4 socket gives the IP header too (ip(4)), an IPv6 one does not.
            start = (packet[0] & 0x0F) * 4 if self._version == 4 and packet else 0
            self._take(packet[start:], str(source[0]))

    def _take(self, message: bytes, source: str) -> None:
        if len(message) < _ECHO.size:
            return
        kind, code, _, identifier, number = _ECHO.unpack_from(message)
        if (kind, code, identifier) != (_ECHO_REPLY[self._version], 0, self._identifier):
            return
        address, answered = self._waiting.get(number, (None, None))
        if answered is not None and ip_address(source.partition("%")[0]) == address:
            self.forget(number)
            answered()


class ProberPort:
    """Probes for all groups."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        places: tuple[PeerPlace, ...],
        targets: tuple[str, ...],
        feed: Callable[[str, Event], None],
    ) -> None:
        """Open the raw sockets that are needed.

        Raises:
            PermissionError: Raw sockets need root.
        """
        self._loop = loop
        self._places = places
        self._targets = targets
        self._feed = feed
        wanted = [*(place.peer_address for place in places), *targets]
        versions = {ip_address(address).version for address in wanted}
        self._under_way: set[_Probing] = set()
        self._echoes: dict[int, _Echo] = {version: _Echo(version) for version in versions}

    def probe(self, group: str, probe_id: int) -> None:
        """Probe; ``ProbeFinished`` follows when all have answered, at the deadline at the latest."""
        for echo in self._echoes.values():
            # What nobody waits for takes the room of what will be.
            echo.read()
        probing = _Probing(group, probe_id)
        self._under_way.add(probing)
        for place in self._places:
            self._echo(probing, place.peer_address, probing.hosts, place.network)
        for target in self._targets:
            self._echo(probing, target, probing.targets, target)
        if self._places:
            probing.timers.append(self._loop.call_later(KNOCK_S, self._knock_where_silent, probing))
        probing.timers.append(self._loop.call_later(DEADLINE_S, self._expire, probing))

    def read(self) -> None:
        """Take what has come back; to be called whenever the agent is awake."""
        if self._under_way:
            for echo in self._echoes.values():
                echo.read()

    def close(self) -> None:
        """Close the sockets."""
        for echo in self._echoes.values():
            echo.close()

    def _echo(self, probing: _Probing, address: str, answered: set[str], word: str) -> None:
        parsed = ip_address(address)
        number = self._echoes[parsed.version].ask(
            parsed, lambda: self._found(probing, answered, word)
        )
        probing.numbers.append((parsed.version, number))

    def _found(self, probing: _Probing, answered: set[str], word: str) -> None:
        answered.add(word)
        hosts = {place.network for place in self._places}
        if probing.hosts == hosts and probing.targets == set(self._targets):
            self._finish(probing)

    def _expire(self, probing: _Probing) -> None:
        self.read()
        if probing in self._under_way:
            self._finish(probing)

    def _knock_where_silent(self, probing: _Probing) -> None:
        self.read()
        if probing not in self._under_way:
            return
        for place in self._places:
            if place.network not in probing.hosts:
                self._knock(probing, place)

    def _knock(self, probing: _Probing, place: PeerPlace) -> None:
        """Try to connect: a refusal comes from the kernel of a host that lives."""
        family = socket.AF_INET6 if ":" in place.peer_address else socket.AF_INET
        link = socket.socket(family, socket.SOCK_STREAM)
        link.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            link.bind((place.own_address, 0))
            result = link.connect_ex((place.peer_address, place.port))
        except OSError as error:
            result = error.errno or errno.EIO
        if result == errno.EINPROGRESS:
            probing.knocking.add(link)
            self._loop.add_writer(link, self._knocked, probing, link, place.network)
            return
        link.close()
        if result in (0, errno.ECONNREFUSED):
            self._found(probing, probing.hosts, place.network)

    def _knocked(self, probing: _Probing, link: socket.socket, network: str) -> None:
        result = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._give_up(probing, link)
        if result in (0, errno.ECONNREFUSED):
            self._found(probing, probing.hosts, network)

    def _give_up(self, probing: _Probing, link: socket.socket) -> None:
        probing.knocking.discard(link)
        self._loop.remove_writer(link)
        link.close()

    def _finish(self, probing: _Probing) -> None:
        self._under_way.discard(probing)
        for timer in probing.timers:
            timer.cancel()
        for version, number in probing.numbers:
            self._echoes[version].forget(number)
        for link in tuple(probing.knocking):
            self._give_up(probing, link)
        event = ProbeFinished(
            id=probing.probe_id,
            peer_host=tuple(sorted(probing.hosts)),
            targets=len(probing.targets) if self._targets else None,
        )
        self._feed(probing.group, event)
