"""What are the interfaces of this network namespace, and how are they changed?"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Interface, ip_interface
from typing import TYPE_CHECKING, Any, Final

from pyroute2 import AsyncIPRoute, NetlinkError

from hafailover.lab.ifconfig.render import Address, Interface

if TYPE_CHECKING:
    from hafailover.lab.ifconfig.arguments import AnyInterface

_IFF_UP: Final = 1
_IFF_LOOPBACK: Final = 8
_IFA_DADFAILED: Final = 0x08
_IFA_DEPRECATED: Final = 0x20
_IFA_TENTATIVE: Final = 0x40
_LOOPBACK_NAME: Final = "lo0"


class Links:
    """The interfaces of the network namespace in which this object was made."""

    def __init__(self, netlink: AsyncIPRoute) -> None:
        """Work through ``netlink``, which is open."""
        self._netlink = netlink

    async def interfaces(self) -> tuple[Interface, ...]:
        """Return all interfaces with their addresses, in the kernel's order."""
        addresses: dict[int, list[Address]] = {}
        async for row in await self._netlink.get_addr():
            addresses.setdefault(row["index"], []).append(_address(row))
        found = [
            _interface(row, tuple(addresses.get(row["index"], ())))
            async for row in await self._netlink.get_links()
        ]
        return tuple(sorted(found, key=lambda one: (one.is_loopback, one.index)))

    async def add(self, interface: Interface, address: AnyInterface) -> None:
        """Add ``address``, and announce it once as FreeBSD's kernel does for IPv4.

        An IPv4 address that is there already is added anew, as in FreeBSD.
        """
        await self.remove(interface, address)
        extra = {}
        if isinstance(address, IPv4Interface):
            extra = {"broadcast": str(address.network[-1])}
        await self._netlink.addr(
            "add",
            index=interface.index,
            address=str(address.ip),
            prefixlen=address.network.prefixlen,
            **extra,
        )
        if isinstance(address, IPv4Interface) and interface.is_up and not interface.is_loopback:
            announce(interface, address)

    async def remove(self, interface: Interface, address: AnyInterface) -> bool:
        """Remove ``address`` whatever its prefix; return whether it was there."""
        there = [one.value for one in interface.addresses if one.value.ip == address.ip]
        for value in there:
            try:
                await self._netlink.addr(
                    "del",
                    index=interface.index,
                    address=str(value.ip),
                    prefixlen=value.network.prefixlen,
                )
            except NetlinkError:
                return False
        return bool(there)

    async def set_up(self, interface: Interface, *, up: bool) -> None:
        """Switch the interface on or off."""
        state = "up" if up else "down"
        await self._netlink.link("set", index=interface.index, state=state)


def announce(interface: Interface, address: IPv4Interface) -> None:
    """Send one gratuitous ARP request for ``address`` (RFC 5227 section 3's announcement)."""
    mac = bytes.fromhex(interface.mac.replace(":", ""))
    packed = address.ip.packed
    frame = b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    frame += mac + packed + b"\0" * 6 + packed
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface.name, 0))
        out.send(frame)


def _interface(row: Any, addresses: tuple[Address, ...]) -> Interface:
    is_loopback = bool(row["flags"] & _IFF_LOOPBACK)
    return Interface(
        name=_LOOPBACK_NAME if is_loopback else row.get("ifname"),
        index=row["index"],
        mac=row.get("address") or "",
        mtu=row.get("mtu"),
        is_up=bool(row["flags"] & _IFF_UP),
        has_carrier=bool(row.get("carrier")),
        is_loopback=is_loopback,
        addresses=addresses,
    )


def _address(row: Any) -> Address:
    flags = row.get("IFA_FLAGS") or row["flags"]
    # On a link with a peer IFA_ADDRESS is the other end; IFA_LOCAL is ours.
    value = row.get("local") or row.get("address")
    return Address(
        value=ip_interface(f"{value}/{row['prefixlen']}"),
        tentative=bool(flags & _IFA_TENTATIVE) and not flags & _IFA_DADFAILED,
        duplicated=bool(flags & _IFA_DADFAILED),
        deprecated=bool(flags & _IFA_DEPRECATED),
    )
