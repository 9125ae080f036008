"""How does the kernel write its GEOM tree into kern.geom.confxml?

After geom_dump.c and the dumpconf methods of the classes.
"""

from collections.abc import Iterator

from hafailover.emulation.bootdisk import CLASS_ADDRESSES, Fixed
from hafailover.emulation.gate import GateUnit
from hafailover.emulation.geom import Consumer, Geom, Provider
from hafailover.emulation.md import MdUnit
from hafailover.emulation.mirror import Disk, DiskState, Mirror
from hafailover.emulation.mirror_metadata import (
    BALANCES,
    DIRTY,
    FORCE_SYNC,
    INACTIVE,
    NOAUTOSYNC,
    NOFAILSYNC,
    SYNCHRONIZING,
)
from hafailover.emulation.topology import Topology

_ACCESS = {"rw": "read-write", "ro": "read-only", "wo": "write-only"}
_WITH_CONFIG = ("GATE", "MIRROR", "MD", "DISK", "PART", "LABEL")
"""Classes whose geoms have a dumpconf method, and so a config element."""


_MODULES = {"GATE": "geom_gate", "MIRROR": "geom_mirror"}
"""Classes that come with a module."""


def render(topology: Topology, modules: set[str]) -> str:
    """Return the whole document, ending with a newline."""
    lines = ["<mesh>"]
    for cls in topology.classes:
        if not is_loaded(cls.name, modules):
            continue
        lines.append(f'  <class id="{CLASS_ADDRESSES[cls.name]}">')
        lines.append(f"    <name>{cls.name}</name>")
        for geom in topology.geoms[cls.name]:
            lines += _geom(geom)
        lines.append("  </class>")
    lines.append("</mesh>")
    return "\n".join(lines) + "\n"


def is_loaded(name: str, modules: set[str]) -> bool:
    """Whether a class takes part: it belongs to the kernel itself, or its module is loaded."""
    return _MODULES.get(name, "kernel") in modules


def _geom(geom: Geom) -> Iterator[str]:
    yield f'    <geom id="{geom.address:#x}">'
    yield f'      <class ref="{CLASS_ADDRESSES[geom.cls.name]}"/>'
    yield f"      <name>{geom.name}</name>"
    yield f"      <rank>{geom.rank}</rank>"
    described = geom.cls.name in _WITH_CONFIG and not geom.name.endswith(".sync")
    if described:
        yield "      <config>"
        yield from _indented("\t", geom_config(geom))
        yield "      </config>"
    for consumer in geom.consumers:
        yield from _consumer(consumer, described=described)
    for provider in geom.providers:
        yield from _provider(provider)
    yield "    </geom>"


def _consumer(consumer: Consumer, *, described: bool) -> Iterator[str]:
    yield f'\t<consumer id="{consumer.address:#x}">'
    yield f'\t  <geom ref="{consumer.geom.address:#x}"/>'
    yield f'\t  <provider ref="{consumer.provider.address:#x}"/>'
    yield f"\t  <mode>{consumer.opened.text}</mode>"
    if described:
        yield "\t  <config>"
        disk = consumer.private
        if isinstance(disk, Disk):
            yield from _indented("\t    ", disk_config(consumer.geom.softc, disk))
        yield "\t  </config>"
    yield "\t</consumer>"


def _provider(provider: Provider) -> Iterator[str]:
    yield f'\t<provider id="{provider.address:#x}">'
    yield f'\t  <geom ref="{provider.geom.address:#x}"/>'
    yield f"\t  <mode>{provider.opened.text}</mode>"
    yield f"\t  <name>{provider.name}</name>"
    yield f"\t  <mediasize>{provider.mediasize}</mediasize>"
    yield f"\t  <sectorsize>{provider.sectorsize}</sectorsize>"
    yield "\t  <stripesize>0</stripesize>"
    fixed = provider.geom.softc
    offset = fixed.stripeoffset if isinstance(fixed, Fixed) else 0
    yield f"\t  <stripeoffset>{offset}</stripeoffset>"
    yield "\t  <config>"
    yield from _indented("\t    ", provider_config(provider))
    yield "\t  </config>"
    yield "\t</provider>"


