"""Small settings: a node that moves data, and one that only routes."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from hafailover.group.settings import GroupSettings
from hafailover.runtime.settings import NodeSettings
from hafailover.storage.settings import VolumeSettings
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version

ROUTER = RouterSettings(
    vrid=51,
    family=Family.IPV4,
    version=Version.V3,
    priority=100,
    interval_ns=1_000_000_000,
    addresses=(IPv4Address("192.0.2.1"),),
    primary_address=IPv4Address("192.0.2.2"),
)
GROUP = GroupSettings(
    name="web",
    node="A",
    peer="",
    interface="em0",
    routers=(ROUTER,),
    announce=AnnounceSettings(),
    addresses=(IPv4Interface("192.0.2.1/24"),),
)
VOLUME = VolumeSettings(
    name="sites",
    image="/root/sites.img",
    size_bytes=1 << 20,
    mirror="m",
    mount_point="/home/sites",
    md_units=(10, 11),
    ggate_units=(10, 11),
)


def plain_node() -> NodeSettings:
    """Return a plain virtual router."""
    return NodeSettings(node="A", peer="", groups=(GROUP,))


def data_node() -> NodeSettings:
    """Return a node with one volume."""
    group = replace(GROUP, peer="B", volumes=(VOLUME,))
    return NodeSettings(node="A", peer="B", groups=(group,))
