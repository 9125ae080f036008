"""How does FreeBSD's ifconfig(8) print an interface?

Layout of FreeBSD 14's output for an Ethernet card and for the loopback interface; flags are the
kernel's IFF_ bits in hexadecimal, IPv4 masks too.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

AnyInterface = IPv4Interface | IPv6Interface

_LOOPBACK_OPTIONS: Final = "680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of an interface."""

    value: AnyInterface
    tentative: bool = False
    """IPv6 duplicate address detection is still under way."""
    duplicated: bool = False
    """It found another owner."""
    deprecated: bool = False

    def render(self, name: str, index: int, *, cidr: bool) -> str:
        """Return the address as a line without its tabulator."""
        value = self.value
        if isinstance(value, IPv4Interface):
            broadcast = "" if value.ip.is_loopback else f" broadcast {value.network[-1]}"
            mask = f"/{value.network.prefixlen}" if cidr else f" netmask {_hex_mask(value)}"
            return f"inet {value.ip}{mask}{broadcast}"
        scope = f"%{name}" if value.ip.is_link_local else ""
        words = [f"inet6 {value.ip}{scope} prefixlen {value.network.prefixlen}"]
        words += ["tentative"] if self.tentative else []
        words += ["duplicated"] if self.duplicated else []
        words += ["deprecated"] if self.deprecated else []
        words += [f"scopeid {index:#x}"] if value.ip.is_link_local else []
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One interface as the kernel has it."""

    name: str
    index: int
    mac: str
    mtu: int
    is_up: bool
    has_carrier: bool
    is_loopback: bool = False
    addresses: tuple[Address, ...] = ()

    def render(self, *, family: int | None = None, cidr: bool = False) -> str:
        """Return the interface as ifconfig prints it, all of it or one family's addresses."""
        whole = family is None
        lines = [self._first_line()]
        if self.is_loopback:
            lines.append(f"options={_LOOPBACK_OPTIONS}")
        else:
            lines.append("options=80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>")
            lines += [f"ether {self.mac}"] if whole else []
        lines += [
            address.render(self.name, self.index, cidr=cidr)
            for address in self.addresses
            if whole or address.value.version == family
        ]
        if whole and self.is_loopback:
            lines += ["groups: lo", "nd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>"]
        elif whole:
            lines.append("media: Ethernet autoselect (1000baseT <full-duplex>)")
            lines.append(f"status: {'active' if self.has_carrier else 'no carrier'}")
            lines.append("nd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>")
        return "\n\t".join(lines) + "\n"

    def _first_line(self) -> str:
        if self.is_loopback:
            flags = "8049<UP,LOOPBACK,RUNNING,MULTICAST>"
        elif self.is_up:
            flags = "8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>"
        else:
            flags = "8802<BROADCAST,SIMPLEX,MULTICAST>"
        return f"{self.name}: flags={flags} metric 0 mtu {self.mtu}"


def _hex_mask(value: IPv4Interface) -> str:
    return f"0x{int(value.netmask):08x}"
