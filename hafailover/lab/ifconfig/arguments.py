"""What does this ifconfig command line ask for?

Forms of ifconfig(8) that a failover agent and its operator use. An interface that does not exist
and an address that cannot be one are refused in FreeBSD's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv6Interface,
    NetmaskValueError,
    ip_interface,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

AnyInterface = IPv4Interface | IPv6Interface

_USAGE: Final = "ifconfig: not a form of ifconfig(8) that the lab knows"


class Change(Enum):
    """What happens to an address."""

    ADD = "alias"
    REMOVE = "-alias"
    REPLACE = "without alias the interface's first address of the family is replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNames:
    """``ifconfig -l``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Print interfaces."""

    interface: str | None = None
    """One interface; None is all of them."""
    family: int | None = None
    """4 or 6: only addresses of this family."""
    cidr: bool = False
    """Whether ``-f inet:cidr`` asked for prefix lengths instead of masks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddress:
    """Add, remove or replace one address."""

    interface: str
    address: AnyInterface
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink:
    """``ifconfig IF up`` and ``ifconfig IF down``."""

    interface: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A command line that ends with exit status 1 and this line on standard error."""

    sentence: str


Order = ListNames | Show | ChangeAddress | SetLink | Refused


def parse(arguments: Sequence[str], interfaces: Collection[str]) -> Order:
    """Return what ``arguments`` (without the program) ask for on a host with ``interfaces``."""
    words = list(arguments)
    cidr = words[:1] == ["-f"] and len(words) > 1 and "cidr" in words[1]
    if words[:1] == ["-f"]:
        del words[:2]
    match words:
        case ["-l"]:
            return ListNames()
        case [] | ["-a"]:
            return Show(cidr=cidr)
        case ["-a", ("inet" | "inet6") as family]:
            return Show(family=_number(family), cidr=cidr)
        case [name, *_] if name not in interfaces:
            return Refused(sentence=f"ifconfig: interface {name} does not exist")
        case [name]:
            return Show(interface=name, cidr=cidr)
        case [name, ("up" | "down") as state]:
            return SetLink(interface=name, up=state == "up")
        case [name, ("inet" | "inet6") as family]:
            return Show(interface=name, family=_number(family), cidr=cidr)
        case [name, ("inet" | "inet6") as family, address, *rest]:
            return _change(name, _number(family), address, rest)
        case _:
            return Refused(sentence=_USAGE)


def _number(family: str) -> int:
    return 6 if family == "inet6" else 4


def _change(name: str, family: int, address: str, rest: list[str]) -> Order:
    """Return the order for what follows ``IF inet ADDRESS``."""
    mask: str | None = None
    change = Change.REPLACE
    while rest:
        match rest:
            case ["alias" | "add", *rest]:
                change = Change.ADD
            case ["-alias" | "delete" | "remove", *rest]:
                change = Change.REMOVE
            case ["netmask" | "prefixlen", mask, *rest]:
                pass
            case ["broadcast", _, *rest]:
                pass
            case _:
                return Refused(sentence=f"ifconfig: {rest[0]}: bad value")
    text = f"{address}/{_prefix(family, address, mask)}" if "/" not in address else address
    try:
        found = ip_interface(text)
    except (ValueError, AddressValueError, NetmaskValueError):
        return Refused(sentence=f"ifconfig: {address}: bad value")
    if found.version != family:
        return Refused(sentence=f"ifconfig: {address}: bad value")
    return ChangeAddress(interface=name, address=found, change=change)


def _prefix(family: int, address: str, mask: str | None) -> str:
    """Return the prefix length or mask of an address that was given without one."""
    if mask is not None:
        return str(IPv4Address(int(mask, 16))) if mask.startswith("0x") else mask
    if family == 6:
        return "64"
    first = int(address.partition(".")[0]) if address.partition(".")[0].isdigit() else 0
    return "8" if first < 128 else "16" if first < 192 else "24"
