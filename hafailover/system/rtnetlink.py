"""How are addresses and links spoken of with the Linux kernel? rtnetlink(7), as bytes.

Only the few messages that a router needs: a library for all of them would cost a third of the
agent's memory. Layouts are those of netlink(7): a message is a header of 16 bytes, a body, and
attributes; all is padded to four bytes and in the byte order of the host.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Final, TypeAlias

Interface: TypeAlias = IPv4Interface | IPv6Interface
"""An address with its prefix length."""

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22

GROUPS_LINK_AND_ADDRESSES: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""

_REQUEST: Final = 0x1
_ACKNOWLEDGE: Final = 0x4
_DUMP: Final = 0x300
_REPLACE_OR_CREATE: Final = 0x100 | 0x400
_AF_INET: Final = 2
_AF_BRIDGE: Final = 7
_AF_INET6: Final = 10
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFA_F_NODAD: Final = 0x02
_IFLA_ADDRESS: Final = 1
_IFLA_IFNAME: Final = 3
_IFF_UP: Final = 0x1
_IFF_LOWER_UP: Final = 0x10000
_SCOPE_LINK: Final = 253

_HEADER: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_LINK: Final = struct.Struct("=BxHiII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ERRNO: Final = struct.Struct("=i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One netlink message without its header."""

    kind: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """An address of an interface, or one that it just got or lost."""

    index: int
    address: Interface
    is_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the kernel says of an interface."""

    index: int
    name: str
    mac: str
    is_up: bool
    """Administratively up and with a carrier."""

    is_gone: bool = False
    """There is no such interface any more."""


def change_address(*, add: bool, index: int, address: Interface, sequence: int) -> bytes:
    """Ask to put an address on an interface, or to take it off; answered by an error number."""
    four = isinstance(address, IPv4Interface)
    local = isinstance(address.ip, IPv6Address) and address.ip.is_link_local
    body = _ADDRESS.pack(
        _AF_INET if four else _AF_INET6,
        address.network.prefixlen,
        # A new Master cannot wait for duplicate address detection: the old one may still answer.
        _IFA_F_NODAD if add and not four else 0,
        _SCOPE_LINK if local else 0,
        index,
    )
    packed = address.ip.packed
    body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    flags = _REQUEST | _ACKNOWLEDGE | (_REPLACE_OR_CREATE if add else 0)
    return _message(RTM_NEWADDR if add else RTM_DELADDR, flags, body, sequence)


def list_addresses(sequence: int) -> bytes:
    """Ask for the addresses of all interfaces; answered by many messages, then ``NLMSG_DONE``."""
    return _message(RTM_GETADDR, _REQUEST | _DUMP, _ADDRESS.pack(0, 0, 0, 0, 0), sequence)


def look_at_link(index: int, sequence: int) -> bytes:
    """Ask for one interface; answered by one ``RTM_NEWLINK``."""
    return _message(RTM_GETLINK, _REQUEST, _LINK.pack(0, 0, index, 0, 0), sequence)


def messages(data: bytes) -> Iterator[Message]:
    """Take apart what one read from the socket gave."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, _flags, sequence, _port = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size or offset + size > len(data):
            return
        yield Message(
            kind=kind, sequence=sequence, body=data[offset + _HEADER.size : offset + size]
        )
        offset += _padded(size)


def error_number(message: Message) -> int:
    """Return the errno of an ``NLMSG_ERROR``; 0 is an acknowledgement."""
    (number,) = _ERRNO.unpack_from(message.body)
    return -int(number)


def read_address(message: Message) -> Assigned | None:
    """Read an address message; None for other families."""
    family, prefix, _flags, _scope, index = _ADDRESS.unpack_from(message.body)
    attributes = _attributes(message.body[_ADDRESS.size :])
    packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
    if family not in (_AF_INET, _AF_INET6) or packed is None:
        return None
    return Assigned(
        index=index,
        address=ip_interface(f"{ip_address(packed)}/{prefix}"),
        is_gone=message.kind == RTM_DELADDR,
    )


def read_link(message: Message) -> Link:
    """Read a link message; what a bridge says of one that leaves it is no departure (``is_of_bridge``)."""
    _family, _type, index, flags, _change = _LINK.unpack_from(message.body)
    attributes = _attributes(message.body[_LINK.size :])
    wanted = _IFF_UP | _IFF_LOWER_UP
    return Link(
        index=index,
        name=attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
        mac=attributes.get(_IFLA_ADDRESS, b"").hex(":"),
        is_up=flags & wanted == wanted,
        is_gone=message.kind == RTM_DELLINK,
    )


def is_of_bridge(message: Message) -> bool:
    """Whether a link message speaks of an interface as the port of a bridge (``AF_BRIDGE``)."""
    family, *_ = _LINK.unpack_from(message.body)
    return bool(family == _AF_BRIDGE)


def _message(kind: int, flags: int, body: bytes, sequence: int) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return (_ATTRIBUTE.pack(size, kind) + value).ljust(_padded(size), b"\0")


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, offset)
        if size < _ATTRIBUTE.size or offset + size > len(data):
            break
        found[kind] = data[offset + _ATTRIBUTE.size : offset + size]
        offset += _padded(size)
    return found


def _padded(size: int) -> int:
    return (size + 3) & ~3
