"""Can this host carry the volumes: classes, units, images, mount points, file systems?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hafailover.config.host_facts import HostFacts, PathFacts
from hafailover.config.judge_host import RC_FILES, mount_of
from hafailover.config.remarks import Finding, error, note, warning
from hafailover.runtime.settings import NodeSettings
from hafailover.storage.settings import VolumeSettings

_CLASSES: Final = (("MIRROR", "geom_mirror"), ("GATE", "geom_gate"), ("MD", "geom_md"))
TOOLS: Final[Mapping[str, str]] = {
    "mdconfig": "FreeBSD-runtime",
    "gmirror": "FreeBSD-geom",
    "ggatec": "FreeBSD-ggate",
    "ggated": "FreeBSD-ggate",
    "newfs": "FreeBSD-ufs",
    "fsck_ffs": "FreeBSD-ufs",
    "growfs": "FreeBSD-ufs",
}
"""By the package each is in, where the base system is made of packages: the minimal set has no ggate."""
_OWN_ENTRIES: Final = (".hafailover", "NOTHING-IS-MOUNTED-HERE")
"""What the agent itself leaves in a bare mount point."""


def judge_storage(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """Yield what is wrong with the host's storage; nothing where there can be none."""
    volumes = [(group.name, volume) for group in settings.groups for volume in group.volumes]
    if not volumes or not facts.is_able:
        return
    yield from _tools(facts)
    yield from _classes(facts)
    for group, volume in volumes:
        where = f"groups.{group}.volumes.{volume.name}"
        yield from _image(volume, facts, where)
        yield from _units(volume, facts, where)
        yield from _mirror(volume, facts, where)
        yield from _mount_point(volume, facts, where)
        yield from _file_system(volume, facts, where)
        yield from _fstab(volume, facts)
        yield from _rc_conf(volume, facts)
    if settings.peer:
        yield from _peer_images(settings, facts, [volume for _, volume in volumes])


def _peer_images(
    settings: NodeSettings, facts: HostFacts, volumes: Sequence[VolumeSettings]
) -> Iterator[Finding]:
    """Compare the sizes of the peer's images, which only the two running agents can tell."""
    peer, sizes = settings.peer, facts.peer_image_bytes
    unknown = [volume.name for volume in volumes if not sizes.get(volume.name)]
    for volume in volumes:
        size = sizes.get(volume.name)
        if size and size != volume.size_bytes:
            yield error(
                f"the image of {volume.name} on {peer} has {size} bytes, this one is to have "
                f"{volume.size_bytes}",
                f"nodes.{peer}",
                "both nodes' images must have exactly the configured size",
            )
    if unknown:
        reason = (
            f"{peer} has not told its size"
            if facts.is_agent_running
            else "the agent is not running"
        )
        yield note(
            f"the images of the two nodes were not compared ({', '.join(unknown)}): {reason}",
            f"nodes.{peer}",
            "run hafailover check again while both agents run, or on the other node too",
        )


def _tools(facts: HostFacts) -> Iterator[Finding]:
    for tool in facts.missing_tools:
        yield error(
            f"{tool}(8) is not on this host",
            "the base system",
            f"pkg install {TOOLS[tool]}, where it is made of packages",
        )


def _classes(facts: HostFacts) -> Iterator[Finding]:
    if facts.geom_classes is None:
        yield error(
            f"the storage of this host could not be seen: {facts.geom_problem}",
            "sysctl kern.geom.confxml",
            "without that nothing is ever promoted",
        )
        return
    for name, module in _CLASSES:
        if name not in facts.geom_classes:
            yield error(
                f"the kernel module {module} is not loaded",
                "kldstat(8)",
                f"kldload {module}; for every boot: sysrc kld_list+={module}",
            )


def _image(volume: VolumeSettings, facts: HostFacts, where: str) -> Iterator[Finding]:
    image, path = facts.path(volume.image), volume.image
    where = f"{where}.image"
    yield from _link(path, image, where)
    if image.problem:
        yield warning(f"{path} could not be looked at: {image.problem}", where, "run as root")
    elif not image.exists:
        yield error(
            f"the image {path} does not exist",
            where,
            f"hafailover init makes it, {volume.size_bytes} bytes, every block of it",
        )
    elif not image.is_file:
        yield error(f"{path} is no regular file", where, "give an image file, not a device")
    else:
        yield from _image_file(volume, image, facts, where)


def _link(path: str, facts: PathFacts, where: str) -> Iterator[Finding]:
    if facts.real:
        yield error(
            f"{path} leads through a symbolic link to {facts.real}",
            where,
            f"write {facts.real}: that is what mdconfig(8) and mount(8) tell the kernel, and what it shows",
        )


def _image_file(
    volume: VolumeSettings, image: PathFacts, facts: HostFacts, where: str
) -> Iterator[Finding]:
    if image.size_bytes != volume.size_bytes:
        yield error(
            f"{volume.image} has {image.size_bytes} bytes, configured are {volume.size_bytes}",
            where,
            "both nodes' images must have exactly the configured size",
        )
    elif image.allocated_bytes < volume.size_bytes:
        missing = (volume.size_bytes - image.allocated_bytes) >> 20
        yield warning(
            f"{volume.image} is sparse: {missing} MiB of it are not allocated (or compressed)",
            where,
            "a full disk would fail a write later: write it out once, before it holds data",
        )
    if not image.is_writable:
        yield error(
            f"{volume.image} cannot be written: md(4) would attach it read-only, and exit 0",
            where,
            f"chmod 0600 {volume.image}; chflags noschg,nouchg {volume.image}",
        )
    if image.mode & 0o077:
        yield warning(
            f"{volume.image} has mode {image.mode:04o}: others can read or write the data",
            where,
            f"chmod 0600 {volume.image}",
        )
    if image.owner not in {0, facts.own_user}:
        yield warning(
            f"{volume.image} belongs to user {image.owner}", where, f"chown root {volume.image}"
        )


