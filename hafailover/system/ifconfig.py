"""How are addresses spoken of with ifconfig(8) of FreeBSD? Command lines, and what it prints.

Pure functions; whoever calls them runs the commands. The forms were observed on FreeBSD 14:
without ``alias`` the first address of the interface would be replaced, and ``IFCONFIG_FORMAT`` in
the environment would change the output (the runner's environment has none).
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final, TypeAlias

Interface: TypeAlias = IPv4Interface | IPv6Interface
"""An address with its prefix length."""

_HEAD: Final = re.compile(r"^(?P<name>\S+): flags=[0-9a-f]+<(?P<flags>[A-Z0-9_,]*)>")
_NO_CARRIER: Final = ("no carrier", "no ring")
"""How ``status:`` begins then, and a reason may follow; what it says otherwise depends on the medium."""
_DESTINATION: Final = r"(?: --> \S+)?"
_INET: Final = re.compile(
    rf"^\tinet (?P<address>[0-9.]+){_DESTINATION} netmask 0x(?P<mask>[0-9a-f]{{8}})"
)
_INET6: Final = re.compile(
    rf"^\tinet6 (?P<address>[0-9a-f:.]+)(?:%\S+)?{_DESTINATION}"
    r" prefixlen (?P<prefix>\d+)(?P<words>.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceView:
    """What ifconfig says of one interface."""

    name: str
    is_up: bool
    """Administratively up and running."""

    mac: str
    """Empty for an interface that has none."""

    addresses: tuple[Interface, ...]
    tentative: tuple[Interface, ...]
    """Those of them that are being probed for (RFC 4862 section 5.4), for about a second."""

    duplicated: tuple[Interface, ...]
    """Those that another host answered for: the kernel does not use them until they are put on anew."""

    has_carrier: bool | None
    """None where the driver does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """Output that is not what is known of ifconfig; it means nothing, not "no address"."""

    text: str


def assign_command(interface: str, address: Interface) -> tuple[str, ...]:
    """Return the command that puts an address on an interface, beside those that it has."""
    return ("ifconfig", interface, _family(address), str(address), "alias")


def release_command(interface: str, address: Interface) -> tuple[str, ...]:
    """Return the command that takes an address off; it exits 1 if it is not there."""
    return ("ifconfig", interface, _family(address), str(address.ip), "-alias")


def look_command(interface: str) -> tuple[str, ...]:
    """Return the command whose output ``parse_interface`` reads."""
    return ("ifconfig", interface)


def parse_interface(text: str) -> InterfaceView | NotUnderstood:
    """Read what ``ifconfig INTERFACE`` printed."""
    lines = text.splitlines()
    head = _HEAD.match(lines[0]) if lines else None
    if head is None:
        return NotUnderstood(text=text)
    addresses: list[Interface] = []
    states: dict[str, list[Interface]] = {"tentative": [], "duplicated": []}
    mac, carrier = "", None
    for line in lines[1:]:
        word, _, rest = line.strip().partition(" ")
        if word in {"inet", "inet6"}:
            found = _address(line)
            if found is None:
                return NotUnderstood(text=text)
            address, words = found
            addresses.append(address)
            for state, those in states.items():
                if state in words:
                    those.append(address)
        elif word == "ether":
            mac = rest.strip()
        elif word == "status:":
            carrier = not rest.startswith(_NO_CARRIER)
    flags = head["flags"].split(",")
    return InterfaceView(
        name=head["name"],
        is_up="UP" in flags and "RUNNING" in flags,
        mac=mac,
        addresses=tuple(addresses),
        tentative=tuple(states["tentative"]),
        duplicated=tuple(states["duplicated"]),
        has_carrier=carrier,
    )


def _family(address: Interface) -> str:
    return "inet" if isinstance(address, IPv4Interface) else "inet6"


def _address(line: str) -> tuple[Interface, list[str]] | None:
    """Read one address, and the words that say how it stands."""
    four = _INET.match(line)
    if four is not None:
        prefix = f"{int(four['mask'], 16):032b}".rstrip("0").count("1")
        return ip_interface(f"{four['address']}/{prefix}"), []
    six = _INET6.match(line)
    if six is None:
        return None
    return ip_interface(f"{six['address']}/{six['prefix']}"), six["words"].split()
