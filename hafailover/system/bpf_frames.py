"""Which VRRP messages are in what bpf(4) read? Pure functions on bytes.

Here everything that the kernel checks before a raw socket gets a packet is checked by ourselves:
the checksum of the IPv4 header, fragments, and whether the packet was for this host at all.
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Final

from hafailover.system.advert_socket import Received, read_ipv4
from hafailover.vrrp.advertisement import PROTOCOL, internet_checksum
from hafailover.vrrp.settings import GROUP_IPV4, GROUP_IPV6, Address, Family

ALIGNMENT: Final = 8
"""BPF_ALIGNMENT, sizeof(long): the next packet begins at a multiple of it."""

_HEAD: Final = struct.Struct("=16xIIH")
"""struct bpf_hdr: a time stamp (two longs), bytes kept, bytes there were, length of this head."""

_ETHERNET: Final = 14
_ETHERTYPE: Final = {Family.IPV4: 0x0800, Family.IPV6: 0x86DD}
_PROTOCOL_AT: Final = {Family.IPV4: _ETHERNET + 9, Family.IPV6: _ETHERNET + 6}
_IPV6_HEADER: Final = 40
_MORE_OR_OFFSET: Final = 0x3FFF
"""Of an IPv4 header's flags and offset: set in every fragment (RFC 791 section 3.1)."""

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06


def program(family: Family) -> bytes:
    """Return the filter that keeps protocol 112 of a family, as struct bpf_insn (net/bpf.h).

    IPv6: only where it follows the fixed header, as every VRRP router sends it.
    """
    instructions = (
        (_LOAD_HALF, 0, 0, 12),
        (_JUMP_IF_EQUAL, 0, 3, _ETHERTYPE[family]),
        (_LOAD_BYTE, 0, 0, _PROTOCOL_AT[family]),
        (_JUMP_IF_EQUAL, 0, 1, PROTOCOL),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    )
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)


def captured(data: bytes) -> Iterator[bytes]:
    """Yield the frames of one read; one that was cut short is left out, and so is a torn end."""
    offset = 0
    while offset + _HEAD.size <= len(data):
        kept, whole, head = _HEAD.unpack_from(data, offset)
        end = offset + head + kept
        if head < _HEAD.size or end > len(data):
            return
        if kept == whole:
            yield data[offset + head : end]
        offset += (head + kept + ALIGNMENT - 1) & -ALIGNMENT


def read_frame(frame: bytes, family: Family, own: Address) -> Received | None:
    """Take the message out of an Ethernet frame; None if there is none for this host."""
    if int.from_bytes(frame[12:14]) != _ETHERTYPE[family]:
        return None
    packet = frame[_ETHERNET:]
    received = _read_ipv4(packet) if family is Family.IPV4 else _read_ipv6(packet)
    if received is None or received.destination not in {GROUP_IPV4, GROUP_IPV6, own}:
        return None
    return received


def _read_ipv4(packet: bytes) -> Received | None:
    received = read_ipv4(packet)
    header = (packet[0] & 0x0F) * 4 if received else 0
    if received is None or len(packet) < int.from_bytes(packet[2:4]) or packet[9] != PROTOCOL:
        return None
    is_fragment = int.from_bytes(packet[6:8]) & _MORE_OR_OFFSET != 0
    return None if is_fragment or internet_checksum(packet[:header]) else received


def _read_ipv6(packet: bytes) -> Received | None:
    """Take an IPv6 packet apart (RFC 8200 section 3)."""
    if len(packet) < _IPV6_HEADER or packet[0] >> 4 != Family.IPV6 or packet[6] != PROTOCOL:
        return None
    end = _IPV6_HEADER + int.from_bytes(packet[4:6])
    if len(packet) < end:
        return None
    return Received(
        payload=packet[_IPV6_HEADER:end],
        source=IPv6Address(packet[8:24]),
        destination=IPv6Address(packet[24:40]),
        ttl=packet[7],
    )
