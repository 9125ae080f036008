"""What does a received VRRP message say, if it says anything?

Layout in network byte order, version 2 (RFC 3768 section 5.1) above 3 (RFC 9568 section 5.1)::

    byte 0        1      2         3      4          5         6..7      8..
         ver|type vrid   priority  count  auth type  seconds   checksum  addresses, 8 bytes of
                                                                         authentication
         ver|type vrid   priority  count  0|centiseconds (12)  checksum  addresses

The checks stand in the order of RFC 9568 section 7.1. Lengths must fit exactly, as keepalived and
FRR demand it too: a CARP message passes for a version 2 one of priority 0 in all but its length.
"""

import struct
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.settings import PASSWORD_SIZE, Address, Version

PROTOCOL: Final = 112
"""IP protocol number of VRRP (and of CARP)."""

TTL: Final = 255
"""A router would have decremented it, so 255 proves a sender on this link (section 5.1.1.3)."""

TYPE_ADVERTISEMENT: Final = 1

_HEADER: Final = struct.Struct("!BBBBHH")
_CARP_SIZE: Final = 36
_CARP_AUTHLEN: Final = 7


class Defect(Enum):
    """Why bytes are not an advertisement; the value is the sentence for people."""

    TTL = "the time to live is not 255: the packet crossed a router"
    TOO_SHORT = "the message is shorter than its header"
    VERSION = "the version is neither 2 nor 3, or 2 over IPv6"
    TYPE = "the message type is not advertisement"
    CARP = "this is a CARP message: another protocol with the same number and multicast group"
    LENGTH = "the message is not exactly as long as its address count says"
    CHECKSUM = "the checksum is wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Bytes that are not an advertisement, with as much of them as could be read."""

    defect: Defect
    source: Address
    version: int | None
    """The version nibble, None if not even that was there."""

    vrid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """A well-formed advertisement; whether it counts is decided in ``acceptance``."""

    version: Version
    vrid: int
    priority: int
    interval_ns: int
    """The sender's interval; 0 is possible here and refused later (erratum 8301)."""

    addresses: tuple[Address, ...]
    source: Address
    destination: Address
    auth_type: int = 0
    """Version 2 only: 0 none, 1 simple text, 2 authentication header (RFC 2338 section 5.3.6)."""

    authentication: bytes = b""
    """Version 2 only: the eight bytes after the addresses."""


def decode(
    payload: bytes, *, source: Address, destination: Address, ttl: int
) -> Advertisement | Malformed:
    """Read a VRRP message as it came after the IP header. Never raises.

    Args:
        payload: the bytes that the IP length covers, without the IP header.
        source: of the IP packet.
        destination: of the IP packet.
        ttl: time to live or hop limit on arrival.
    """
    defect = _defect(payload, source, destination, ttl)
    if defect is None:
        return _read(payload, source, destination)
    return Malformed(
        defect=defect,
        source=source,
        version=payload[0] >> 4 if payload else None,
        vrid=payload[1] if len(payload) > 1 else None,
    )


def internet_checksum(data: bytes) -> int:
    """Return the 16-bit one's complement of the one's complement sum (RFC 1071).

    Over data that contains its own correct checksum the result is 0.
    """
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo_header(source: Address, destination: Address, length: int) -> bytes:
    """Return what a version 3 checksum covers in front of the message (RFC 5798 section 5.2.8)."""
    if isinstance(source, IPv4Address):
        tail = struct.pack("!BBH", 0, PROTOCOL, length)
    else:
        tail = struct.pack("!II", length, PROTOCOL)
    return source.packed + destination.packed + tail


def _defect(payload: bytes, source: Address, destination: Address, ttl: int) -> Defect | None:
    if ttl != TTL:
        return Defect.TTL
    if len(payload) < _HEADER.size:
        return Defect.TOO_SHORT
    version, kind = payload[0] >> 4, payload[0] & 0x0F
    if version not in (Version.V2, Version.V3) or (
        version == Version.V2 and isinstance(source, IPv6Address)
    ):
        return Defect.VERSION
    if kind != TYPE_ADVERTISEMENT:
        return Defect.TYPE
    if len(payload) != _expected_length(payload, source):
        is_carp = version == Version.V2 and len(payload) == _CARP_SIZE
        return Defect.CARP if is_carp and payload[3] == _CARP_AUTHLEN else Defect.LENGTH
    return None if _checksum_fits(payload, source, destination) else Defect.CHECKSUM


def _expected_length(payload: bytes, source: Address) -> int:
    trailer = PASSWORD_SIZE if payload[0] >> 4 == Version.V2 else 0
    return _HEADER.size + payload[3] * len(source.packed) + trailer


def _checksum_fits(payload: bytes, source: Address, destination: Address) -> bool:
    if isinstance(source, IPv4Address) and internet_checksum(payload) == 0:
        return True
    if payload[0] >> 4 == Version.V2:
        return False
    return internet_checksum(pseudo_header(source, destination, len(payload)) + payload) == 0


def _read(payload: bytes, source: Address, destination: Address) -> Advertisement:
    first, vrid, priority, count, timing, _checksum = _HEADER.unpack_from(payload)
    version = Version(first >> 4)
    size = len(source.packed)
    end = _HEADER.size + count * size
    kind = type(source)
    addresses = tuple(
        kind(payload[start : start + size]) for start in range(_HEADER.size, end, size)
    )
    if version is Version.V2:
        auth_type, interval_ns = timing >> 8, (timing & 0xFF) * SECOND
    else:
        auth_type, interval_ns = 0, (timing & 0x0FFF) * CENTISECOND
    return Advertisement(
        version=version,
        vrid=vrid,
        priority=priority,
        interval_ns=interval_ns,
        addresses=addresses,
        source=source,
        destination=destination,
        auth_type=auth_type,
        authentication=payload[end:],
    )
