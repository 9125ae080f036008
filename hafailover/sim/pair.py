"""The default pair of the simulator: two nodes, one group, one small volume, as configured by hand."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_interface

from hafailover.arbiter.record import ArbiterRecord, Change, Phase, encode_record
from hafailover.emulation.superblock import FRAGMENT, JOURNAL, SOFT_UPDATES, Superblock
from hafailover.group.settings import (
    ArbiterKind,
    GroupSettings,
    ServiceSettings,
    TimerSettings,
    WatchdogSettings,
)
from hafailover.lineage.changes import founded
from hafailover.lineage.record import ImageBinding, LineageRecord
from hafailover.storage.settings import VolumeSettings
from hafailover.units import Nanoseconds, seconds
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version

NODES = ("A", "B")
IMAGE_SIZE = 512 * 1024
ADDRESSES = {
    "A": {"lan": "192.0.2.1", "replication": "198.51.100.1"},
    "B": {"lan": "192.0.2.2", "replication": "198.51.100.2"},
}
FOUNDING = "f0f0f0f0f0f0f0f0"
_WATCHDOG = Nanoseconds(1 << 32)
"""What the kernel makes of four seconds."""
_RARE_S = 600
"""How seldom the kernel looks for old requests where a fence device is given the time to answer."""


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
    strict: dict[str, object] = {}
    if arbiter is ArbiterKind.ETCD:
        strict["timers"] = TimerSettings(canary_patience=seconds(1))
        strict["watchdog"] = WatchdogSettings(span=_WATCHDOG)
    elif arbiter is ArbiterKind.FENCE:
        volume = replace(volume, gate_timeout_s=_RARE_S)
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
    return GroupSettings(**{**base, **strict, **changes})  # type: ignore[arg-type]


def founding_text(volumes: tuple[str, ...]) -> str:
    """Return the record in etcd of two copies that were made identical."""
    record = ArbiterRecord(
        epoch=0,
        in_sync=NODES,
        lineages=tuple((volume, FOUNDING) for volume in volumes),
        phase=Phase.IDLE,
        changed=Change(node="A", boot="founding", nonce="0"),
    )
    return encode_record(record)


def volumes(node: str, count: int) -> tuple[VolumeSettings, ...]:
    """Return the group's first volume, and so many more beside it that there are ``count``."""
    first = group_settings(node).volumes[0]
    return tuple(
        first
        if not number
        else replace(
            first,
            name=f"{first.name}{number + 1}",
            image=f"/images/{node}{number + 1}.img",
            mirror=f"{first.mirror}{number + 1}",
            mount_point=f"{first.mount_point}{number + 1}",
            md_units=(10 + 2 * number, 11 + 2 * number),
            ggate_units=(10 + 2 * number, 11 + 2 * number),
            port=first.port + 10 * number,
        )
        for number in range(count)
    )


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
