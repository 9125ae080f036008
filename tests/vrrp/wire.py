"""Messages written down field by field, independent of the package and of scapy."""

import struct
from ipaddress import IPv4Address, ip_address

from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import GROUP_IPV4, Address, Family, RouterSettings, Version

OURS = IPv4Address("192.0.2.1")
LOWER = IPv4Address("192.0.2.0")
THEIRS = IPv4Address("192.0.2.2")
VIRTUAL = (IPv4Address("192.0.2.100"),)
OURS_6 = ip_address("fe80::1")
THEIRS_6 = ip_address("fe80::2")
VIRTUAL_6 = (ip_address("fe80::64"), ip_address("2001:db8::64"))


def checksum(data: bytes) -> int:
    """RFC 1071, the slow way."""
    total = 0
    for high, low in zip(data[::2], data[1::2], strict=True):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v2(
    *,
    vrid: int = 51,
    priority: int = 100,
    addresses: tuple[Address, ...] = VIRTUAL,
    seconds: int = 1,
    auth_type: int = 0,
    authentication: bytes = bytes(8),
) -> bytes:
    """Build a version 2 message."""
    head = bytes([0x21, vrid, priority, len(addresses), auth_type, seconds])
    tail = b"".join(address.packed for address in addresses) + authentication
    return head + checksum(head + bytes(2) + tail).to_bytes(2) + tail


def v3(
    *,
    vrid: int = 51,
    priority: int = 100,
    addresses: tuple[Address, ...] = VIRTUAL,
    centiseconds: int = 100,
    source: Address = THEIRS,
    destination: Address = GROUP_IPV4,
    pseudo: bool = True,
) -> bytes:
    """Build a version 3 message, with the checksum of RFC 5798 or of RFC 9568."""
    head = struct.pack("!BBBBH", 0x31, vrid, priority, len(addresses), centiseconds)
    tail = b"".join(address.packed for address in addresses)
    size = len(head) + 2 + len(tail)
    cover = source.packed + destination.packed
    cover += struct.pack("!HH", 112, size) if source.version == 4 else struct.pack("!II", size, 112)
    covered = (cover if pseudo else b"") + head + bytes(2) + tail
    return head + checksum(covered).to_bytes(2) + tail


def settings(version: Version = Version.V3, **changes: object) -> RouterSettings:
    """Make the settings of a router of priority 100, interval 1 s, VRID 51."""
    six = changes.get("family") is Family.IPV6
    fields: dict[str, object] = {
        "vrid": 51,
        "family": Family.IPV4,
        "version": version,
        "priority": 100,
        "interval_ns": SECOND,
        "addresses": VIRTUAL_6 if six else VIRTUAL,
        "primary_address": OURS_6 if six else OURS,
    }
    return RouterSettings(**{**fields, **changes})  # type: ignore[arg-type]


def heard(
    priority: int,
    *,
    version: Version = Version.V3,
    source: Address = THEIRS,
    centiseconds: int = 100,
) -> Advertisement:
    """Make the advertisement of another router."""
    return Advertisement(
        version=version,
        vrid=51,
        priority=priority,
        interval_ns=centiseconds * CENTISECOND,
        addresses=VIRTUAL,
        source=source,
        destination=GROUP_IPV4,
        authentication=bytes(8) if version is Version.V2 else b"",
    )
