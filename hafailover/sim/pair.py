"""The default pair of the simulator: two nodes, one group, one small volume, as configured by hand."""

from ipaddress import IPv4Address, ip_interface

from hafailover.emulation.superblock import FRAGMENT, JOURNAL, SOFT_UPDATES, Superblock
from hafailover.group.settings import ArbiterKind, GroupSettings, ServiceSettings
from hafailover.lineage.changes import founded
from hafailover.lineage.record import ImageBinding, LineageRecord
from hafailover.storage.settings import VolumeSettings
from hafailover.units import seconds
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version

NODES = ("A", "B")
IMAGE_SIZE = 512 * 1024
ADDRESSES = {
    "A": {"lan": "192.0.2.1", "replication": "198.51.100.1"},
    "B": {"lan": "192.0.2.2", "replication": "198.51.100.2"},
}
FOUNDING = "f0f0f0f0f0f0f0f0"


def group_settings(
    node: str, *, arbiter: ArbiterKind = ArbiterKind.PING, **changes: object
) -> GroupSettings:
    """Return the settings of the default group on ``node``."""
    peer = NODES[1 - NODES.index(node)]
    address = ip_interface("192.0.2.100/32")
    router = RouterSettings(
        vrid=1,
        family=Family.IPV4,
        version=Version.V2,
        priority=200 if node == "A" else 100,
        interval_ns=seconds(1),
        addresses=(address.ip,),
        primary_address=IPv4Address(ADDRESSES[node]["lan"]),
        gated=True,
        hold_master=True,
    )
    volume = VolumeSettings(
        name="sites",
        image=f"/images/{node}.img",
        size_bytes=IMAGE_SIZE,
        mirror="sites",
        mount_point="/home/sites",
        md_units=(10, 11),
        ggate_units=(10, 11),
    )
    base: dict[str, object] = {
        "name": "web",
        "node": node,
        "peer": peer,
        "interface": "lnc1",
        "routers": (router,),
        "announce": AnnounceSettings(),
        "addresses": (address,),
        "volumes": (volume,),
        "services": (ServiceSettings(name="writer", start=("start",), stop=("stop",)),),
        "arbiter": arbiter,
        "is_preferred": node == "A",
        "own_replication_address": ADDRESSES[node]["replication"],
        "peer_replication_address": ADDRESSES[peer]["replication"],
        "digest": "d",
    }
    return GroupSettings(**{**base, **changes})  # type: ignore[arg-type]


def file_system(size_bytes: int) -> bytes:
    """Return the superblock sector of a clean, journaled file system on a mirror of an image of this size."""
    media = size_bytes - 512
    block = Superblock(fs_id=(1, 2), size=media - media % FRAGMENT, flags=SOFT_UPDATES | JOURNAL)
    return block.encode()


def founding_record(node: str, inode: int) -> LineageRecord:
    """Return the record of a copy that was made identical to the other one by hand."""
    binding = ImageBinding(
        device=1, inode=inode, size_bytes=IMAGE_SIZE, birth_ns=0, close_id=f"founded-{node}"
    )
    return founded(LineageRecord(), lineage=FOUNDING, binding=binding, boot="")
