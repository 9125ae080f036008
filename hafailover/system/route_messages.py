"""What does the routing socket of FreeBSD say of interfaces and addresses? route(4), as bytes.

Layouts are those of net/if.h and net/route.h on 64-bit systems, and of rtsock.c, which writes them
(read in the source of a tree between 13 and 14; not tried on a host). All numbers are
in the byte order of the host. A message begins with its length (2), version (1) and type (1); what is
of no interest here is skipped by its length.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Final, TypeAlias

Interface: TypeAlias = IPv4Interface | IPv6Interface
"""An address with its prefix length."""

PF_ROUTE: Final = 17
VERSION: Final = 5
RTM_NEWADDR: Final = 0x0C
RTM_DELADDR: Final = 0x0D
RTM_IFINFO: Final = 0x0E
RTM_IFANNOUNCE: Final = 0x11

_HEAD: Final = struct.Struct("=HBB")
_LINK: Final = struct.Struct("=4xiiHxx4xB")
"""struct if_msghdr: head, addresses, flags, index, spare; then of if_data four bytes, link state."""
_ADDRESS: Final = struct.Struct("=4xiiHxxi")
"""struct ifa_msghdr: head, which addresses follow, flags, index, padding, metric."""
_ANNOUNCEMENT: Final = struct.Struct("=4xH16sH")
"""struct if_announcemsghdr: head, index, name, arrival or departure."""

_UP_AND_RUNNING: Final = 0x1 | 0x40
"""IFF_UP, IFF_DRV_RUNNING."""
_LINK_STATE_DOWN: Final = 1
"""Unknown (0) is no carrier lost: some drivers never tell."""
_ARRIVAL: Final = 0
_DEPARTURE: Final = 1
"""To rename an interface is a departure under the old name and an arrival under the new one (if.c)."""
_RTA_NETMASK: Final = 0x04
_RTA_IFA: Final = 0x20
_RTA_COUNT: Final = 8
_AF_INET: Final = 2
_AF_INET6: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNotice:
    """An interface as it is now."""

    index: int
    is_up: bool
    """Administratively up, running, and not known to be without carrier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressNotice:
    """An interface just got or lost an address."""

    index: int
    address: Interface
    is_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceNotice:
    """An interface of this name has just come or gone."""

    index: int
    name: str
    is_there: bool


Notice: TypeAlias = LinkNotice | AddressNotice | PresenceNotice


def notices(data: bytes) -> Iterator[Notice]:
    """Read what one read from the socket gave; what is not understood says nothing."""
    offset = 0
    while offset + _HEAD.size <= len(data):
        size, version, kind = _HEAD.unpack_from(data, offset)
        if size < _HEAD.size or offset + size > len(data):
            return
        message = data[offset : offset + size]
        offset += size
        found = _notice(kind, message) if version == VERSION else None
        if found is not None:
            yield found


def _notice(kind: int, message: bytes) -> Notice | None:
    if kind == RTM_IFINFO and len(message) >= _LINK.size:
        _addresses, flags, index, state = _LINK.unpack_from(message)
        is_up = flags & _UP_AND_RUNNING == _UP_AND_RUNNING and state != _LINK_STATE_DOWN
        return LinkNotice(index=index, is_up=is_up)
    if kind == RTM_IFANNOUNCE and len(message) >= _ANNOUNCEMENT.size:
        return _presence_notice(message)
    if kind in {RTM_NEWADDR, RTM_DELADDR} and len(message) >= _ADDRESS.size:
        return _address_notice(message, is_gone=kind == RTM_DELADDR)
    return None


def _presence_notice(message: bytes) -> PresenceNotice | None:
    index, name, what = _ANNOUNCEMENT.unpack_from(message)
    if what not in {_ARRIVAL, _DEPARTURE}:
        return None
    text = name.partition(b"\0")[0].decode(errors="replace")
    return PresenceNotice(index=index, name=text, is_there=what == _ARRIVAL)


def _address_notice(message: bytes, *, is_gone: bool) -> AddressNotice | None:
    which, _flags, index, _metric = _ADDRESS.unpack_from(message)
    found = _socket_addresses(which, message[_ADDRESS.size :])
    address, mask = _packed(found.get(_RTA_IFA, b"")), _packed(found.get(_RTA_NETMASK, b""))
    if not address:
        return None
    # The kernel gives the mask the family and the length of the address.
    prefix = int.from_bytes(mask).bit_count() if mask else len(address) * 8
    interface = ip_interface(f"{ip_address(address)}/{prefix}")
    return AddressNotice(index=index, address=interface, is_gone=is_gone)


def _socket_addresses(which: int, data: bytes) -> dict[int, bytes]:
    """Take apart what follows: one sockaddr for each bit of ``which``, padded to eight bytes."""
    found: dict[int, bytes] = {}
    offset = 0
    for place in range(_RTA_COUNT):
        if not which & 1 << place or offset >= len(data):
            continue
        size = data[offset]
        found[1 << place] = data[offset : offset + size]
        offset += (size + 7) & -8 if size else 8
    return found


def _packed(socket_address: bytes) -> bytes:
    """Return the address in a sockaddr_in or sockaddr_in6; nothing for other families."""
    family = socket_address[1] if len(socket_address) > 1 else 0
    if family == _AF_INET and len(socket_address) >= 8:
        return socket_address[4:8]
    if family == _AF_INET6 and len(socket_address) >= 24:
        return socket_address[8:24]
    return b""
