"""What is answered to a host that asks for a virtual address which no interface here has?

A Master that does not accept what is sent to its addresses (Accept_Mode False, RFC 9568 section 6.1)
still answers ARP requests and neighbour solicitations for them (section 6.4.3). With the address on no
interface the kernel does neither, so both are read and answered here, as bytes of Ethernet frames.
"""

import struct
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from hafailover.vrrp.advertisement import TTL, internet_checksum
from hafailover.vrrp.settings import Address

ETHERNET: Final = 14
"""Bytes in front of the packet: target, source, type."""

ARP: Final = 0x0806
IPV6: Final = 0x86DD
ICMPV6: Final = 58
SOLICITATION: Final = 135

_ADVERTISEMENT: Final = 136
_ARP_BODY: Final = struct.Struct("!HHBBH6s4s6s4s")
_ARP_OF_IPV4: Final = (1, 0x0800, 6, 4)
"""Ethernet, IPv4, and the sizes of their addresses (RFC 826)."""

_REQUEST: Final = 1
_REPLY: Final = 2
_GROUP_BIT: Final = 0x01
_IPV6_HEADER: Final = 40
_SOLICITATION_SIZE: Final = 24
"""Of a neighbour solicitation without options (RFC 4861 section 4.3)."""

_SOURCE_LINK_ADDRESS: Final = 1
_TARGET_LINK_ADDRESS: Final = 2
_ROUTER: Final = 0x80
_SOLICITED: Final = 0x40
_OVERRIDE: Final = 0x20
_NOBODY: Final = IPv6Address("::")
_ALL_NODES: Final = IPv6Address("ff02::1")
_ALL_NODES_MAC: Final = bytes.fromhex("333300000001")


def answer(frame: bytes, addresses: Collection[Address], mac: bytes) -> bytes | None:
    """Return the frame that answers a question for one of ``addresses``; None for everything else.

    Args:
        frame: As it came, from the Ethernet header on.
        addresses: The virtual addresses that are answered for.
        mac: The interface's own MAC address, six bytes.
    """
    # An interface that somebody listens on with tcpdump(1) shows what was sent to others, too.
    if len(frame) < ETHERNET or not (frame[:6] == mac or frame[0] & _GROUP_BIT):
        return None
    kind = int.from_bytes(frame[12:14])
    if kind == ARP:
        return _answer_arp(frame[ETHERNET:], addresses, mac)
    if kind == IPV6:
        return _answer_solicitation(frame[ETHERNET:], frame[6:12], addresses, mac)
    return None


def solicited_group(address: IPv6Address) -> IPv6Address:
    """Return the multicast group that questions for an address go to (RFC 4291 section 2.7.1)."""
    return IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + address.packed[13:])


def _answer_arp(packet: bytes, addresses: Collection[Address], mac: bytes) -> bytes | None:
    if len(packet) < _ARP_BODY.size:
        return None
    asker_mac, asker, target = packet[8:14], packet[14:18], packet[24:28]
    question = _ARP_BODY.pack(*_ARP_OF_IPV4, _REQUEST, asker_mac, asker, packet[18:24], target)
    if packet[: _ARP_BODY.size] != question or asker_mac[0] & _GROUP_BIT:
        return None
    # Who asks for the address that it says it has announces it: another Master, for a moment.
    if asker == target or IPv4Address(target) not in addresses:
        return None
    body = _ARP_BODY.pack(*_ARP_OF_IPV4, _REPLY, mac, target, asker_mac, asker)
    return asker_mac + mac + ARP.to_bytes(2) + body


def _answer_solicitation(
    packet: bytes, source_mac: bytes, addresses: Collection[Address], mac: bytes
) -> bytes | None:
    """Answer what passes the checks of RFC 4861 section 7.1.1."""
    size = int.from_bytes(packet[4:6])
    message = packet[_IPV6_HEADER : _IPV6_HEADER + size]
    if len(packet) < _IPV6_HEADER or len(message) < max(size, _SOLICITATION_SIZE):
        return None
    asker, destination = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    if packet[6] != ICMPV6 or packet[7] != TTL or message[:2] != bytes((SOLICITATION, 0)):
        return None
    target = IPv6Address(message[8:24])
    options = _options(message[_SOLICITATION_SIZE:])
    if target not in addresses or options is None or _checksum(asker, destination, message):
        return None
    asker_mac = options.get(_SOURCE_LINK_ADDRESS, source_mac)
    if asker == _NOBODY:
        # Somebody looks whether the address is free (RFC 4862 section 5.4): everybody hears that it is not.
        if _SOURCE_LINK_ADDRESS in options or destination != solicited_group(target):
            return None
        return _advertisement(target, _ALL_NODES, _ALL_NODES_MAC, mac)
    if asker_mac[0] & _GROUP_BIT or asker.is_multicast:
        return None
    return _advertisement(target, asker, asker_mac, mac)


def _options(data: bytes) -> dict[int, bytes] | None:
    """Return the MAC addresses of the options by their type; None if the options are no such."""
    found: dict[int, bytes] = {}
    while data:
        size = data[1] * 8 if len(data) > 1 else 0
        if size == 0 or size > len(data):
            return None
        found.setdefault(data[0], data[2:8])
        data = data[size:]
    return found


def _advertisement(target: IPv6Address, to: IPv6Address, to_mac: bytes, mac: bytes) -> bytes:
    """Build a neighbour advertisement (RFC 4861 section 4.4): a router's, and it replaces what was known."""
    flags = _ROUTER | _OVERRIDE | (0 if to == _ALL_NODES else _SOLICITED)
    link = bytes((_TARGET_LINK_ADDRESS, 1)) + mac
    rest = struct.pack("!B3x", flags) + target.packed + link
    blank = bytes((_ADVERTISEMENT, 0, 0, 0)) + rest
    message = blank[:2] + _checksum(target, to, blank).to_bytes(2) + rest
    header = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, TTL) + target.packed + to.packed
    return to_mac + mac + IPV6.to_bytes(2) + header + message


def _checksum(source: IPv6Address, destination: IPv6Address, message: bytes) -> int:
    """Return the checksum of an ICMPv6 message (RFC 4443 section 2.3); 0 over one that is right."""
    pseudo = source.packed + destination.packed + struct.pack("!II", len(message), ICMPV6)
    return internet_checksum(pseudo + message)
