"""Reads capture files by hand: the classic pcap format, Ethernet frames, IPv4 and IPv6."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from hafailover.vrrp.settings import Address

CAPTURES = Path(__file__).parent.parent / "data" / "captures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What an IP packet carries, and what its header says."""

    source: Address
    destination: Address
    ttl: int
    payload: bytes


def frames(name: str) -> Iterator[bytes]:
    data = (CAPTURES / name).read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    offset = 24
    while offset < len(data):
        _seconds, _micros, size, _original = struct.unpack_from("<IIII", data, offset)
        yield data[offset + 16 : offset + 16 + size]
        offset += 16 + size


def packet(frame: bytes) -> Packet:
    kind, ip = frame[12:14], frame[14:]
    if kind == b"\x08\x00":
        header, total = (ip[0] & 15) * 4, int.from_bytes(ip[2:4])
        return Packet(
            source=IPv4Address(ip[12:16]),
            destination=IPv4Address(ip[16:20]),
            ttl=ip[8],
            payload=ip[header:total],
        )
    assert kind == b"\x86\xdd"
    return Packet(
        source=IPv6Address(ip[8:24]),
        destination=IPv6Address(ip[24:40]),
        ttl=ip[7],
        payload=ip[40 : 40 + int.from_bytes(ip[4:6])],
    )