def _units(volume: VolumeSettings, facts: HostFacts, where: str) -> Iterator[Finding]:
    if facts.geom is None:
        return
    for disk in facts.geom.memory_disks:
        if disk.unit in volume.md_units and disk.file != volume.image:
            holder = disk.file or "something else"
            yield error(
                f"md{disk.unit} is taken by {holder}",
                f"{where}.md_units",
                f"mdconfig -d -u {disk.unit}, or choose other units",
            )
        elif disk.file == volume.image and not facts.is_agent_running:
            yield warning(
                f"{volume.image} is attached as md{disk.unit} while the agent is not running",
                f"{where}.image",
                "the agent adopts or detaches it when it starts; whoever else uses it must stop",
            )
    for gate in facts.geom.gates:
        if gate.unit in volume.ggate_units and not facts.is_agent_running:
            yield warning(
                f"ggate{gate.unit} exists while the agent is not running ({gate.info})",
                f"{where}.ggate_units",
                f"if it is nobody's: ggatec destroy -f -u {gate.unit}",
            )


def _mirror(volume: VolumeSettings, facts: HostFacts, where: str) -> Iterator[Finding]:
    """Yield a mirror that only shares the name; a running agent may have lost its own component."""
    if facts.geom is None or facts.is_agent_running:
        return
    own = {f"md{disk.unit}" for disk in facts.geom.memory_disks if disk.file == volume.image}
    for mirror in facts.geom.mirrors:
        parts = {part.provider for part in mirror.components}
        if mirror.name == volume.mirror and parts and not parts & own:
            yield error(
                f"mirror {mirror.name} is there and does not stand on {volume.image}, "
                f"but on {', '.join(sorted(parts))}",
                f"{where}.mirror",
                "put the path of its image into the configuration, or give the volume another mirror name",
            )


def _mount_point(volume: VolumeSettings, facts: HostFacts, where: str) -> Iterator[Finding]:
    path, point = volume.mount_point, facts.path(volume.mount_point)
    where = f"{where}.mount_point"
    yield from _link(path, point, where)
    mounted = None
    if facts.mounts is not None:
        mounted = next((m for m in reversed(facts.mounts) if m.mount_point == path), None)
        image_mount = mount_of(volume.image, facts.mounts)
        if image_mount is not None and image_mount.device == volume.device:
            yield error(
                f"{volume.image} lies on the volume itself", where, "move the image elsewhere"
            )
    if mounted is not None:
        if mounted.device != volume.device:
            yield error(
                f"{mounted.device} is mounted on {path}",
                where,
                f"umount {path}, and remove it from /etc/fstab",
            )
        elif not facts.is_agent_running:
            yield warning(
                f"{path} is mounted while the agent is not running",
                where,
                "the agent adopts it, or takes it down first, when it starts",
            )
        return
    if not point.exists:
        yield error(f"the mount point {path} does not exist", where, f"mkdir -p {path}")
    elif not point.is_directory:
        yield error(f"{path} is no directory", where, "give a directory")
    else:
        strangers = [name for name in point.entries if name not in _OWN_ENTRIES]
        if strangers:
            yield error(
                f"the bare mount point {path} is not empty: {', '.join(strangers[:3])}",
                where,
                "move it away: services wrote there while the volume was not mounted",
            )


def _file_system(volume: VolumeSettings, facts: HostFacts, where: str) -> Iterator[Finding]:
    journaled = facts.journaled.get(volume.name)
    if journaled is None:
        if facts.path(volume.image).exists:
            yield note(
                "whether the file system has SU+J could not be seen here",
                where,
                "on the primary: tunefs -p " + volume.device,
            )
    elif journaled is not volume.journaled:
        has, says, wanted = (
            ("has", "false", "disable") if journaled else ("has no", "true", "enable")
        )
        yield warning(
            f"the file system {has} SU+J, but journaled is {says}",
            f"{where}.journaled",
            f"correct the file on both nodes, or, unmounted: tunefs -j {wanted} {volume.device}",
        )


def _fstab(volume: VolumeSettings, facts: HostFacts) -> Iterator[Finding]:
    lines = facts.texts.get("/etc/fstab", "").splitlines()
    for number, line in enumerate(lines, start=1):
        fields = line.partition("#")[0].split()
        if len(fields) >= 2 and (fields[0] == volume.device or fields[1] == volume.mount_point):
            yield error(
                f"{volume.mount_point} is in /etc/fstab",
                f"/etc/fstab:{number}",
                "remove the line: only the agent may mount it",
            )


def _rc_conf(volume: VolumeSettings, facts: HostFacts) -> Iterator[Finding]:
    for path in RC_FILES:
        for number, line in enumerate(facts.texts.get(path, "").splitlines(), start=1):
            name = line.strip().partition("=")[0]
            match = re.fullmatch(r"mdconfig_md([0-9]{1,9})", name)
            if match and (int(match[1]) in volume.md_units or volume.image in line):
                yield error(
                    f"md{match[1]} is attached at boot",
                    f"{path}:{number}",
                    f"sysrc -x {name}: only the agent may attach the image",
                )
