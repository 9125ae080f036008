"""Which virtual routers, one per address family, follow for one group on one node?"""

from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from typing import Any

from hafailover.config.checked import Checked
from hafailover.config.crosschecks_group import ELECTION_PRIORITY_MAX
from hafailover.vrrp.settings import Address, Family, RouterSettings, Version


def build_routers(
    root: Checked, group: Checked, node: str, peer: str
) -> tuple[RouterSettings, ...]:
    """Return the routers of a group, IPv4 first.

    With volumes the election is gated by candidacy, a Master stays until it is told to leave, and
    only the other node of the file counts as a peer.
    """
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = group.take("addresses", tuple)
    families = sorted({address.version for address in addresses})
    return tuple(_router(root, group, Family(family), (node, peer)) for family in families)


def _router(
    root: Checked, group: Checked, family: Family, names: tuple[str, str]
) -> RouterSettings:
    node, peer = names
    vrrp = group.section("vrrp")
    with_data = bool(group.sections("volumes"))
    priority = group.at_node("priority", node, int)
    password = vrrp.maybe("password", str)
    listed: tuple[Address, ...] = vrrp.take("peers", tuple)
    known = tuple(address for address in listed if address.version == family)
    other = (_own_address(root, peer, family),) if peer else ()
    unicast = vrrp.take("mode", str) == "unicast"
    everybody = tuple(dict.fromkeys((*other, *known)))
    return RouterSettings(
        vrid=group.take("vrid", int),
        family=family,
        version=Version(vrrp.take("version", int)),
        priority=min(priority, ELECTION_PRIORITY_MAX) if with_data else priority,
        interval_ns=vrrp.take("interval", int),
        addresses=tuple(
            address.ip for address in group.take("addresses", tuple) if address.version == family
        ),
        primary_address=_own_address(root, node, family),
        preempt=vrrp.take("preempt", bool),
        preempt_delay_ns=vrrp.take("preempt_delay", int),
        accept=vrrp.take("accept", bool),
        password=None if password is None else password.encode(),
        unicast_peers=everybody if unicast else (),
        checksum_pseudo_header=vrrp.take("checksum", str) == "with-pseudo-header",
        # A plain router may meet others of its VRID that this file does not name.
        expected_peers=everybody if with_data or known or unicast else (),
        gated=with_data,
        hold_master=with_data,
    )


def _own_address(root: Checked, node: str, family: Family) -> Address:
    section = root.sections("nodes")[node]
    address: Any = section.values["lan" if family is Family.IPV4 else "lan_ipv6"]
    if family is Family.IPV4 and not isinstance(address, IPv4Address):
        raise TypeError(f"{address!r} is no IPv4 address: a cross check is missing")
    own: Address = address
    return own
