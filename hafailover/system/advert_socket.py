"""Where do advertisements go out and come in? One raw socket per interface and address family.

Linux and FreeBSD, by raw(7), ip(7), ipv6(7) and ip(4), ip6(4). On FreeBSD the kernel keeps protocol
112 to itself while if_carp is loaded: then nothing arrives here (``hafailover check`` says so).
"""

import contextlib
import errno
import socket
import struct
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from hafailover.errors import EdgeError, NotPermittedError
from hafailover.system.frame_set import Outgoing
from hafailover.vrrp.advertisement import PROTOCOL, TTL
from hafailover.vrrp.settings import GROUP_IPV4, GROUP_IPV6, Address, Family

PACKETS_MAX: Final = 64
"""So many packets are taken at one wake-up: a flood must not keep the loop from its timers."""

_PACKET_SIZE: Final = 4096
"""A message with 255 IPv6 addresses has 4088 bytes; whatever is longer is cut, and refused."""

_CONTROL_SIZE: Final = 256
_TOS: Final = 0xC0
_RECEIVE_BUFFER: Final = 256 << 10
_FREEBSD_IP_RECVIF: Final = 20


class WireError(EdgeError):
    """The raw socket of an interface could not be set up or used."""

    def __init__(
        self, interface: str, problem: str, *, hint: str = "", is_lost: bool = False
    ) -> None:
        """Say what is wrong; ``is_lost`` if it stays so until the socket is opened anew."""
        super().__init__(f"VRRP on {interface}: {problem}", hint=hint)
        self.interface = interface
        self.is_lost = is_lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it came, with what the IP header said."""

    payload: bytes
    source: Address
    destination: Address
    ttl: int


class AdvertSocket:
    """Sends and receives the VRRP messages of one family on one interface; never blocks."""

    def __init__(self, interface: str, family: Family, primary_address: Address) -> None:
        """Open the socket and join the multicast group.

        Raises:
            NotPermittedError: raw sockets need root.
            WireError: there is no such interface, or it has no multicast.
        """
        self.interface = interface
        self.family = family
        self._primary_address = primary_address
        try:
            self._index = socket.if_nametoindex(interface)
            self._socket = socket.socket(
                socket.AF_INET if family is Family.IPV4 else socket.AF_INET6,
                socket.SOCK_RAW,
                PROTOCOL,
            )
        except PermissionError as error:
            raise NotPermittedError("opening a raw socket for VRRP") from error
        except OSError as error:
            raise WireError(interface, str(error)) from error
        try:
            self._configure()
        except OSError as error:
            self._socket.close()
            raise WireError(interface, f"cannot set up the raw socket: {error}") from error

    def fileno(self) -> int:
        """Return the descriptor that is readable when a message is there."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave the group and close the socket."""
        self._socket.close()

    def send(self, outgoing: Outgoing) -> None:
        """Send one advertisement.

        Raises:
            WireError: the system did not take it; the next one may go out again.
        """
        target = str(outgoing.destination)
        try:
            if self.family is Family.IPV4:
                self._socket.sendto(outgoing.data, (target, 0))
                return
            # The checksum covers the source address, so the system must not choose another one.
            source = struct.pack("=16sI", self._primary_address.packed, self._index)
            control = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)]
            self._socket.sendmsg([outgoing.data], control, 0, (target, 0, 0, self._index))
        except OSError as error:
            # Linux says so of an index that no interface has any more.
            is_lost = error.errno in {errno.ENODEV, errno.ENXIO}
            problem = f"cannot send: {error}"
            raise WireError(self.interface, problem, is_lost=is_lost) from error

    def receive(self) -> list[Received]:
        """Take what is there, at most ``PACKETS_MAX`` messages.

        Raises:
            WireError: the socket reports an error, such as the interface being down.
        """
        taken: list[Received] = []
        for _ in range(PACKETS_MAX):
            try:
                data, control, _flags, source = self._socket.recvmsg(_PACKET_SIZE, _CONTROL_SIZE)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                # What was taken before counts; a lasting error comes back at the next wake-up.
                if taken or error.errno == errno.ENETDOWN:
                    break
                raise WireError(self.interface, f"cannot receive: {error}") from error
            message = (
                self._read_ipv4(data, control)
                if self.family is Family.IPV4
                else self._read_ipv6(data, control, str(source[0]))
            )
            if message is not None:
                taken.append(message)
        return taken

    def _configure(self) -> None:
        self._socket.settimeout(0)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if sys.platform == "linux":
            name = self.interface.encode() + b"\0"
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        if self.family is Family.IPV4:
            self._configure_ipv4()
        else:
            self._configure_ipv6()

    def _configure_ipv4(self) -> None:
        level = socket.IPPROTO_IP
        # struct ip_mreqn: group, own address, index of the interface.
        ours = self._primary_address.packed
        membership = struct.pack("=4s4si", GROUP_IPV4.packed, ours, self._index)
        interface = struct.pack("=4s4si", bytes(4), ours, self._index)
        self._socket.setsockopt(level, socket.IP_HDRINCL, 1)
        self._socket.setsockopt(level, socket.IP_ADD_MEMBERSHIP, membership)
        self._socket.setsockopt(level, socket.IP_MULTICAST_IF, interface)
        # FreeBSD writes it into the header of every multicast packet, into one of ours too; it is 1 unless set.
        self._socket.setsockopt(level, socket.IP_MULTICAST_TTL, TTL)
        self._socket.setsockopt(level, socket.IP_MULTICAST_LOOP, 0)
        if sys.platform != "linux":
            self._socket.setsockopt(level, _FREEBSD_IP_RECVIF, 1)

    def _configure_ipv6(self) -> None:
        level = socket.IPPROTO_IPV6
        membership = struct.pack("=16sI", GROUP_IPV6.packed, self._index)
        self._socket.setsockopt(level, socket.IPV6_JOIN_GROUP, membership)
        for option, value in (
            (socket.IPV6_MULTICAST_IF, self._index),
            (socket.IPV6_MULTICAST_LOOP, 0),
            (socket.IPV6_MULTICAST_HOPS, TTL),
            (socket.IPV6_UNICAST_HOPS, TTL),
            (socket.IPV6_TCLASS, _TOS),
            (socket.IPV6_RECVPKTINFO, 1),
            (socket.IPV6_RECVHOPLIMIT, 1),
        ):
            self._socket.setsockopt(level, option, value)

    def _read_ipv4(self, data: bytes, control: list[tuple[int, int, bytes]]) -> Received | None:
        for level, kind, value in control:
            arrived_by = level == socket.IPPROTO_IP and kind == _FREEBSD_IP_RECVIF
            # struct sockaddr_dl: length, family, index of the interface.
            if arrived_by and int.from_bytes(value[2:4], sys.byteorder) != self._index:
                return None
        return read_ipv4(data)

    def _read_ipv6(
        self, data: bytes, control: list[tuple[int, int, bytes]], source: str
    ) -> Received | None:
        destination, ttl = None, 0
        for level, kind, value in control:
            if level != socket.IPPROTO_IPV6:
                continue
            if kind == socket.IPV6_PKTINFO:
                packed, index = struct.unpack("=16sI", value[:20])
                destination = IPv6Address(packed) if index == self._index else None
            elif kind == socket.IPV6_HOPLIMIT:
                ttl = int.from_bytes(value[:4], sys.byteorder)
        if destination is None:
            return None
        return Received(
            payload=data,
            source=IPv6Address(source.partition("%")[0]),
            destination=destination,
            ttl=ttl,
        )


def read_ipv4(packet: bytes) -> Received | None:
    """Take an IPv4 packet apart (RFC 791 section 3.1); None if it is not one.

    What stands behind the length of the header is padding and no part of the message.
    """
    if len(packet) < 20 or packet[0] >> 4 != Family.IPV4:
        return None
    header, total = (packet[0] & 0x0F) * 4, int.from_bytes(packet[2:4])
    if not 20 <= header <= total:
        return None
    return Received(
        payload=packet[header:total],
        source=IPv4Address(packet[12:16]),
        destination=IPv4Address(packet[16:20]),
        ttl=packet[8],
    )