def _indented(indent: str, fields: list[tuple[str, object]]) -> Iterator[str]:
    for name, value in fields:
        yield f"{indent}<{name}>{value}</{name}>"


def geom_config(geom: Geom) -> list[tuple[str, object]]:
    """Return what a geom says of itself (dumpconf without a consumer or provider)."""
    softc = geom.softc
    if isinstance(softc, GateUnit):
        return [
            ("access", _ACCESS[softc.spec.access]),
            ("timeout", softc.spec.timeout),
            ("info", softc.spec.info),
            ("queue_count", softc.queued),
            ("queue_size", softc.spec.queue_size),
            ("ref", 1 + softc.serving),
            ("unit", softc.unit),
        ]
    if isinstance(softc, Fixed):
        return list(softc.geom)
    if isinstance(softc, Mirror):
        return [
            ("Type", "AUTOMATIC"),
            ("ID", softc.mid),
            ("SyncID", softc.syncid),
            ("GenID", softc.genid),
            ("Flags", mirror_flags(softc.mflags)),
            ("Slice", softc.slice),
            ("Balance", BALANCES[softc.balance]),
            ("Components", softc.components),
            ("State", softc.state_word),
        ]
    return []


def disk_config(mirror: Mirror, disk: Disk) -> list[tuple[str, object]]:
    """Return what a mirror says of one of its components (g_mirror_dumpconf)."""
    fields: list[tuple[str, object]] = [("ID", disk.did)]
    if disk.state is DiskState.SYNCHRONIZING:
        done = disk.offset_done
        fields.append(("Synchronized", f"{done * 100 // mirror.mediasize}%"))
        if done:
            fields.append(("BytesSynced", done))
    return [
        *fields,
        ("SyncID", disk.syncid),
        ("GenID", disk.genid),
        ("Flags", disk_flags(disk)),
        ("Priority", disk.priority),
        ("State", disk.state.value),
    ]


def disk_flags(disk: Disk) -> str:
    """Name the flags; the word for CANDELETE is missing, a disk with only that has none."""
    if disk.flags == 0 and not disk.hardcoded:
        return "NONE"
    words = (
        (disk.flags & DIRTY, "DIRTY"),
        (bool(disk.hardcoded), "HARDCODED"),
        (disk.flags & INACTIVE, "INACTIVE"),
        (disk.flags & SYNCHRONIZING, "SYNCHRONIZING"),
        (disk.flags & FORCE_SYNC, "FORCE_SYNC"),
        (disk.broken, "BROKEN"),
    )
    return ", ".join(word for present, word in words if present)


def mirror_flags(mflags: int) -> str:
    """Name a mirror's flags."""
    words = ((NOAUTOSYNC, "NOAUTOSYNC"), (NOFAILSYNC, "NOFAILSYNC"))
    return ", ".join(word for bit, word in words if mflags & bit) or "NONE"


def provider_config(provider: Provider) -> list[tuple[str, object]]:
    """Return what a geom says of one of its providers."""
    softc = provider.geom.softc
    if isinstance(softc, MdUnit):
        return [
            ("unit", softc.unit),
            ("sectorsize", provider.sectorsize),
            ("fwheads", 0),
            ("fwsectors", 0),
            ("ident", f"MD-DEV76-INO{softc.inode}"),
            ("length", softc.length),
            ("compression", "off"),
            ("access", "read-write" if softc.writable else "read-only"),
            ("type", "vnode"),
            ("file", softc.path),
            ("cache", "off"),
            ("label", ""),
        ]
    if isinstance(softc, Fixed) and softc.provider:
        return list(softc.provider)
    if provider.geom.cls.name == "LABEL":
        return [
            ("index", 0),
            ("length", provider.mediasize),
            ("seclength", provider.mediasize // provider.sectorsize),
            ("offset", 0),
            ("secoffset", 0),
        ]
    return []
