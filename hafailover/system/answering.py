"""Answers for virtual addresses that are on no interface: ARP and neighbour discovery, nothing else.

The kernel knows nothing of such an address, so whoever sends to it gets no answer from this host; and
when the agent is gone, nobody answers for it any more. Linux is listened to through packet(7), FreeBSD
through bpf(4).
"""

import array
import os
import socket
import struct
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv6Address
from typing import Final, Protocol

from hafailover.errors import EdgeError, NotPermittedError
from hafailover.system import bpf_frames
from hafailover.system.advert_socket import PACKETS_MAX, WireError
from hafailover.system.bpf import Bpf
from hafailover.system.hardware_addresses import has_netlink
from hafailover.system.neighbour_filter import ETHERTYPE, program
from hafailover.vrrp.neighbours import answer, solicited_group
from hafailover.vrrp.settings import Address, Family

_SO_ATTACH_FILTER: Final = 26
"""Of Linux, asm-generic/socket.h."""
_PROGRAM: Final = struct.Struct("@HP")
"""struct sock_fprog, linux/filter.h."""
_FRAME_SIZE: Final = 2048
_INSTRUCTION: Final = 8


class FrameDoor(Protocol):
    """Where frames of one kind come in and go out."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when one is there."""
        ...

    def receive(self) -> list[bytes]:
        """Take what is there, a bounded number, or raise ``EdgeError``; never blocks."""
        ...

    def send(self, frame: bytes) -> None:
        """Send one, or raise ``EdgeError``."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class PacketDoor:
    """Frames of a Linux interface."""

    def __init__(self, interface: str, kind: int, instructions: bytes) -> None:
        """Open a socket for frames of ``kind`` that pass a filter.

        Raises:
            NotPermittedError: Packet sockets need root.
            WireError: There is no such interface.
        """
        self.interface = interface
        try:
            # Of no protocol until the filter is there: nothing else gets in before.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise NotPermittedError("opening a packet socket for answers") from error
        try:
            self._socket.settimeout(0)
            kept = array.array("B", instructions)
            words = _PROGRAM.pack(len(instructions) // _INSTRUCTION, kept.buffer_info()[0])
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, words)
            self._socket.bind((interface, kind))
        except OSError as error:
            self._socket.close()
            raise WireError(interface, f"cannot answer: {error}") from error

    def fileno(self) -> int:
        """Return the descriptor that is readable when one is there."""
        return self._socket.fileno()

    def receive(self) -> list[bytes]:
        """Take what is there, at most ``PACKETS_MAX`` frames.

        Raises:
            WireError: The interface is down.
        """
        taken: list[bytes] = []
        while len(taken) < PACKETS_MAX:
            try:
                taken.append(self._socket.recv(_FRAME_SIZE))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if taken:
                    break
                raise WireError(self.interface, f"cannot hear questions: {error}") from error
        return taken

    def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            WireError: The system did not take it.
        """
        try:
            self._socket.send(frame)
        except OSError as error:
            raise WireError(self.interface, f"cannot answer: {error}") from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class BpfDoor:
    """Frames of a FreeBSD interface."""

    def __init__(self, interface: str, instructions: bytes) -> None:
        """Open an instance of bpf with a filter.

        Raises:
            NotPermittedError: /dev/bpf belongs to root.
            WireError: There is no such interface.
        """
        self.interface = interface
        self._bpf = Bpf(interface, os.O_RDWR)
        self._bpf.for_both(instructions)

    def fileno(self) -> int:
        """Return the descriptor that is readable when one is there."""
        return self._bpf.descriptor

    def receive(self) -> list[bytes]:
        """Take what is there, a few buffers at most.

        Raises:
            WireError: The interface is gone.
        """
        taken: list[bytes] = []
        for data in self._bpf.buffers("cannot hear questions"):
            taken += bpf_frames.captured(data)
            if len(taken) >= PACKETS_MAX:
                break
        return taken

    def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            WireError: The system did not take it.
        """
        try:
            os.write(self._bpf.descriptor, frame)
        except OSError as error:
            raise WireError(self.interface, f"cannot answer: {error}") from error

    def close(self) -> None:
        """Close the instance."""
        self._bpf.close()


def open_door(interface: str, family: Family, addresses: Sequence[Address]) -> FrameDoor:
    """Open where the questions for addresses of one family come in.

    Raises:
        EdgeError: It cannot be opened.
    """
    instructions = program(family, addresses)
    if has_netlink():
        return PacketDoor(interface, ETHERTYPE[family], instructions)
    return BpfDoor(interface, instructions)


class Answerer:
    """Answers for addresses of one family on one interface until it is closed."""

    def __init__(
        self, interface: str, addresses: Sequence[Address], mac: str, say: Callable[[str], None]
    ) -> None:
        """Begin to listen; ``readable`` is to be called whenever ``fileno`` is.

        Args:
            interface: Where.
            addresses: All of one family.
            mac: The interface's own.
            say: Told once what the system refuses.

        Raises:
            EdgeError: It cannot be listened.
        """
        self.interface = interface
        self._addresses: Collection[Address] = frozenset(addresses)
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._say = say
        self._said = ""
        self._door = open_door(interface, Family(addresses[0].version), addresses)
        try:
            self._member = _join(interface, addresses)
        except OSError as error:
            self._door.close()
            raise WireError(interface, f"cannot join the groups of questions: {error}") from error

    def fileno(self) -> int:
        """Return the descriptor that is readable when somebody asks."""
        return self._door.fileno()

    def readable(self) -> None:
        """Answer what was asked."""
        try:
            for frame in self._door.receive():
                said = answer(frame, self._addresses, self._mac)
                if said is not None:
                    self._door.send(said)
            self._said = ""
        except EdgeError as error:
            # Said when it begins: a question on an interface that is down would say it again.
            if self._said != error.message:
                self._said = error.message
                self._say(error.message)

    def close(self) -> None:
        """Leave the questions to others."""
        self._door.close()
        if self._member is not None:
            self._member.close()


def _join(interface: str, addresses: Sequence[Address]) -> socket.socket | None:
    """Have the card let in what is sent to the groups of IPv6 questions, for as long as the socket lives.

    Raises:
        OSError: The system does not take part in such a group.
    """
    groups = {solicited_group(each) for each in addresses if isinstance(each, IPv6Address)}
    if not groups:
        return None
    index = struct.pack("@I", socket.if_nametoindex(interface))
    member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        for group in groups:
            member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + index)
    except OSError:
        member.close()
        raise
    return member
