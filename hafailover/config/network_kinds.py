"""Which addresses and names of the network may a key have?"""

import re
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
)
from typing import Any, Final
from urllib.parse import urlsplit

_EVERYBODY: Final = IPv4Address("255.255.255.255")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of a host, without prefix length."""

    families: tuple[int, ...] = (4, 6)
    link_local: bool = False
    loopback: bool = False
    """Whether one that reaches this host alone makes sense."""

    @property
    def allowed(self) -> str:
        """The families."""
        if self.link_local:
            return "an IPv6 link-local address such as fe80::1"
        names = " or ".join(f"IPv{family}" for family in self.families)
        return f"an {names} address"

    def parse(self, text: str) -> IPv4Address | IPv6Address:
        """Return the address."""
        if "%" in text:
            raise ValueError("the interface is configured elsewhere, leave the %zone out")
        try:
            value = ip_address(text)
        except ValueError:
            raise ValueError from None
        if value.version not in self.families:
            raise ValueError
        if value.is_multicast or value.is_unspecified or value == _EVERYBODY:
            raise ValueError("that is the address of no single host")
        if value.is_loopback and not self.loopback:
            raise ValueError("every host reaches only itself there")
        if self.link_local and not value.is_link_local:
            raise ValueError
        return value

    def show(self, value: Any) -> str:
        """Return the canonical text."""
        return str(value)


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """A virtual address with its prefix length; without one, that of a single host."""

    allowed: str = field(
        default="an address with its prefix length such as 192.0.2.10/32 or 2001:db8::10/128",
        init=False,
    )

    def parse(self, text: str) -> IPv4Interface | IPv6Interface:
        """Return address and prefix length."""
        if "%" in text:
            raise ValueError("the interface is configured elsewhere, leave the %zone out")
        try:
            value = ip_interface(text)
        except ValueError:
            raise ValueError from None
        address, network = value.ip, value.network
        is_everybody = address.is_multicast or address == _EVERYBODY
        if is_everybody or address.is_unspecified or address.is_loopback:
            raise ValueError("such an address cannot move between hosts")
        if not network.prefixlen:
            raise ValueError(
                "with prefix length 0 every address there is would be on that interface"
            )
        if _is_end(address, network):
            raise ValueError(f"that is the address of no single host in {network}")
        return value

    def show(self, value: Any) -> str:
        """Return the canonical text."""
        return str(value)


def _is_end(address: object, network: IPv4Network | IPv6Network) -> bool:
    """Whether it is IPv4's name of the network itself, or its broadcast address; two addresses are both hosts."""
    ends = (network.network_address, network.broadcast_address)
    return network.version == 4 and network.prefixlen < 31 and address in ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An address of the web."""

    schemes: tuple[str, ...] = ("https", "http")

    @property
    def allowed(self) -> str:
        """The schemes."""
        return "a URL such as " + " or ".join(f"{scheme}://host/" for scheme in self.schemes)

    def parse(self, text: str) -> str:
        """Return the URL as written."""
        scheme, separator, rest = text.partition("://")
        if scheme not in self.schemes or not separator or not re.match(r"[^\s/]", rest):
            raise ValueError
        if any(character.isspace() for character in text):
            raise ValueError
        if not _has_host(text):
            raise ValueError("its host or its port cannot be read")
        return text

    def show(self, value: Any) -> str:
        """Return the URL."""
        return str(value)


def _has_host(url: str) -> bool:
    """Whether the host of a URL can be told from the rest, and its port is one."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class HostName:
    """The name of a host."""

    allowed: str = field(default="a host name", init=False)

    def parse(self, text: str) -> str:
        """Return the name."""
        labels = text.split(".")
        if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError
        return text

    def show(self, value: Any) -> str:
        """Return the name."""
        return str(value)
