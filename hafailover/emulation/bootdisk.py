"""Which geoms does a host have that nobody asked for? Its boot disk, as confxml shows it."""

from dataclasses import dataclass
from typing import Final

from hafailover.emulation.geom import Bio, Geom, GeomClass, Provider
from hafailover.emulation.topology import Topology

CLASS_ADDRESSES: Final = {
    "GATE": "0xffffffff8150b1b0",
    "MIRROR": "0xffffffff81506398",
    "RAID": "0xffffffff80873568",
    "MD": "0xffffffff8085c7f0",
    "DISK": "0xffffffff80870568",
    "DEV": "0xffffffff80870238",
    "PART": "0xffffffff808721e8",
    "SWAP": "0xffffffff808c71e8",
    "LABEL": "0xffffffff80871000",
    "VFS": "0xffffffff80870e38",
}
"""Where each class lives in the kernel."""

_DISK = 3460300800
_ROOT = 3221225472
_START = 68157440


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What a geom that never changes shows in its config elements."""

    geom: tuple[tuple[str, object], ...] = ()
    provider: tuple[tuple[str, object], ...] = ()
    stripeoffset: int = 0


def add_boot_disk(topology: Topology, classes: dict[str, GeomClass]) -> None:
    """Add vtbd0 with one partition, its label, and the root file system on it."""
    disk = _geom(topology, classes["DISK"], "vtbd0", _DISK_CONFIG)
    vtbd0 = _offer(topology, disk, "vtbd0", _DISK)
    part = _geom(topology, classes["PART"], "vtbd0", _PART_CONFIG)
    _hold(topology, part, vtbd0, (1, 1, 3))
    root = _offer(topology, part, "vtbd0p2", _ROOT)
    label = _geom(topology, classes["LABEL"], "vtbd0p2", Fixed(stripeoffset=_START))
    _hold(topology, label, root, (1, 1, 2))
    named = _offer(topology, label, "gpt/rootfs", _ROOT)
    vfs = _geom(topology, classes["VFS"], "ffs.gpt/rootfs", None)
    _hold(topology, vfs, named, (1, 1, 1))
    for provider in (vtbd0, root, named):
        node = _geom(topology, classes["DEV"], provider.name, None)
        _hold(topology, node, provider, (0, 0, 0))


def _geom(topology: Topology, cls: GeomClass, name: str, fixed: Fixed | None) -> Geom:
    return topology.new_geom(cls, name, fixed)


def _offer(topology: Topology, geom: Geom, name: str, size: int) -> Provider:
    provider = Provider(geom, name, (size, 512), _refuse, topology.address())
    geom.providers.append(provider)
    topology.providers[name] = provider
    return provider


def _hold(topology: Topology, geom: Geom, provider: Provider, access: tuple[int, int, int]) -> None:
    consumer = topology.attach(geom, provider)
    consumer.opened.add(*access)
    provider.opened.add(*access)


def _refuse(bio: Bio) -> None:
    """Answer as a disk that nobody is to read: the root file system is not modelled."""
    bio.done(5, b"")


_DISK_CONFIG = Fixed(
    provider=(
        ("fwheads", 16),
        ("fwsectors", 63),
        ("rotationrate", "unknown"),
        ("ident", ""),
        ("descr", ""),
    )
)

_PART_CONFIG = Fixed(
    geom=(
        ("scheme", "GPT"),
        ("entries", 128),
        ("first", 34),
        ("last", 6758366),
        ("fwsectors", 63),
        ("fwheads", 16),
        ("state", "OK"),
        ("modified", "false"),
    ),
    provider=(
        ("start", _START // 512),
        ("end", (_START + _ROOT) // 512 - 1),
        ("index", 2),
        ("type", "freebsd-ufs"),
        ("offset", _START),
        ("length", _ROOT),
        ("label", "rootfs"),
        ("rawtype", "516e7cb6-6ecf-11d6-8ff8-00022d09712b"),
        ("rawuuid", "025651e8-ab4f-475d-bd82-fcb7c1a4fee3"),
        ("efimedia", "HD(2,GPT,025651e8-ab4f-475d-bd82-fcb7c1a4fee3,0x20800,0x600000)"),
    ),
    stripeoffset=_START,
)
