"""What does the lab consist of?"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

AnyInterface = IPv4Interface | IPv6Interface


class Network(Enum):
    """The two networks between the nodes; the value names its bridge."""

    LAN = "lan"
    REPLICATION = "replication"


class Cut(Enum):
    """What a broken cable does; the value is the scenario's word."""

    CARRIER = "carrier"
    """Both directions, and both ends see it: no carrier."""
    SILENT = "silent"
    """Both directions, and nobody is told."""
    TO_NODE = "to-node"
    """What the node should receive is lost; what it sends arrives."""
    FROM_NODE = "from-node"
    """What the node sends is lost; what it should receive arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One end of a cable in a machine."""

    network: Network
    interface: str
    """Its name in the machine, as FreeBSD would call it."""
    addresses: tuple[AnyInterface, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine of the lab: a node, the client, the gateway, or a part of the arbiter."""

    name: str
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All machines of one lab."""

    nodes: tuple[Machine, Machine]
    bystanders: tuple[Machine, ...] = field(default=())

    def node(self, name: str) -> Machine:
        """Return the node called ``name``.

        Raises:
            KeyError: there is none.
        """
        for machine in self.nodes:
            if machine.name == name:
                return machine
        raise KeyError(name)


def _port(network: Network, interface: str, *addresses: str) -> Port:
    parsed = tuple(
        IPv6Interface(text) if ":" in text else IPv4Interface(text) for text in addresses
    )
    return Port(network=network, interface=interface, addresses=parsed)


def lan_machine(name: str, address: str) -> Machine:
    """Return a machine that is on the LAN only."""
    return Machine(name=name, ports=(_port(Network.LAN, "lnc1", address),))


FLOATING_ADDRESS: Final = "192.168.1.102"
GATEWAY_ADDRESS: Final = "192.168.1.1"

WEB_PAIR: Final = Plan(
    nodes=(
        Machine(
            name="A",
            ports=(
                _port(Network.LAN, "lnc1", "192.168.1.100/24"),
                _port(Network.REPLICATION, "lnc2", "10.10.10.1/24"),
            ),
        ),
        Machine(
            name="B",
            ports=(
                _port(Network.LAN, "lnc1", "192.168.1.101/24"),
                _port(Network.REPLICATION, "lnc2", "10.10.10.2/24"),
            ),
        ),
    ),
    bystanders=(
        lan_machine("client", "192.168.1.50/24"),
        lan_machine("gateway", f"{GATEWAY_ADDRESS}/24"),
    ),
)
"""The hosting shop's pair, its client and its gateway."""
