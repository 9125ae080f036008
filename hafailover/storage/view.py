"""What of an observation concerns one volume?"""

from dataclasses import dataclass
from itertools import pairwise

from hafailover.storage.facts import (
    Component,
    ComponentState,
    Gate,
    GateProcess,
    ImageFacts,
    MemoryDisk,
    Mirror,
    Mount,
    Opener,
    StorageFacts,
)
from hafailover.storage.settings import VolumeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeView:
    """One volume's part of a complete observation.

    Attributes:
        disks: md units whose backing file is the volume's image.
        gates: ggate units that belong to the volume by configuration.
        mirror: The mirror of the volume's name, whatever it consists of.
        mount: What is mounted on the volume's mount point, topmost last.
        device_mounts: Everywhere that the mirror's device is mounted.
        exporters: ggated processes whose exports file belongs to a session of this volume.
        carriers: ggatec processes that serve one of the volume's units.
        openers: Who has the image open; None = was not asked.
    """

    settings: VolumeSettings
    disks: tuple[MemoryDisk, ...]
    gates: tuple[Gate, ...]
    mirror: Mirror | None
    mount: Mount | None
    device_mounts: tuple[Mount, ...]
    exporters: tuple[GateProcess, ...]
    carriers: tuple[GateProcess, ...]
    image: ImageFacts | None
    openers: tuple[Opener, ...] | None
    taken_units: frozenset[str]

    @property
    def local(self) -> Component | None:
        """The mirror's component on this node's own image."""
        if self.mirror is None:
            return None
        names = {f"md{disk.unit}" for disk in self.disks}
        return next((part for part in self.mirror.components if part.provider in names), None)

    @property
    def remote(self) -> Component | None:
        """The mirror's component on the peer's image."""
        if self.mirror is None:
            return None
        names = {f"ggate{unit}" for unit in self.settings.ggate_units}
        return next((part for part in self.mirror.components if part.provider in names), None)

    @property
    def is_mounted(self) -> bool:
        """Whether the volume's own device is what is mounted on its mount point."""
        return self.mount is not None and self.mount.device == self.settings.device

    @property
    def has_two_active(self) -> bool:
        """Whether the mirror holds both copies, both ACTIVE. COMPLETE alone proves nothing."""
        return all(
            part is not None and part.state is ComponentState.ACTIVE
            for part in (self.local, self.remote)
        )

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of the volume is up on this node: no mount, mirror, gate, md or export."""
        return not (
            self.disks
            or self.gates
            or self.mirror
            or self.is_mounted
            or self.device_mounts
            or self.exporters
            or self.carriers
        )

    def export_sessions(self) -> frozenset[str]:
        """Return the sessions that running ggated processes serve."""
        return frozenset(session_of(process) for process in self.exporters)


_KEPT_MAX = 512
_kept: dict[int, tuple[VolumeSettings, StorageFacts, VolumeView | None]] = {}
"""Of each volume, by its settings' identity: the last observation asked about, and its view. Older ones are let go."""


def view_volume(settings: VolumeSettings, facts: StorageFacts) -> VolumeView | None:
    """Return the volume's part of ``facts``, or None if anything about it is unknown.

    One observation is asked about in every step until the next one comes: the answer is worked out once.
    """
    known = _kept.get(id(settings))
    if known is None or known[0] is not settings or known[1] is not facts:
        if known is None and len(_kept) >= _KEPT_MAX:
            _kept.clear()
        known = _kept[id(settings)] = (settings, facts, _view(settings, facts))
    return known[2]


def _view(settings: VolumeSettings, facts: StorageFacts) -> VolumeView | None:
    if not facts.is_complete:
        return None
    disks, gates, mirrors, mounts, processes = (
        facts.memory_disks or (),
        facts.gates or (),
        facts.mirrors or (),
        facts.mounts or (),
        facts.processes or (),
    )
    there = [mount for mount in mounts if mount.mount_point == settings.mount_point]
    openers = dict(facts.openers)
    carriers = tuple(
        process
        for process in processes
        if process.program == "ggatec" and unit_of(process) in settings.ggate_units
    )
    return VolumeView(
        settings=settings,
        disks=tuple(disk for disk in disks if disk.file == settings.image),
        gates=tuple(gate for gate in gates if gate.unit in settings.ggate_units),
        mirror=next((mirror for mirror in mirrors if mirror.name == settings.mirror), None),
        mount=there[-1] if there else None,
        device_mounts=tuple(mount for mount in mounts if mount.device == settings.device),
        exporters=tuple(
            process
            for process in processes
            if process.program == "ggated"
            and session_of(process).rpartition("-")[0] == settings.mirror
        ),
        carriers=carriers,
        image=facts.image(settings.image),
        openers=openers.get(settings.image),
        taken_units=frozenset(
            {f"md{disk.unit}" for disk in disks}
            | {f"ggate{gate.unit}" for gate in gates}
            | {f"ggate{unit_of(process)}" for process in carriers}
            | set(facts.held_units)
        ),
    )


def session_of(process: GateProcess) -> str:
    """Return the export session of a ggated, which is the name of its exports file's directory; empty if none."""
    last = process.arguments[-1] if len(process.arguments) > 1 else ""
    names = [name for name in last.split("/") if name not in ("", ".")]
    return names[-2] if last.startswith("/") and len(names) > 1 else ""


def unit_of(process: GateProcess) -> int:
    """Return the ggate unit that a ggatec serves; -1 if it names none."""
    arguments = process.arguments
    for flag, value in pairwise(arguments):
        if flag == "-u" and value.isdigit():
            return int(value)
    return -1
